/* What a pool needs of POSIX threads. The objects that attnc carries are made
   without headers of a C library and link with any of them: on 64-bit machines
   64 bytes hold a mutex and a condition of glibc (at most 48) and of musl. */
#ifndef RUNTIME_ATTN_RT_THREADS_H
#define RUNTIME_ATTN_RT_THREADS_H

#if __STDC_HOSTED__
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
_Static_assert(sizeof(pthread_mutex_t) <= 64 && sizeof(pthread_cond_t) <= 64 &&
                   sizeof(pthread_t) <= sizeof(void *),
               "what is assumed below");
#else
#include <stddef.h>
#include <stdint.h>

typedef uintptr_t pthread_t;
typedef union {
  char bytes[64];
  uintptr_t alignment;
} pthread_mutex_t, pthread_cond_t;

int pthread_create(pthread_t *thread, const void *attributes,
                   void *(*start)(void *), void *argument);
int pthread_join(pthread_t thread, void **result);
int pthread_mutex_init(pthread_mutex_t *mutex, const void *attributes);
int pthread_mutex_lock(pthread_mutex_t *mutex);
int pthread_mutex_unlock(pthread_mutex_t *mutex);
int pthread_mutex_destroy(pthread_mutex_t *mutex);
int pthread_cond_init(pthread_cond_t *condition, const void *attributes);
int pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex);
int pthread_cond_signal(pthread_cond_t *condition);
int pthread_cond_broadcast(pthread_cond_t *condition);
int pthread_cond_destroy(pthread_cond_t *condition);
void *malloc(size_t bytes);
void free(void *memory);
int *__errno_location(void);
#define errno (*__errno_location())
#endif

#endif /* RUNTIME_ATTN_RT_THREADS_H */

/* How TVM-FFI calls a function of a shared library: what attn_rt_ffi.c needs of
   its C ABI (tvm/ffi/c_api.h of apache-tvm-ffi 0.1.15,
   github.com/apache/tvm-ffi, whose names stand in parentheses). */
#ifndef RUNTIME_ATTN_RT_FFI_H
#define RUNTIME_ATTN_RT_FFI_H

#include "runtime/attn_rt.h"

/* Types of values (TVMFFITypeIndex). A bool is no integer. */
enum {
  ATTN_FFI_NONE = 0,
  ATTN_FFI_INT = 1,
  ATTN_FFI_TENSOR_POINTER = 7, /* pointer: a DLTensor, borrowed */
  ATTN_FFI_TENSOR = 70         /* pointer: an attn_ffi_tensor */
};

/* An argument or a result (TVMFFIAny). */
typedef struct attn_ffi_any {
  int32_t type;
  uint32_t padding; /* 0 */
  union {
    int64_t integer;
    void *pointer;
  };
} attn_ffi_any;

/* A tensor that counts its references: TVMFFIObject, then the DLTensor. */
typedef struct attn_ffi_tensor {
  uint64_t references;
  int32_t type;
  uint32_t padding;
  union {
    void (*deleter)(void *self, int flags);
    int64_t room;
  };
  DLTensor tensor;
} attn_ffi_tensor;

/* The exported __tvm_ffi_ functions forward to these (TVMFFISafeCallType after
   kernel and kinds). 0, or -1 with the error raised. */
int32_t attn_rt_ffi_run(const attn_rt_kernel *kernel, uint32_t kinds,
                        void *handle, const attn_ffi_any *args, int32_t count,
                        attn_ffi_any *result);
int32_t attn_rt_ffi_workspace(const attn_rt_kernel *kernel, uint32_t kinds,
                              void *handle, const attn_ffi_any *args,
                              int32_t count, attn_ffi_any *result);
/* The weights, packed. */
int32_t attn_rt_ffi_pack_weights(const attn_rt_kernel *kernel, void *handle,
                                 const attn_ffi_any *args, int32_t count,
                                 attn_ffi_any *result);
int32_t attn_rt_ffi_packed_weights_bytes(const attn_rt_kernel *kernel,
                                         void *handle, const attn_ffi_any *args,
                                         int32_t count, attn_ffi_any *result);
/* outputs, lses, sinks, output, lse. */
int32_t attn_rt_ffi_merge(const char *symbol, void *handle,
                          const attn_ffi_any *args, int32_t count,
                          attn_ffi_any *result);

#endif /* RUNTIME_ATTN_RT_FFI_H */

/* A shared library that is opened as a plug-in, and its functions by name. */
#include <dlfcn.h>

#define TEXT(x) TEXT_OF(x)
#define TEXT_OF(x) #x

static void *library;

static void *find(const char *name) {
  void *address = dlsym(library, name);
  if (!address) {
    printf("FAIL: %s\n", dlerror());
    exit(1);
  }
  return address;
}

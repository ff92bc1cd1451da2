/* Calls the shared library as TVM-FFI does, with its C ABI as the runtime
   writes it down. With -DRAISER this program takes the errors, as libtvm_ffi
   does, but exports the function that takes them to libraries that are open
   already. */
#include "problem.h"

#include "runtime/attn_rt_ffi.h"

#include "plugin.h"

typedef int32_t (*safe_call)(void *handle, const attn_ffi_any *args,
                             int32_t count, attn_ffi_any *result);

#ifdef RAISER
void TVMFFIErrorSetRaisedFromCStr(const char *kind, const char *message);
void TVMFFIErrorSetRaisedFromCStr(const char *kind, const char *message) {
  printf("%s: %s\n", kind, message);
}
#endif

uint64_t ENTRY(_core_workspace)(const attn_maxima *maxima) {
  uint64_t (*c)(const attn_maxima *) = find(TEXT(NAME) "_core_workspace");
  return c(maxima);
}

static const attn_ffi_any none = {ATTN_FFI_NONE, 0, {0}};

static attn_ffi_any integer(int64_t value) {
  attn_ffi_any any = {ATTN_FFI_INT, 0, {value}};
  return any;
}

static attn_ffi_any pointer(int32_t type, const void *value) {
  attn_ffi_any any = {type, 0, {0}};
  any.pointer = (void *)value;
  return any;
}

/* Calls with `count` arguments of these, and says what came back. */
static void call(const problem *p, const char *what, const attn_ffi_any *args,
                 int32_t count) {
  attn_ffi_any result = {99, 0, {0}};
  safe_call run = (safe_call)find("__tvm_ffi_" TEXT(NAME) "_core");
  int32_t failed = run(NULL, args, count, &result);
  printf("%s: %d%s\n", what, failed,
         failed                         ? ""
         : result.type != ATTN_FFI_NONE ? ", with a result"
         : !(largest_error(p) < 1e-4)   ? ", wrong"
                                        : ", right");
  fflush(stdout);
}

/* A uint8 vector of the bytes that the library asks for, at the worst address:
   a byte behind a cache line, and it ends at the guard page. */
static tensor *make_workspace(void) {
  attn_ffi_any sizes[] = {integer(2), integer(9), integer(40)}, bytes = none;
  safe_call measure =
      (safe_call)find("__tvm_ffi_" TEXT(NAME) "_core_workspace");
  tensor *workspace = calloc(1, sizeof(*workspace));
  if (measure(NULL, sizes, 3, &bytes) || bytes.type != ATTN_FFI_INT)
    exit(1);
  make(workspace, kDLUInt, 1, 1, 1, 1, 1);
  workspace->dl.dtype.bits = 8;
  workspace->shape[0] = bytes.integer;
  workspace->dl.data = guarded((size_t)bytes.integer);
  return workspace;
}

static void call_rightly(problem *p, attn_ffi_any *args) {
  tensor *workspace = make_workspace();
  poison(p);
  call(p, "objects", args, 6);
  args[6] = integer(0);
  args[7] = none;
  args[8] = pointer(ATTN_FFI_TENSOR_POINTER, &workspace->dl);
  poison(p);
  call(p, "workspace", args, 9);
  workspace->shape[0] = 70;
  call(p, "small workspace", args, 9);
  workspace->dl.data = NULL;
  call(p, "workspace without data", args, 9);
  workspace->shape[0] = 0;
  call(p, "empty workspace", args, 9);
  workspace->shape[0] = -1;
  call(p, "negative workspace", args, 9);
  workspace->dl.shape = NULL;
  call(p, "workspace without a shape", args, 9);
}

static void call_wrongly(const problem *p, attn_ffi_any *args) {
  attn_ffi_any query = args[0];
  call(p, "too few", args, 5);
  call(p, "too many", args, 17);
  args[0] = integer(1);
  call(p, "an integer", args, 6);
  args[0] = none;
  call(p, "none", args, 6);
  args[0] = query;
  args[6] = integer(-1);
  call(p, "layer", args, 7);
  args[6] = none;
  args[7] = integer(4);
  call(p, "flags", args, 8);
  ((attn_ffi_tensor *)args[4].pointer)->tensor.dtype.bits = 64;
  call(p, "type", args, 6);
}

int main(int argc, char **argv) {
  library = argc > 1 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
  if (!library) {
    printf("FAIL: %s\n", dlerror());
    return 1;
  }
  problem *p = pose(2, 9, 40, 1);
  const DLTensor *tensors[] = {p->args.query,  p->args.key,
                               p->args.value,  p->args.kv_lengths,
                               p->args.output, p->args.lse};
  attn_ffi_tensor objects[6] = {{0}};
  attn_ffi_any args[17] = {{0}};
  for (int i = 0; i < 6; ++i)
    args[i] = pointer(ATTN_FFI_TENSOR_POINTER, tensors[i]);
  poison(p);
  call(p, "pointers", args, 6);
  for (int i = 0; i < 6; ++i) {
    objects[i].type = ATTN_FFI_TENSOR;
    objects[i].tensor = *tensors[i];
    args[i] = pointer(ATTN_FFI_TENSOR, &objects[i]);
  }
  call_rightly(p, args);
  call_wrongly(p, args);
  return 0;
}

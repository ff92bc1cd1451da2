/* TVM-FFI's view of an entry, in shared libraries only: the tensors in manifest
   order (None: absent), then an int layer, int flags, a uint8 workspace, and
   the tensors of attn_rt_tail.h, which may be left out or None. Tasks run one
   after the other on the calling thread.

   A call that is given its workspace makes no malloc, like any call. One
   without allocates for its own time: Python has no way to know a size
   beforehand but to ask, and should not have to for a first try. libc and
   TVM-FFI are looked up at run time, so the library needs neither to be linked.
 */
#include "runtime/attn_rt_ffi.h"

#include "runtime/attn_rt_impl.h"

extern void *dlsym(void *handle, const char *name) __attribute__((weak));
extern void *malloc(size_t bytes) __attribute__((weak));
extern void free(void *memory) __attribute__((weak));

/* What follows the tensors. */
#define OPTION(name) OPTION_##name,
enum {
  LAYER,
  FLAGS,
  WORKSPACE,
  ATTN_RT_TAIL(ATTN_RT_NO_FIELD, ATTN_RT_NO_FIELD, OPTION) OPTIONS
};
#undef OPTION

/* ", q_indptr" and so on. */
#define NAMED(name) ", " #name
#define TAIL_NAMES ATTN_RT_TAIL(ATTN_RT_NO_FIELD, ATTN_RT_NO_FIELD, NAMED)

/* The args of any kernel: its tail follows the last of its tensors. */
typedef struct {
  uint32_t size, abi, layer, flags;
  const DLTensor *tensors[ATTN_RT_MAX_TENSORS];
  attn_rt_tail room;
} ffi_args;

typedef struct {
  const char *symbol;
  const attn_rt_kernel *kernel;
  uint32_t kinds;
  ffi_args args;
  attn_context context;
  char text[512];
} ffi_call;

static void open_context(ffi_call *call, const char *symbol) {
  call->symbol = symbol;
  call->context = (attn_context)ATTN_CONTEXT_INIT;
  call->context.text = call->text;
  call->context.text_bytes = sizeof(call->text);
  call->text[0] = 0;
}

static void open_call(ffi_call *call, const attn_rt_kernel *kernel,
                      uint32_t kinds) {
  open_context(call, kernel->symbol);
  call->kernel = kernel;
  call->kinds = kinds;
  call->args.size = (uint32_t)(offsetof(ffi_args, tensors) +
                               (uint64_t)kernel->tensor_count *
                                   sizeof(call->args.tensors[0]) +
                               sizeof(attn_rt_tail));
  call->args.abi = ATTN_ABI_VERSION;
  call->args.layer = call->args.flags = 0;
}

/* The Python exception that TVM-FFI makes of a refusal. */
static const char *kind_of(attn_status status) {
  if (status == ATTN_BAD_ARGS || status == ATTN_BAD_DTYPE)
    return "TypeError";
  return status == ATTN_BAD_TARGET ? "RuntimeError" : "ValueError";
}

/* Without TVM-FFI in the process nobody reads the message. */
static int32_t raise_error(const ffi_call *call, attn_status status) {
  union {
    void *address;
    void (*set_raised)(const char *kind, const char *message);
  } found = {0};
  if (dlsym)
    found.address = dlsym(/*RTLD_DEFAULT*/ 0, "TVMFFIErrorSetRaisedFromCStr");
  if (found.address)
    found.set_raised(kind_of(status), call->text);
  return -1;
}

static const char *name_of(int32_t type) {
  static const char *const names[] = {"None", "an int", "a bool", "a float"};
  if (type >= 0 && type < (int32_t)(sizeof(names) / sizeof(names[0])))
    return names[type];
  if (type == ATTN_FFI_TENSOR_POINTER || type == ATTN_FFI_TENSOR)
    return "a tensor";
  return "of another type";
}

static attn_status wrong_type(const ffi_call *call, const char *name,
                              const attn_ffi_any *arg, const char *expected) {
  return attn_rt_fail(&call->context, ATTN_BAD_ARGS,
                      "%s: %s is %s, expected %s", call->symbol, name,
                      name_of(arg->type), expected);
}

/* The runtime answers for a tensor that is absent and must not be. */
static attn_status read_tensor(const ffi_call *call, const char *name,
                               int64_t role, const attn_ffi_any *arg,
                               const DLTensor **tensor) {
  if (arg->type == ATTN_FFI_NONE)
    *tensor = 0;
  else if (arg->type == ATTN_FFI_TENSOR_POINTER)
    *tensor = arg->pointer;
  else if (arg->type == ATTN_FFI_TENSOR)
    *tensor = &((const attn_ffi_tensor *)arg->pointer)->tensor;
  else
    return wrong_type(call, name, arg,
                      role & ATTN_RT_OPTIONAL ? "a tensor or None"
                                              : "a tensor");
  return ATTN_OK;
}

static attn_status read_int(const ffi_call *call, const char *name,
                            const attn_ffi_any *arg, int64_t most,
                            int64_t *value) {
  if (arg->type != ATTN_FFI_INT)
    return wrong_type(call, name, arg, "an int");
  *value = arg->integer;
  if (*value >= 0 && *value <= most)
    return ATTN_OK;
  return attn_rt_fail(&call->context, ATTN_BAD_LENGTH,
                      "%s: %s is %d, expected 0 to %d", call->symbol, name,
                      *value, most);
}

/* `word` stays as it is where the argument is None. */
static attn_status read_option(const ffi_call *call, const char *name,
                               const attn_ffi_any *arg, uint32_t *word) {
  int64_t value = *word;
  attn_status status = arg->type == ATTN_FFI_NONE
                           ? ATTN_OK
                           : read_int(call, name, arg, UINT32_MAX, &value);
  *word = (uint32_t)value;
  return status;
}

/* Any uint8 vector will do: what lies before its first cache line is unused. */
static attn_status read_workspace(ffi_call *call, const attn_ffi_any *arg) {
  static const attn_rt_tensor bytes = {
      "workspace", 0, 1, {kDLUInt, 8, 1}, {-1}, {ATTN_RT_NO_SYMBOL}, {"bytes"}};
  const DLTensor *tensor = 0;
  attn_rt_call checked;
  attn_rt_view view;
  uint64_t begin, skipped;
  attn_status status =
      read_tensor(call, bytes.name, ATTN_RT_OPTIONAL, arg, &tensor);
  if (status || !tensor)
    return status;
  checked.kernel = call->kernel;
  status =
      attn_rt_check_tensor(&checked, &call->context, &bytes, tensor, &view);
  if (status)
    return status;
  begin = (uint64_t)(uintptr_t)view.data;
  skipped = (0 - begin) % ATTN_RT_CACHE_LINE;
  if ((uint64_t)view.extent[0] <= skipped)
    return attn_rt_fail(&call->context, ATTN_BAD_WORKSPACE,
                        "%s: workspace has %d bytes, which hold no cache line",
                        call->symbol, view.extent[0]);
  call->context.workspace = (void *)(uintptr_t)(begin + skipped);
  call->context.workspace_bytes = (uint64_t)view.extent[0] - skipped;
  return ATTN_OK;
}

static attn_status check_count(const ffi_call *call, int32_t count) {
  const attn_rt_kernel *kernel = call->kernel;
  int64_t tensors = kernel->tensor_count;
  if (count >= tensors && count <= tensors + OPTIONS)
    return ATTN_OK;
  return attn_rt_fail(&call->context, ATTN_BAD_ARGS,
                      "%s: got %d arguments, expected %d to %d: the tensors "
                      "from '%s' to '%s', layer, flags, workspace" TAIL_NAMES,
                      kernel->symbol, (int64_t)count, tensors,
                      tensors + OPTIONS, kernel->tensors[0].name,
                      kernel->tensors[tensors - 1].name);
}

/* The tensors that say how rows, caches and weights are kept, and which keys of
   their sequences these are. */
#define ROW(name) {#name, options[OPTION_##name], &tail.name},
static attn_status read_tail(ffi_call *call,
                             const attn_ffi_any *const *options) {
  attn_rt_tail tail = {0};
  char *to = (char *)&call->args.tensors[call->kernel->tensor_count];
  const struct {
    const char *name;
    const attn_ffi_any *arg;
    const DLTensor **tensor;
  } rows[] = {ATTN_RT_TAIL(ATTN_RT_NO_FIELD, ATTN_RT_NO_FIELD, ROW)};
  for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); ++i) {
    attn_status status = read_tensor(call, rows[i].name, ATTN_RT_OPTIONAL,
                                     rows[i].arg, rows[i].tensor);
    if (status)
      return status;
  }
  for (uint64_t i = 0; i < sizeof(tail); ++i)
    to[i] = ((const char *)&tail)[i];
  return ATTN_OK;
}
#undef ROW

static attn_status read_args(ffi_call *call, const attn_ffi_any *args,
                             int32_t count) {
  static const attn_ffi_any none = {ATTN_FFI_NONE, 0, {0}};
  const attn_rt_kernel *kernel = call->kernel;
  const attn_ffi_any *options[OPTIONS];
  attn_status status = check_count(call, count);
  for (int64_t i = 0; i < kernel->tensor_count && !status; ++i)
    status = read_tensor(call, kernel->tensors[i].name, kernel->tensors[i].role,
                         &args[i], &call->args.tensors[i]);
  if (status)
    return status;
  for (int64_t i = 0; i < OPTIONS; ++i)
    options[i] = kernel->tensor_count + i < count
                     ? &args[kernel->tensor_count + i]
                     : &none;
  status = read_option(call, "layer", options[LAYER], &call->args.layer);
  if (!status)
    status = read_option(call, "flags", options[FLAGS], &call->args.flags);
  if (!status)
    status = read_tail(call, options);
  return status ? status : read_workspace(call, options[WORKSPACE]);
}

/* Runs in memory of its own; if there is none, the runtime says how much it
   takes. */
static attn_status run_allocating(ffi_call *call) {
  uint64_t bytes = 0, begin;
  void *memory = 0;
  attn_status status = attn_rt_measure(call->kernel, call->kinds, &call->args,
                                       &call->context, &bytes);
  if (status)
    return status;
  if (malloc && free && bytes < SIZE_MAX - ATTN_RT_CACHE_LINE)
    memory = malloc(bytes + ATTN_RT_CACHE_LINE - 1);
  if (memory) {
    begin = (uint64_t)(uintptr_t)memory + ATTN_RT_CACHE_LINE - 1;
    begin -= begin % ATTN_RT_CACHE_LINE;
    call->context.workspace = (void *)(uintptr_t)begin;
    call->context.workspace_bytes = bytes;
  }
  status = attn_rt_run(call->kernel, call->kinds, &call->args, &call->context);
  if (memory)
    free(memory);
  return status;
}

int32_t attn_rt_ffi_run(const attn_rt_kernel *kernel, uint32_t kinds,
                        void *handle, const attn_ffi_any *args, int32_t count,
                        attn_ffi_any *result) {
  ffi_call call;
  attn_status status;
  (void)handle;
  open_call(&call, kernel, kinds);
  status = read_args(&call, args, count);
  if (!status)
    status = call.context.workspace
                 ? attn_rt_run(kernel, kinds, &call.args, &call.context)
                 : run_allocating(&call);
  if (status)
    return raise_error(&call, status);
  *result = (attn_ffi_any){ATTN_FFI_NONE, 0, {0}};
  return 0;
}

/* batch, query_length and, if the caller promises it, kv_length. */
static attn_status read_maxima(const ffi_call *call, const attn_ffi_any *args,
                               int32_t count, attn_maxima *maxima) {
  attn_status status;
  if (count < 2 || count > 3)
    return attn_rt_fail(&call->context, ATTN_BAD_ARGS,
                        "%s: got %d arguments, expected 2 or 3: batch, "
                        "query_length, kv_length",
                        call->symbol, (int64_t)count);
  status = read_int(call, "batch", &args[0], INT64_MAX, &maxima->batch);
  if (!status)
    status = read_int(call, "query_length", &args[1], INT64_MAX,
                      &maxima->query_length);
  if (!status && count == 3)
    status =
        read_int(call, "kv_length", &args[2], INT64_MAX, &maxima->kv_length);
  return status;
}

int32_t attn_rt_ffi_workspace(const attn_rt_kernel *kernel, uint32_t kinds,
                              void *handle, const attn_ffi_any *args,
                              int32_t count, attn_ffi_any *result) {
  ffi_call call;
  attn_maxima maxima = ATTN_MAXIMA_INIT;
  uint64_t bytes;
  attn_status status;
  (void)handle;
  open_call(&call, kernel, kinds);
  status = read_maxima(&call, args, count, &maxima);
  if (status)
    return raise_error(&call, status);
  bytes = attn_rt_workspace(kernel, kinds, &maxima);
  if (bytes > INT64_MAX - ATTN_RT_CACHE_LINE) {
    status = attn_rt_fail(&call.context, ATTN_BAD_WORKSPACE,
                          "%s: no memory is enough for batch %d, query_length "
                          "%d and kv_length %d (0: any)",
                          kernel->symbol, maxima.batch, maxima.query_length,
                          maxima.kv_length);
    return raise_error(&call, status);
  }
  /* Wherever a uint8 tensor begins, its cache lines are enough. */
  *result = (attn_ffi_any){
      ATTN_FFI_INT, 0, {(int64_t)bytes + ATTN_RT_CACHE_LINE - 1}};
  return 0;
}

int32_t attn_rt_ffi_packed_weights_bytes(const attn_rt_kernel *kernel,
                                         void *handle, const attn_ffi_any *args,
                                         int32_t count, attn_ffi_any *result) {
  ffi_call call;
  (void)handle, (void)args;
  open_context(&call, kernel->symbol);
  if (count)
    return raise_error(&call,
                       attn_rt_fail(&call.context, ATTN_BAD_ARGS,
                                    "%s: got %d arguments, expected none",
                                    kernel->symbol, (int64_t)count));
  *result = (attn_ffi_any){
      ATTN_FFI_INT, 0, {(int64_t)attn_rt_packed_weights_bytes(kernel)}};
  return 0;
}

/* The weights in manifest order, where they go, and whose they are. */
static attn_status read_weights(ffi_call *call, const attn_ffi_any *args,
                                int32_t count, const DLTensor **packed) {
  const attn_rt_kernel *kernel = call->kernel;
  int64_t weights = kernel->targets[0].packing_count;
  attn_status status = ATTN_OK;
  for (int64_t i = 0; i < kernel->tensor_count; ++i)
    call->args.tensors[i] = 0;
  if (count != weights + 1 && count != weights + 2)
    return attn_rt_fail(&call->context, ATTN_BAD_ARGS,
                        "%s: got %d arguments, expected %d or %d: the weights, "
                        "packed, and layer",
                        kernel->symbol, (int64_t)count, weights + 1,
                        weights + 2);
  for (int64_t i = 0; i < weights && !status; ++i) {
    int64_t tensor = kernel->targets[0].packings[i].tensor;
    status = read_tensor(call, kernel->tensors[tensor].name,
                         kernel->tensors[tensor].role, &args[i],
                         &call->args.tensors[tensor]);
  }
  if (!status)
    status = read_tensor(call, "packed", 0, &args[weights], packed);
  return status || count == weights + 1
             ? status
             : read_option(call, "layer", &args[weights + 1],
                           &call->args.layer);
}

int32_t attn_rt_ffi_pack_weights(const attn_rt_kernel *kernel, void *handle,
                                 const attn_ffi_any *args, int32_t count,
                                 attn_ffi_any *result) {
  ffi_call call;
  const DLTensor *packed = 0;
  attn_status status;
  (void)handle;
  open_call(&call, kernel, 0);
  status = read_weights(&call, args, count, &packed);
  if (!status)
    status = attn_rt_pack_weights(kernel, &call.args, packed, &call.context);
  if (status)
    return raise_error(&call, status);
  *result = (attn_ffi_any){ATTN_FFI_NONE, 0, {0}};
  return 0;
}

int32_t attn_rt_ffi_merge(const char *symbol, void *handle,
                          const attn_ffi_any *args, int32_t count,
                          attn_ffi_any *result) {
  static const char *const names[] = {"outputs", "lses", "sinks", "output",
                                      "lse"};
  attn_merge_args own = ATTN_MERGE_ARGS_INIT;
  const DLTensor **tensors[] = {&own.outputs, &own.lses, &own.sinks,
                                &own.output, &own.lse};
  ffi_call call;
  attn_status status = ATTN_OK;
  (void)handle;
  open_context(&call, symbol);
  if (count < 4 || count > 5)
    status = attn_rt_fail(&call.context, ATTN_BAD_ARGS,
                          "%s: got %d arguments, expected 4 or 5: outputs, "
                          "lses, sinks, output, lse",
                          symbol, (int64_t)count);
  for (int i = 0; i < count && !status; ++i)
    status =
        read_tensor(&call, names[i], i == 2 || i == 4 ? ATTN_RT_OPTIONAL : 0,
                    &args[i], tensors[i]);
  if (!status)
    status = attn_rt_merge(symbol, &own, &call.context);
  if (status)
    return raise_error(&call, status);
  *result = (attn_ffi_any){ATTN_FFI_NONE, 0, {0}};
  return 0;
}

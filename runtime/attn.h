/* The common part of every NAME.h: what a caller and a compiled kernel share.
   attnc copies this text into each header; the guard names the ABI version. */
#ifndef ATTN_ABI_1
#define ATTN_ABI_1

#include <stddef.h>
#include <stdint.h>

/* DLPack 1.1 (https://github.com/dmlc/dlpack), under its own guard: whichever
   of the two headers comes first declares these types. */
#ifndef DLPACK_DLPACK_H_
#define DLPACK_DLPACK_H_

#define DLPACK_MAJOR_VERSION 1
#define DLPACK_MINOR_VERSION 1
#define DLPACK_DLL
#define DLPACK_FLAG_BITMASK_READ_ONLY (1UL << 0UL)
#define DLPACK_FLAG_BITMASK_IS_COPIED (1UL << 1UL)
#define DLPACK_FLAG_BITMASK_IS_SUBBYTE_TYPE_PADDED (1UL << 2UL)

#ifdef __cplusplus
#define DLPACK_EXTERN_C extern "C"
extern "C" {
typedef enum : int32_t {
#else
#define DLPACK_EXTERN_C
typedef enum {
#endif
  kDLCPU = 1,
  kDLCUDA = 2,
  kDLCUDAHost = 3,
  kDLOpenCL = 4,
  kDLVulkan = 7,
  kDLMetal = 8,
  kDLVPI = 9,
  kDLROCM = 10,
  kDLROCMHost = 11,
  kDLExtDev = 12,
  kDLCUDAManaged = 13,
  kDLOneAPI = 14,
  kDLWebGPU = 15,
  kDLHexagon = 16,
  kDLMAIA = 17
} DLDeviceType;

typedef enum {
  kDLInt = 0U,
  kDLUInt = 1U,
  kDLFloat = 2U,
  kDLOpaqueHandle = 3U,
  kDLBfloat = 4U,
  kDLComplex = 5U,
  kDLBool = 6U,
  kDLFloat8_e3m4 = 7U,
  kDLFloat8_e4m3 = 8U,
  kDLFloat8_e4m3b11fnuz = 9U,
  kDLFloat8_e4m3fn = 10U,
  kDLFloat8_e4m3fnuz = 11U,
  kDLFloat8_e5m2 = 12U,
  kDLFloat8_e5m2fnuz = 13U,
  kDLFloat8_e8m0fnu = 14U,
  kDLFloat6_e2m3fn = 15U,
  kDLFloat6_e3m2fn = 16U,
  kDLFloat4_e2m1fn = 17U
} DLDataTypeCode;

typedef struct {
  uint32_t major;
  uint32_t minor;
} DLPackVersion;

typedef struct {
  DLDeviceType device_type;
  int32_t device_id;
} DLDevice;

typedef struct {
  uint8_t code;
  uint8_t bits;
  uint16_t lanes;
} DLDataType;

typedef struct {
  void *data;
  DLDevice device;
  int32_t ndim;
  DLDataType dtype;
  int64_t *shape;
  int64_t *strides;
  uint64_t byte_offset;
} DLTensor;

typedef struct DLManagedTensor {
  DLTensor dl_tensor;
  void *manager_ctx;
  void (*deleter)(struct DLManagedTensor *self);
} DLManagedTensor;

typedef struct DLManagedTensorVersioned {
  DLPackVersion version;
  void *manager_ctx;
  void (*deleter)(struct DLManagedTensorVersioned *self);
  uint64_t flags;
  DLTensor dl_tensor;
} DLManagedTensorVersioned;

#ifdef __cplusplus
}
#endif
#endif /* DLPACK_DLPACK_H_ */

#ifdef __cplusplus
extern "C" {
#endif

#define ATTN_ABI_VERSION 1u

/* What a call answers. Anything but ATTN_OK has put a message with the
   offending values into the text of a context that has one (size and all), and
   has written no output: all but ATTN_TOO_MANY_TASKS, which tasks find out
   while others run, and ATTN_BAD_WORKSPACE where another call writes over the
   workspace meanwhile, so that outputs hold nothing of use. ATTN_OK leaves the
   text as it is. */
typedef enum attn_status {
  ATTN_OK = 0,
  ATTN_BAD_CONTEXT = 1, /* the context is NULL, too small, or of another ABI */
  ATTN_BAD_ARGS = 2,    /* so are the args, or a field must be zero */
  ATTN_BAD_LAYER = 3,   /* no such layer in this kernel */
  ATTN_BAD_FLAGS = 4,   /* an unknown flag */
  ATTN_MISSING_TENSOR = 5,  /* a tensor or its data is NULL */
  ATTN_BAD_RANK = 6,        /* ndim */
  ATTN_BAD_DTYPE = 7,       /* dtype */
  ATTN_BAD_DEVICE = 8,      /* a device the kernel does not run on */
  ATTN_BAD_SHAPE = 9,       /* an extent, alone or against another tensor's */
  ATTN_BAD_STRIDE = 10,     /* negative, innermost not 1, or self-overlapping */
  ATTN_BAD_ALIGNMENT = 11,  /* data + byte_offset is not a whole element, or
                               packed_weights are not at a multiple of 64 */
  ATTN_BAD_LENGTH = 12,     /* an entry of kv_lengths, q_indptr, page tables,
                               slots, key_offsets or sequence_lengths */
  ATTN_OVERLAP = 13,        /* what is written shares bytes with a tensor */
  ATTN_BAD_WORKSPACE = 14,  /* NULL, misaligned, too small, or written to by
                               others while the call runs */
  ATTN_BAD_TASK = 15,       /* no such phase or task */
  ATTN_TOO_MANY_TASKS = 16, /* more tasks at once than context.workers */
  ATTN_BAD_TARGET = 17,     /* the CPU lacks a feature, or no such target */
  ATTN_UNSUPPORTED = 18,    /* the kernel was compiled without this phase */
  ATTN_BAD_WEIGHTS = 19     /* packed_weights are not this kernel's, or not of
                               this target */
} attn_status;

/* args.flags: leave the sink out of output and lse, for a result over a part of
   the keys: the sink joins once, when the parts are merged. */
#define ATTN_FLAG_NO_SINK 1u

/* args.flags: the caches are rings: key j of a sequence stands in row
   j % kv_capacity, and kv_lengths may exceed kv_capacity as far as the window
   of the layer and the rows of the call fit into it. */
#define ATTN_FLAG_RING 2u

/* One task of a parallel loop. */
typedef void (*attn_body)(void *closure, int64_t task);

/* How a call runs. Begin with ATTN_CONTEXT_INIT and set what is needed. One
   context may serve many calls at once only if no two share a workspace or a
   text buffer. Tasks of one call share its workspace; those that run at once
   need a text of their own each, or NULL. */
typedef struct attn_context {
  uint32_t size; /* sizeof(attn_context) */
  uint32_t abi;  /* ATTN_ABI_VERSION */
  /* At least NAME_..._workspace() bytes, 64-byte aligned, any contents. */
  void *workspace;
  uint64_t workspace_bytes;
  /* The tasks of one call that run at the same time, at most. 0 means 1. */
  int64_t workers;
  /* NULL, or one worker: tasks run one after the other on the calling thread.
     Otherwise must call body(closure, t) once for each t in [0, tasks), on any
     threads, and return when all have; a phase of a call asks for as many as it
     has workers, however many threads the pool has. */
  void (*parallel_for)(void *pool, int64_t tasks, attn_body body,
                       void *closure);
  void *pool;
  /* NULL, or receives the message of a failed call, NUL-terminated. */
  char *text;
  uint64_t text_bytes;
  /* NULL: the best target this CPU has. Otherwise a target of the manifest. */
  const char *target;
} attn_context;

#define ATTN_CONTEXT_INIT                                                      \
  {sizeof(attn_context),                                                       \
   ATTN_ABI_VERSION,                                                           \
   NULL,                                                                       \
   0,                                                                          \
   0,                                                                          \
   NULL,                                                                       \
   NULL,                                                                       \
   NULL,                                                                       \
   0,                                                                          \
   NULL}

/* The largest call that a workspace has to serve; it serves every smaller one.
   NAME_..._workspace() answers UINT64_MAX where a field makes no sense. A call
   beyond the maxima gets ATTN_BAD_WORKSPACE where it needs more bytes. */
typedef struct attn_maxima {
  uint32_t size; /* sizeof(attn_maxima) */
  uint32_t abi;  /* ATTN_ABI_VERSION */
  int64_t batch;
  int64_t query_length;
  int64_t workers; /* as in attn_context */
  /* Valid keys of the longest sequence; 0: any number. Few query rows need
     room for each split of the keys, of which a sequence has at most 32. A
     function whose tensors grow with kv_capacity needs it: UINT64_MAX for 0. */
  int64_t kv_length;
  /* Rows of all sequences of a call together; 0: batch * query_length. What
     packed rows need then goes by them, not by the longest sequence. */
  int64_t tokens;
} attn_maxima;

#define ATTN_MAXIMA_INIT {sizeof(attn_maxima), ATTN_ABI_VERSION, 1, 1, 1, 0, 0}

/* What NAME_merge makes of attention over `parts` parts of the keys: the output
   and lse that one call over all of them gives, but for rounding. The parts
   were called with ATTN_FLAG_NO_SINK, and with key_offsets and
   sequence_lengths, which say where a part's keys are: without them rows stand
   at the end of the part's own keys, which is right where every row sees all
   keys of each part (one row a sequence of a causal layer without a window). A
   part without keys has lse -inf and any output. Dimensions may have any
   non-negative strides, [batch, query_length] may be one dimension [tokens].
   Rows run under the context's parallel_for; no workspace is needed. */
typedef struct attn_merge_args {
  uint32_t size; /* sizeof(attn_merge_args) */
  uint32_t abi;  /* ATTN_ABI_VERSION */
  /* f32, f16 or bf16 [parts, batch, query_length, query_heads, dim] */
  const DLTensor *outputs;
  /* f32 [parts, batch, query_length, query_heads], natural */
  const DLTensor *lses;
  /* NULL, or [query_heads], of outputs' type: joins once */
  const DLTensor *sinks;
  /* written: as outputs without parts */
  const DLTensor *output;
  /* NULL, or written: f32 [batch, query_length, query_heads] */
  const DLTensor *lse;
} attn_merge_args;

#define ATTN_MERGE_ARGS_INIT                                                   \
  {sizeof(attn_merge_args), ATTN_ABI_VERSION, NULL, NULL, NULL, NULL, NULL}

#define ATTN_MAX_PHASES 64

/* The work of one call: phases in order, the tasks of a phase in any order on
   any threads. All tasks of a phase end before the next phase begins. */
typedef struct attn_plan {
  int64_t phases;
  int64_t tasks[ATTN_MAX_PHASES];
  const char *target; /* the path taken: a target and a schedule */
  /* "prefill", "short" or "decode", "mixed" where packed sequences differ,
     "graph" for functions */
  const char *schedule;
} attn_plan;

#ifdef __cplusplus
}
#endif
#endif /* ATTN_ABI_1 */

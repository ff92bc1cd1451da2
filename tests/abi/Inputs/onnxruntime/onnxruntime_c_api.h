/* What examples/onnxruntime uses of ONNX Runtime's C interface, for machines
   that have its library from PyPI but no package with its header. Entries stand
   at their places in the real OrtApi, which only ever grows at its end;
   onnxruntime-header.test compares where the real header is. */
#ifndef ATTN_TESTS_ONNXRUNTIME_C_API_H
#define ATTN_TESTS_ONNXRUNTIME_C_API_H

#include <stddef.h>
#include <stdint.h>

typedef struct OrtStatus OrtStatus;
typedef struct OrtValue OrtValue;
typedef struct OrtTensorTypeAndShapeInfo OrtTensorTypeAndShapeInfo;
typedef struct OrtMemoryInfo OrtMemoryInfo;
typedef struct OrtAllocator OrtAllocator;
typedef struct OrtSessionOptions OrtSessionOptions;
typedef struct OrtCustomOpDomain OrtCustomOpDomain;
typedef struct OrtKernelInfo OrtKernelInfo;
typedef struct OrtKernelContext OrtKernelContext;
typedef struct OrtCustomOp OrtCustomOp;
typedef struct OrtApi OrtApi;

typedef enum { ORT_OK, ORT_FAIL, ORT_INVALID_ARGUMENT } OrtErrorCode;
typedef enum {
  ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT = 1,
  ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32 = 6
} ONNXTensorElementDataType;
typedef enum { OrtArenaAllocator = 1 } OrtAllocatorType;
typedef enum { OrtMemTypeDefault = 0 } OrtMemType;
typedef enum { INPUT_OUTPUT_REQUIRED } OrtCustomOpInputOutputCharacteristic;

typedef struct OrtApiBase {
  const OrtApi *(*GetApi)(uint32_t version);
  const char *(*GetVersionString)(void);
} OrtApiBase;

struct OrtApi {
  OrtStatus *(*CreateStatus)(OrtErrorCode, const char *);
  void *from1[25];
  OrtStatus *(*CreateCustomOpDomain)(const char *, OrtCustomOpDomain **);
  OrtStatus *(*CustomOpDomain_Add)(OrtCustomOpDomain *, const OrtCustomOp *);
  OrtStatus *(*AddCustomOpDomain)(OrtSessionOptions *, OrtCustomOpDomain *);
  void *from29[22];
  OrtStatus *(*GetTensorMutableData)(OrtValue *, void **);
  void *from52[9];
  OrtStatus *(*GetDimensionsCount)(const OrtTensorTypeAndShapeInfo *, size_t *);
  OrtStatus *(*GetDimensions)(const OrtTensorTypeAndShapeInfo *, int64_t *,
                              size_t);
  void *from63[2];
  OrtStatus *(*GetTensorTypeAndShape)(const OrtValue *,
                                      OrtTensorTypeAndShapeInfo **);
  void *from66[3];
  OrtStatus *(*CreateCpuMemoryInfo)(OrtAllocatorType, OrtMemType,
                                    OrtMemoryInfo **);
  void *from70[5];
  OrtStatus *(*AllocatorAlloc)(OrtAllocator *, size_t, void **);
  OrtStatus *(*AllocatorFree)(OrtAllocator *, void *);
  void *from77[9];
  OrtStatus *(*KernelInfoGetAttribute_int64)(const OrtKernelInfo *,
                                             const char *, int64_t *);
  void *from87[3];
  OrtStatus *(*KernelContext_GetInput)(const OrtKernelContext *, size_t,
                                       const OrtValue **);
  OrtStatus *(*KernelContext_GetOutput)(OrtKernelContext *, size_t,
                                        const int64_t *, size_t, OrtValue **);
  void *from92[1];
  void (*ReleaseStatus)(OrtStatus *);
  void (*ReleaseMemoryInfo)(OrtMemoryInfo *);
  void *from95[4];
  void (*ReleaseTensorTypeAndShapeInfo)(OrtTensorTypeAndShapeInfo *);
  void *from100[32];
  void (*ReleaseAllocator)(OrtAllocator *);
  void *from133[120];
  OrtStatus *(*KernelContext_GetAllocator)(const OrtKernelContext *,
                                           const OrtMemoryInfo *,
                                           OrtAllocator **);
  void *from254[20];
  OrtStatus *(*KernelContext_ParallelFor)(const OrtKernelContext *,
                                          void (*)(void *, size_t), size_t,
                                          size_t, void *);
};

/* What an operator is: the callbacks that version 17 has. */
struct OrtCustomOp {
  uint32_t version;
  void *CreateKernel;
  const char *(*GetName)(const OrtCustomOp *);
  const char *(*GetExecutionProviderType)(const OrtCustomOp *);
  ONNXTensorElementDataType (*GetInputType)(const OrtCustomOp *, size_t);
  size_t (*GetInputTypeCount)(const OrtCustomOp *);
  ONNXTensorElementDataType (*GetOutputType)(const OrtCustomOp *, size_t);
  size_t (*GetOutputTypeCount)(const OrtCustomOp *);
  void *KernelCompute;
  void (*KernelDestroy)(void *);
  OrtCustomOpInputOutputCharacteristic (*GetInputCharacteristic)(
      const OrtCustomOp *, size_t);
  OrtCustomOpInputOutputCharacteristic (*GetOutputCharacteristic)(
      const OrtCustomOp *, size_t);
  OrtMemType (*GetInputMemoryType)(const OrtCustomOp *, size_t);
  void *variadic[4];
  OrtStatus *(*CreateKernelV2)(const OrtCustomOp *, const OrtApi *,
                               const OrtKernelInfo *, void **);
  OrtStatus *(*KernelComputeV2)(void *, OrtKernelContext *);
  void *InferOutputShapeFn;
  int (*GetStartVersion)(const OrtCustomOp *);
  int (*GetEndVersion)(const OrtCustomOp *);
};

#endif

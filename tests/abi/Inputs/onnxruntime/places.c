/* Where a header has what examples/onnxruntime uses, one line each. */
#include <onnxruntime_c_api.h>

#include <stddef.h>
#include <stdio.h>

#define API(entry) printf("OrtApi." #entry " %zu\n", offsetof(OrtApi, entry))
#define OP(entry)                                                              \
  printf("OrtCustomOp." #entry " %zu\n", offsetof(OrtCustomOp, entry))
#define VALUE(name) printf(#name " %d\n", (int)(name))

int main(void) {
  API(CreateStatus);
  API(CreateCustomOpDomain);
  API(CustomOpDomain_Add);
  API(AddCustomOpDomain);
  API(GetTensorMutableData);
  API(GetDimensionsCount);
  API(GetDimensions);
  API(GetTensorTypeAndShape);
  API(CreateCpuMemoryInfo);
  API(AllocatorAlloc);
  API(AllocatorFree);
  API(KernelInfoGetAttribute_int64);
  API(KernelContext_GetInput);
  API(KernelContext_GetOutput);
  API(ReleaseStatus);
  API(ReleaseMemoryInfo);
  API(ReleaseTensorTypeAndShapeInfo);
  API(ReleaseAllocator);
  API(KernelContext_GetAllocator);
  API(KernelContext_ParallelFor);
  OP(version);
  OP(GetName);
  OP(GetExecutionProviderType);
  OP(GetInputType);
  OP(GetInputTypeCount);
  OP(GetOutputType);
  OP(GetOutputTypeCount);
  OP(KernelDestroy);
  OP(GetInputCharacteristic);
  OP(GetOutputCharacteristic);
  OP(GetInputMemoryType);
  OP(CreateKernelV2);
  OP(KernelComputeV2);
  OP(GetStartVersion);
  OP(GetEndVersion);
  VALUE(ORT_FAIL);
  VALUE(ORT_INVALID_ARGUMENT);
  VALUE(ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT);
  VALUE(ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32);
  VALUE(OrtArenaAllocator);
  VALUE(OrtMemTypeDefault);
  VALUE(INPUT_OUTPUT_REQUIRED);
  return 0;
}

//===- StoredTypes.cpp - storage types of tensors -------------------------===//
//
// See StoredTypes.h.
//
//===----------------------------------------------------------------------===//

#include "compiler/StoredTypes.h"

#include "llvm/Support/ErrorHandling.h"

using namespace attn;

int64_t attn::bytesOf(Dtype dtype) {
  switch (dtype) {
  case Dtype::F32:
    return 4;
  case Dtype::BF16:
  case Dtype::F16:
    return 2;
  }
  llvm_unreachable("unknown dtype");
}

mlir::Type attn::toType(mlir::MLIRContext *context, Dtype dtype) {
  switch (dtype) {
  case Dtype::F32:
    return mlir::Float32Type::get(context);
  case Dtype::BF16:
    return mlir::BFloat16Type::get(context);
  case Dtype::F16:
    return mlir::Float16Type::get(context);
  }
  llvm_unreachable("unknown dtype");
}

Dtype attn::toDtype(mlir::Type type) {
  if (type.isBF16())
    return Dtype::BF16;
  return type.isF16() ? Dtype::F16 : Dtype::F32;
}

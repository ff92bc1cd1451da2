//===- StoredTypes.h - storage types of tensors -----------------*- C++ -*-===//
//
// The types of the command line as MLIR's and back, and their sizes.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_STOREDTYPES_H
#define COMPILER_STOREDTYPES_H

#include "compiler/Options.h"
#include "mlir/IR/BuiltinTypes.h"

namespace attn {

int64_t bytesOf(Dtype dtype);

mlir::Type toType(mlir::MLIRContext *context, Dtype dtype);
/// `type` is one of them.
Dtype toDtype(mlir::Type type);

} // namespace attn

#endif // COMPILER_STOREDTYPES_H

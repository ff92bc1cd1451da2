//===- Transpose.h - square blocks in registers -----------------*- C++ -*-===//
//
// Rows of keys become columns without passing through memory.
//
//===----------------------------------------------------------------------===//

#ifndef CODEGEN_CPU_TRANSPOSE_H
#define CODEGEN_CPU_TRANSPOSE_H

#include "codegen/cpu/KernelBuilder.h"

namespace attn::cpu {

/// The columns of as many rows as a vector has lanes.
llvm::SmallVector<Value> emitTranspose(KernelBuilder &k,
                                       llvm::ArrayRef<Value> rows);

} // namespace attn::cpu

#endif // CODEGEN_CPU_TRANSPOSE_H

//===- Transpose.h - square blocks in registers -----------------*- C++ -*-===//
//
// Rows of keys become columns without passing through memory.
//
//===----------------------------------------------------------------------===//

#ifndef CODEGEN_CPU_TRANSPOSE_H
#define CODEGEN_CPU_TRANSPOSE_H

#include "codegen/cpu/KernelBuilder.h"

namespace attn::cpu {

/// f32 elements of a 128-bit block.
inline constexpr int64_t blockLanes = 4;

/// The columns of as many rows as a vector has lanes: whole 128-bit blocks of
/// 32 or 16 bits.
llvm::SmallVector<Value> emitTranspose(KernelBuilder &k,
                                       llvm::ArrayRef<Value> rows);

/// The first `blockLanes` columns of as many rows as a vector has lanes,
/// `stride` elements of the stored type apart: few registers, one load for each
/// block.
llvm::SmallVector<Value> emitLoadColumns(KernelBuilder &k, Value rows,
                                         int64_t stride, Type stored);

} // namespace attn::cpu

#endif // CODEGEN_CPU_TRANSPOSE_H

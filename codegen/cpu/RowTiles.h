//===- RowTiles.h - rows of a graph's tensors, one at a time ----*- C++ -*-===//
//
// What the row steps of a graph are lowered to: functions of one row, which
// may lie in a tensor, in scratch, or be one value for all columns.
//
//===----------------------------------------------------------------------===//

#ifndef CODEGEN_CPU_ROWTILES_H
#define CODEGEN_CPU_ROWTILES_H

#include "codegen/cpu/StoredElements.h"
#include "dialects/attn_tile/AttnTileOps.h"

namespace attn::cpu {

/// One row of a tile, or its value in every column.
struct RowValue {
  enum class Kind {
    /// A pointer to elements that follow each other, as they are stored.
    Memory,
    /// One element: f32, i32 or i1.
    Scalar,
    /// i32: the number of the first column; they count up.
    Columns,
  };
  Kind kind;
  Type element;
  Value value;
};

/// NAME(operands..., result, count): `body` of `count` columns of the operands,
/// which have the given kinds and elements, to memory of `result` elements.
mlir::func::FuncOp emitMapElements(KernelBuilder &k, llvm::StringRef name,
                                   mlir::Block &body,
                                   llvm::ArrayRef<RowValue> operands,
                                   Type result);

/// The same for single values, in place.
Value emitMapScalars(KernelBuilder &k, mlir::Block &body,
                     llvm::ArrayRef<RowValue> operands);

/// sum_row(row, count) -> f32.
mlir::func::FuncOp emitSumRow(KernelBuilder &k, Type stored);

/// rotate_row...(from, to, position): one `stored` row to f32, i32 position.
mlir::func::FuncOp emitRotateRow(KernelBuilder &k, tile::RotateOp rotate,
                                 Type stored);

/// copy_strided_BYTES(from, fromStride, to, toStride, count): elements as they
/// are, or floats of one stored type as another.
mlir::func::FuncOp emitCopyStrided(KernelBuilder &k, Type fromType,
                                   Type toType);

/// fill_row_BYTES(value, to, count)
mlir::func::FuncOp emitFillRow(KernelBuilder &k, Type element);

/// gather_row_N_M(from, to): N `stored` elements as f32, and zeros up to M.
mlir::func::FuncOp emitGatherRow(KernelBuilder &k, int64_t elements,
                                 int64_t paddedTo, Type stored);

/// spread_row_N_R(from, to): N `stored` elements, whole vectors, as f32 vectors
/// with room for R - 1 others between them.
mlir::func::FuncOp emitSpreadRow(KernelBuilder &k, int64_t elements,
                                 int64_t rows, Type stored);

} // namespace attn::cpu

#endif // CODEGEN_CPU_ROWTILES_H

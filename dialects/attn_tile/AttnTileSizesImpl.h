//===- AttnTileSizesImpl.h - comparing sizes of tiles -----------*- C++ -*-===//
//
// What the verifiers of the dialect's files ask of views and tiles.
//
//===----------------------------------------------------------------------===//

#ifndef DIALECTS_ATTN_TILE_ATTNTILESIZESIMPL_H
#define DIALECTS_ATTN_TILE_ATTNTILESIZESIMPL_H

#include "dialects/attn_tile/AttnTileDialect.h"
#include "mlir/IR/Operation.h"

namespace attn::tile {

/// The shape of a tile or view.
llvm::ArrayRef<int64_t> shapeOf(mlir::Value value);

int64_t rankOf(mlir::Value value);

/// Size of a tile or view in `dimension`.
int64_t sizeOf(mlir::Value value, unsigned dimension);

/// A size for a message: 32, or ?.
std::string formatSize(int64_t size);

/// Two sizes are the same.
llvm::LogicalResult checkSizes(mlir::Operation *op, llvm::StringRef what,
                               int64_t left, int64_t right);

/// Two tiles or views have the same element type.
llvm::LogicalResult checkElements(mlir::Operation *op, mlir::Value left,
                                  mlir::Value right);

} // namespace attn::tile

#endif // DIALECTS_ATTN_TILE_ATTNTILESIZESIMPL_H

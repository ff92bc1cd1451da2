//===- ViewLayout.h - what is known of a view's memory ----------*- C++ -*-===//
//
// Sizes and strides of views as products of numbers and of sizes that only the
// call knows, followed through attn_tile's view operations.
//
//===----------------------------------------------------------------------===//

#ifndef DIALECTS_ATTN_TILE_VIEWLAYOUT_H
#define DIALECTS_ATTN_TILE_VIEWLAYOUT_H

#include "dialects/attn_tile/AttnTileDialect.h"
#include "dialects/attn_tile/SizeProduct.h"
#include "mlir/IR/Value.h"

namespace attn::tile {

/// A dimension of an argument; of several with one axis, the first.
struct ArgumentAxis {
  unsigned argument, dimension;
  auto operator<=>(const ArgumentAxis &) const = default;
};

/// A size in terms of the program's arguments. Where there is none, it is not
/// known.
using Extent = SizeProduct<ArgumentAxis>;

/// Both are known and equal.
inline bool areEqual(const std::optional<Extent> &left,
                     const std::optional<Extent> &right) {
  return left && right && *left == *right;
}

/// The number that it is in every call, if it is known.
inline std::optional<int64_t> asNumber(const std::optional<Extent> &extent) {
  return extent ? extent->asNumber() : std::nullopt;
}

/// The value of an index in terms of the program's arguments.
std::optional<Extent> extentOf(mlir::Value index);

/// Size and stride (in elements) of a dimension of a view.
std::optional<Extent> sizeExtent(mlir::Value view, int64_t dimension);
std::optional<Extent> strideExtent(mlir::Value view, int64_t dimension);

/// Dimensions `dimension` and the next follow each other in memory, so that
/// attn_tile.merge_dims may merge them.
bool areNeighbours(mlir::Value view, int64_t dimension);

/// Elements of a row follow each other in memory.
bool hasPackedRows(mlir::Value view);

/// The buffer or argument that the view is a view of.
mlir::Value rootOf(mlir::Value view);

/// Whether the argument is a cache of a declared layer, [batch, kv_capacity,
/// ...], whose rows callers may keep on pages.
bool isCache(mlir::BlockArgument argument);

/// The cache that the view is of, with its first two dimensions; or null.
mlir::BlockArgument cacheOf(mlir::Value view);

} // namespace attn::tile

#endif // DIALECTS_ATTN_TILE_VIEWLAYOUT_H

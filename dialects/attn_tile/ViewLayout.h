//===- ViewLayout.h - what is known of a view's memory ----------*- C++ -*-===//
//
// Sizes and strides of views as products of numbers and of sizes that only the
// call knows, followed through attn_tile's view operations.
//
//===----------------------------------------------------------------------===//

#ifndef DIALECTS_ATTN_TILE_VIEWLAYOUT_H
#define DIALECTS_ATTN_TILE_VIEWLAYOUT_H

#include "dialects/attn_tile/AttnTileDialect.h"
#include "mlir/IR/Value.h"
#include "llvm/ADT/SmallVector.h"

namespace attn::tile {

/// A number of elements: `factor` times the sizes of dynamic dimensions of the
/// program's arguments; or not known.
struct Extent {
  /// A dimension of an argument; of several with one axis, the first.
  struct Axis {
    unsigned argument, dimension;
    auto operator<=>(const Axis &) const = default;
  };

  bool isKnown = false;
  int64_t factor = 0;
  /// Sorted; one that occurs twice is a square.
  llvm::SmallVector<Axis, 2> axes;

  static Extent of(int64_t number) { return {true, number, {}}; }
  std::optional<int64_t> asNumber() const {
    return isKnown && axes.empty() ? std::optional(factor) : std::nullopt;
  }
  /// Both are known and equal.
  bool equals(const Extent &other) const {
    return isKnown && other.isKnown && factor == other.factor &&
           axes == other.axes;
  }
  Extent times(const Extent &other) const;
};

/// The value of an index in terms of the program's arguments.
Extent extentOf(mlir::Value index);

/// Size and stride (in elements) of a dimension of a view.
Extent sizeExtent(mlir::Value view, int64_t dimension);
Extent strideExtent(mlir::Value view, int64_t dimension);

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

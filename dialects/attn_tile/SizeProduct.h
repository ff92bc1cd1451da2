//===- SizeProduct.h - numbers times open sizes -----------------*- C++ -*-===//
//
// A size that only the call knows, as far as it can be told: equal products are
// equal sizes.
//
//===----------------------------------------------------------------------===//

#ifndef DIALECTS_ATTN_TILE_SIZEPRODUCT_H
#define DIALECTS_ATTN_TILE_SIZEPRODUCT_H

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"

#include <cstdint>
#include <optional>

namespace attn::tile {

/// A number of elements: `factor` times open sizes, which are named by `AxisT`.
template <typename AxisT>
struct SizeProduct {
  using Axis = AxisT;

  int64_t factor = 1;
  /// Sorted; one that occurs twice is a square. Nothing times 0.
  llvm::SmallVector<Axis, 2> axes;

  static SizeProduct of(int64_t number) { return {number, {}}; }
  static SizeProduct ofAxis(Axis axis) { return {1, {axis}}; }

  bool isStatic() const { return axes.empty(); }
  std::optional<int64_t> asNumber() const {
    return isStatic() ? std::optional(factor) : std::nullopt;
  }
  /// The one axis that this is; nothing if it is more, or a number.
  std::optional<Axis> asAxis() const {
    return factor == 1 && axes.size() == 1 ? std::optional(axes.front())
                                           : std::nullopt;
  }

  SizeProduct times(const SizeProduct &other) const {
    SizeProduct product = {factor * other.factor, axes};
    product.axes.append(other.axes);
    llvm::sort(product.axes);
    if (product.factor == 0)
      product.axes.clear();
    return product;
  }
  bool operator==(const SizeProduct &other) const {
    return factor == other.factor && axes == other.axes;
  }
};

} // namespace attn::tile

#endif // DIALECTS_ATTN_TILE_SIZEPRODUCT_H

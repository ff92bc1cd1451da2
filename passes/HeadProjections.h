//===- HeadProjections.h - where the rows of heads come from ----*- C++ -*-===//
//
// Follows heads upwards through what frameworks write between a product with
// weights and attention: slices, split and swapped dimensions, repeats.
//
//===----------------------------------------------------------------------===//

#ifndef PASSES_HEADPROJECTIONS_H
#define PASSES_HEADPROJECTIONS_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/Value.h"
#include "llvm/ADT/SmallVector.h"

#include <array>
#include <optional>
#include <string>

namespace attn {

/// A tensor of four dimensions whose order is not settled yet.
struct HeadsView {
  mlir::Value value;
  /// Which of its dimensions are batch, sequence, heads and head size.
  std::array<int64_t, 4> axes = {0, 1, 2, 3};

  int64_t sizeOf(unsigned role) const;
  /// The same elements before any attn.transpose.
  HeadsView withoutTransposes() const;
};

/// Parts of the head size, in order: the inputs of an attn.concat along it; the
/// view itself if it is none.
llvm::SmallVector<HeadsView> partsOf(HeadsView heads);

/// heads[b, t, h, d] = sum_c rows[b, t, c] * weight of (h, d, c).
struct HeadProjection {
  /// [batch, sequence, rank], and its product with the weights of all heads:
  /// attn.linear, or attn.matmul with weights [rank, out].
  mlir::Value rows;
  mlir::Operation *product = nullptr;
  int64_t heads = 0, size = 0;
  /// Element d of head h is output `first + h * stride + offset + d`.
  int64_t first = 0, stride = 0, offset = 0;

  int64_t rank() const;
  /// The weights of these elements, [heads, size, rank].
  mlir::Value createWeight(mlir::OpBuilder &builder, mlir::Location loc) const;
};

/// The product that `heads` are, or, in `why`, what else they are.
std::optional<HeadProjection> findProjection(HeadsView heads, std::string &why);

/// The one head, [batch, sequence, 1, size], that all heads of `heads` are, or
/// null and, in `why`, what they are. Creates what is left to swap or split.
mlir::Value createSharedHead(mlir::OpBuilder &builder, mlir::Location loc,
                             HeadsView heads, std::string &why);

/// Whether createSharedHead succeeds, without creating anything.
bool isSharedHead(HeadsView heads, std::string &why);

} // namespace attn

#endif // PASSES_HEADPROJECTIONS_H

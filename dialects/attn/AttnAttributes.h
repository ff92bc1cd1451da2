//===- AttnAttributes.h - layers, masks and positions -----------*- C++ -*-===//
//
// Layers, symbolic masks and rotary positions (semantics, items 2, 3 and 11).
//
//===----------------------------------------------------------------------===//

#ifndef DIALECTS_ATTN_ATTNATTRIBUTES_H
#define DIALECTS_ATTN_ATTNATTRIBUTES_H

#include "mlir/IR/Attributes.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/DialectImplementation.h"

#include "dialects/attn/AttnEnums.h.inc"

namespace attn {

/// The last layer that any declaration may name, far above any model: a range
/// of layers is a short text.
inline constexpr int64_t kMaxLayer = 65535;

/// The keys that a row sees: `position - left < j < position + right`, where
/// the position is the query's index, plus keys - queries unless top-left.
struct Band {
  /// A side without a limit. Fits 32 bits, so that adding a position to it
  /// does not overflow 64.
  static constexpr int64_t kUnbounded = (int64_t(1) << 31) - 1;

  int64_t left = kUnbounded;
  int64_t right = kUnbounded;
  Alignment alignment = Alignment::BottomRight;
};

} // namespace attn

#include "dialects/attn/AttnAttrInterfaces.h.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/attn/AttnAttributes.h.inc"

#endif // DIALECTS_ATTN_ATTNATTRIBUTES_H

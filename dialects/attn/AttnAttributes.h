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

/// The keys that the row at position p sees: one interval, neither end of which
/// descends as p grows. The position is the query's index, plus keys - queries
/// unless top-left.
struct KeyInterval {
  /// A limit that is none. Fits 32 bits, so that adding a position to it does
  /// not overflow 64.
  static constexpr int64_t kUnbounded = (int64_t(1) << 31) - 1;

  /// p - left < j
  int64_t left = kUnbounded;
  /// j < p + right
  int64_t right = kUnbounded;
  /// p - p mod chunk <= j
  int64_t chunk = kUnbounded;
  /// j <= p, or j < the sequence's own prefix
  bool prefix = false;
  /// j is of p's document
  bool document = false;
  Alignment alignment = Alignment::BottomRight;

  bool operator==(const KeyInterval &) const = default;

  /// Nothing looks at positions: every valid key is seen.
  bool isUnbounded() const;
  /// Whether every row stands at the last key that it sees, whatever else
  /// limits it.
  bool isCausal() const { return right == 1; }

  /// What the row at `position` sees of `length` keys, of which `prefixLength`
  /// are a prefix; documents aside.
  int64_t begin(int64_t position) const;
  int64_t end(int64_t position, int64_t length, int64_t prefixLength = 0) const;
};

/// What both intervals show; nothing if that is none: they differ in alignment,
/// or no chunk size divides the other.
std::optional<KeyInterval> intersect(const KeyInterval &a,
                                     const KeyInterval &b);

/// The shortest mask with that interval.
mlir::Attribute describeInterval(mlir::MLIRContext *context,
                                 const KeyInterval &interval);

} // namespace attn

#include "dialects/attn/AttnAttrInterfaces.h.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/attn/AttnAttributes.h.inc"

#endif // DIALECTS_ATTN_ATTNATTRIBUTES_H

//===- LayerFacts.h - what a kernel computes for a layer --------*- C++ -*-===//
//
// A layer's constants in the model's own terms, for header and manifest: the
// kernels' own carry log2(e) and a large number for a side without a limit.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_ARTIFACT_LAYERFACTS_H
#define COMPILER_ARTIFACT_LAYERFACTS_H

#include "compiler/artifact/Description.h"

#include <optional>
#include <string>

namespace attn::artifact {

struct LayerFacts {
  /// Factor of the scores.
  double scale;
  /// A row at position p sees the keys p - left < j < p + right of its chunk;
  /// none: no limit.
  std::optional<int64_t> left, right, chunk;
  /// Only j <= p and the sequence's prefix.
  bool hasPrefix = false;
  /// Keys of the row's own document alone.
  bool hasDocuments = false;

  bool operator==(const LayerFacts &) const = default;
};

/// The facts of `layer`, which `kernel` serves.
LayerFacts factsOf(const KernelDescription &kernel, int64_t layer);

/// One line for every set of layers with equal facts: "layers 0, 2: ...", or
/// "every layer: ..."; each begins with `indent`.
std::string explainLayers(const KernelDescription &kernel,
                          const std::string &indent);

} // namespace attn::artifact

#endif // COMPILER_ARTIFACT_LAYERFACTS_H

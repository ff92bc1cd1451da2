//===- Cases.h - What is measured -------------------------------*- C++ -*-===//
//
// A case is a kernel at a shape. Work is counted from what the mask lets
// through, never from the whole square.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_BENCH_CASES_H
#define COMPILER_BENCH_CASES_H

#include "compiler/Options.h"
#include "dialects/attn/AttnDialect.h"
#include "dialects/attn/AttnOps.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace attn {

/// The extents of one call.
struct CallShape {
  int64_t batch = 1;
  int64_t queryLength = 1, kvLength = 1;
  int64_t queryHeads = 1, kvHeads = 1;
  int64_t headDim = 1, valueDim = 1;
};

/// How a tensor [batch, sequence, heads, dim] is stored: as its shape says, or
/// head by head ([batch, heads, sequence, dim]).
enum class Order { TokenMajor, HeadMajor };

/// One kernel at one shape.
struct BenchCase {
  /// As in `prefill_2048_causal_d128`.
  std::string name;
  CallShape shape;
  MaskAttrInterface mask;
  bool sinks = false;
  /// Of keys and values: a decoder's cache is stored head by head, or as its
  /// tokens come.
  Order cache = Order::HeadMajor;
  Scope scope = Scope::Core;
  /// Of the core kernels of latent attention, the one whose values are the
  /// first part of the keys.
  bool absorbed = false;
  /// Columns of the cache, if latents are stored; 0: keys and values are.
  int64_t latentElements = 0;
  /// Elements of the matrices that every row is multiplied with.
  int64_t weights = 0;
  /// A layer that the kernel serves.
  int64_t layer = 0;
  /// Of queries and outputs, and of the caches.
  Dtype dtype = Dtype::F32, kDtype = Dtype::F32, vDtype = Dtype::F32;

  /// Bytes that one position takes in the caches of a sequence.
  int64_t keyBytes() const;
  bool isDecode() const { return shape.queryLength == 1; }
  bool isCausal() const;
  std::string_view phase() const { return isDecode() ? "decode" : "prefill"; }

  /// FLOPs of attention's two products, visible pairs of query and key only,
  /// and of the products with weights.
  double countFlops() const;
  /// Bytes of the keys and values that any row sees.
  double countKvBytes() const;
  /// The same, and those of the weights.
  double countBytes() const;
};

/// The measured shapes of a declared layer: prefill of 2048 tokens, or of 512
/// with norms or projections around it, and one token on a context of 16384.
BenchCase prefillCase(GroupedOp layer, Scope scope = Scope::Core);
BenchCase decodeCase(GroupedOp layer, Scope scope = Scope::Core,
                     Order cache = Order::HeadMajor);

/// The same of a latent layer, each in the form that is cheaper there: prefill
/// expanded, and one token on a context of 4096 absorbed.
BenchCase prefillCase(LatentOp layer, Scope scope = Scope::Core);
BenchCase decodeCase(LatentOp layer, Scope scope = Scope::Core);

/// Declared layers of the reference cases, which every bench of their phase
/// includes:
/// 32 heads in groups of 4, batch 1.
struct ReferenceCase {
  std::string_view name;
  std::string_view mask;
  int64_t headDim;
  bool decode;
};
llvm::ArrayRef<ReferenceCase> referenceCases();

/// The text of a module that declares the layer of `reference`, all of it
/// stored as `dtype`.
std::string declareReference(const ReferenceCase &reference, Dtype dtype);

} // namespace attn

#endif // COMPILER_BENCH_CASES_H

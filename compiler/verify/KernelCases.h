//===- KernelCases.h - What kernels are tried on ----------------*- C++ -*-===//
//
// A table of cases at the layer's full head geometry, as data: prefill, short
// query and decode, odd and tail lengths, batches of unequal sequences,
// strides, huge logits, infinities and NaNs.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_VERIFY_KERNELCASES_H
#define COMPILER_VERIFY_KERNELCASES_H

#include "compiler/verify/Arguments.h"
#include "compiler/verify/Buffer.h"
#include "compiler/verify/Documents.h"
#include "dialects/attn/AttnAttributes.h"
#include "llvm/ADT/StringRef.h"
#include <array>
#include <optional>

namespace attn::verify {

struct Subject;

/// What is put among random numbers, in places that some rows see.
enum class Specials {
  None,
  Nans,
  InfiniteScores,
  InfiniteValues,
  /// Infinite values of keys whose scores are -inf.
  WeightlessInfinities,
};

struct KernelCase {
  llvm::StringRef name;
  int64_t batch, queries, keys;
  /// Valid keys of each sequence, again from the first for those behind the
  /// third; without them, and for a kernel that takes no
  /// kv_lengths, all keys are valid.
  std::array<int64_t, 3> lengths = {};
  bool hasLengths = false;
  /// Scores are about this large.
  double logits = 1;
  Specials specials = Specials::None;
  Layout layout = Layout::Contiguous;
  /// Keys of each sequence's prefix, for kernels that take them.
  std::array<int64_t, 3> prefixes = {9, 40, 0};
  Documents documents = Documents::Growing;
  /// It is also run in every order, alone, and with larger buffers.
  bool checksBits = false;

  bool operator==(const KernelCase &) const = default;
};

llvm::ArrayRef<KernelCase> kernelCases();

/// Whether nothing is left of the case for a kernel that takes no kv_lengths.
bool needsLengths(const KernelCase &spec);

/// The largest magnitude of a query's elements.
double largestQuery(const KernelCase &spec);

/// Cases in which rows stand at the edges of what `interval` shows: of its
/// window, its chunks, its prefixes and its documents.
llvm::SmallVector<KernelCase> edgeCases(const KeyInterval &interval);

/// `spec` with the sizes that `arguments` fix; none if it is a case of nothing,
/// and they fix something.
std::optional<KernelCase> fitTo(KernelCase spec,
                                llvm::ArrayRef<Argument> arguments);

/// Whether `arguments` leave the sizes of `spec` open, or have them.
bool fits(const KernelCase &spec, llvm::ArrayRef<Argument> arguments);

/// One tensor per argument of the case; keys behind a length hold NaN.
llvm::SmallVector<reference::Tensor>
makeInputs(const KernelCase &spec, llvm::ArrayRef<Argument> arguments);

/// The same as the tensors of the subject's kernel hold them.
llvm::SmallVector<reference::Tensor> makeInputs(const KernelCase &spec,
                                                const Subject &subject);

/// Sizes of `arguments` filled in for the case.
llvm::SmallVector<Argument> closeFor(const KernelCase &spec,
                                     llvm::ArrayRef<Argument> arguments);

} // namespace attn::verify

#endif // COMPILER_VERIFY_KERNELCASES_H

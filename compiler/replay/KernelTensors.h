//===- KernelTensors.h - What a replayed kernel takes -----------*- C++ -*-===//
//
// The tensors of a kernel of scope core with what a replay has for each, and
// the numbers of their rows.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_REPLAY_KERNELTENSORS_H
#define COMPILER_REPLAY_KERNELTENSORS_H

#include "compiler/KernelLibrary.h"
#include "compiler/verify/Elements.h"
#include "llvm/ADT/ArrayRef.h"

#include <vector>

namespace attn::replay {

enum class TensorRole { Query, Cache, Lengths, Sinks, Output };

struct KernelTensor {
  TensorRole role = TensorRole::Query;
  std::string name;
  verify::Elements elements = verify::Elements::F32;
  /// The sizes of a row: what follows batch and rows.
  std::vector<int64_t> sizes = {};
  /// Their product.
  int64_t width = 1;

  DLDataType type() const { return verify::dlTypeOf(elements); }
  int64_t elementBytes() const { return type().bits / 8; }
  /// `leading` sizes, then those of a row.
  std::vector<int64_t> shape(llvm::ArrayRef<int64_t> leading) const;
};

/// In the order of the args. Fails where a replay has nothing for a tensor, or
/// its sizes are no numbers.
llvm::Expected<std::vector<KernelTensor>>
describeTensors(const LibraryKernel &kernel);

/// The numbers of the row of `tensor` that stands at `position` of a sequence:
/// the same in every call.
void fillRow(const KernelTensor &tensor, int64_t sequence, int64_t position,
             llvm::MutableArrayRef<double> values);

} // namespace attn::replay

#endif // COMPILER_REPLAY_KERNELTENSORS_H

//===- KernelTensors.cpp - What a replayed kernel takes -------------------===//
//
// See KernelTensors.h.
//
//===----------------------------------------------------------------------===//

#include "compiler/replay/KernelTensors.h"

#include "compiler/verify/Random.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSwitch.h"

#include <fmt/format.h>

using namespace attn;
using namespace attn::replay;
using llvm::ArrayRef;
using llvm::StringRef;

std::vector<int64_t> KernelTensor::shape(ArrayRef<int64_t> leading) const {
  std::vector<int64_t> shape(leading.begin(), leading.end());
  llvm::append_range(shape, sizes);
  return shape;
}

static std::optional<TensorRole> roleOf(const LibraryTensor &tensor) {
  if (tensor.output)
    return TensorRole::Output;
  return llvm::StringSwitch<std::optional<TensorRole>>(tensor.name)
      .Case("query", TensorRole::Query)
      .Cases({"key", "value", "latent", "rope_key"}, TensorRole::Cache)
      .Case("kv_lengths", TensorRole::Lengths)
      .Case("sinks", TensorRole::Sinks)
      .Default(std::nullopt);
}

llvm::Expected<std::vector<KernelTensor>>
replay::describeTensors(const LibraryKernel &kernel) {
  std::vector<KernelTensor> tensors;
  for (const LibraryTensor &tensor : kernel.tensors) {
    std::optional<TensorRole> role = roleOf(tensor);
    if (!role)
      return llvm::createStringError(
          fmt::format("kernel '{}' takes '{}', which a replay has not: it "
                      "serves decoders' layers",
                      kernel.symbol, tensor.name));
    KernelTensor &known = tensors.emplace_back(
        KernelTensor{*role, tensor.name, verify::elementsOf(tensor.type)});
    constexpr size_t leading = 2;
    for (size_t i = leading; i < tensor.shape.size(); ++i) {
      int64_t size = 0;
      constexpr int64_t most = 1 << 16;
      if (StringRef(tensor.shape[i]).getAsInteger(10, size) || size < 1 ||
          size > most)
        return llvm::createStringError(
            fmt::format("kernel '{}': tensor '{}' has the size '{}' in the "
                        "manifest, expected a number from 1 to {}",
                        kernel.symbol, tensor.name, tensor.shape[i], most));
      known.sizes.push_back(size);
      known.width *= size;
    }
  }
  return tensors;
}

void replay::fillRow(const KernelTensor &tensor, int64_t sequence,
                     int64_t position, llvm::MutableArrayRef<double> values) {
  uint64_t number = llvm::StringSwitch<uint64_t>(tensor.name)
                        .Case("query", 1)
                        .Cases({"key", "latent"}, 2)
                        .Default(3);
  verify::Random random(number << 58 ^ static_cast<uint64_t>(sequence) << 32 ^
                        static_cast<uint64_t>(position));
  random.next();
  for (double &value : values)
    value = random.uniform();
}

//===- PackWeights.cpp - attnc pack-weights -------------------------------===//
//
// The weights of one layer, from a checkpoint, as the layer's kernel reads
// them.
//
//===----------------------------------------------------------------------===//

#include "compiler/Diagnostics.h"
#include "compiler/commands/Commands.h"
#include "compiler/run/Binding.h"
#include "compiler/run/Checkpoint.h"
#include "compiler/run/LayerChoice.h"

#include "llvm/Support/raw_ostream.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

using namespace attn;
using llvm::Error;
using llvm::StringRef;

/// The tensors of `checkpoint` that are of the layer; `names` are its weights.
static CallTensors weightsOf(const Checkpoint &checkpoint,
                             const LibraryLayer &layer, StringRef chosen,
                             llvm::ArrayRef<std::string> names) {
  CallTensors tensors(checkpoint.files());
  tensors.chooseLayer(layer.layer, chosen);
  tensors.chooseModule(llvm::to_vector_of<StringRef>(names));
  return tensors;
}

static Error pack(const Invocation &invocation) {
  auto library = KernelLibrary::open(invocation.input);
  if (!library)
    return library.takeError();
  auto layer = chooseLayer(**library, invocation.layer, /*function=*/"");
  if (!layer)
    return layer.takeError();
  const LibraryKernel *kernel = (*library)->find(**layer, "layer");
  if (!kernel)
    return llvm::createStringError(
        fmt::format("'{}' has no kernel of scope 'layer' for layer {}, only {}",
                    (*library)->name(), (*layer)->layer,
                    fmt::join((*layer)->kernels, ", ")));
  auto checkpoint = Checkpoint::open(invocation.weights);
  if (!checkpoint)
    return checkpoint.takeError();
  if (Error error = checkpoint->checkOutput(invocation.outTensors, "--weights"))
    return error;
  auto bound =
      bindWeights(*kernel, weightsOf(*checkpoint, **layer, invocation.layer,
                                     kernel->weights));
  if (!bound)
    return llvm::createStringError(fmt::format(
        "{}: {}", invocation.weights, llvm::toString(bound.takeError())));
  if (Error error = packWeights(*kernel, (*layer)->index, *bound))
    return error;
  const BoundTensor &packed = *bound->packedWeights;
  StoredTensor stored = {packed.declared->name,
                         storedTypeOf(packed.declared->type).name.str(),
                         packed.shape,
                         {packed.bytes.get(), size_t(packed.size)}};
  if (Error error = writeSafetensors(invocation.outTensors, stored))
    return error;
  llvm::outs() << fmt::format("wrote {}: {} {} of layer {}\n",
                              invocation.outTensors, stored.name,
                              stored.describe(), (*layer)->layer);
  return Error::success();
}

int attn::packWeightsCommand(const Invocation &invocation) {
  Error error = pack(invocation);
  if (!error)
    return 0;
  reportError(std::move(error));
  return 1;
}

//===- Run.cpp - attnc run ------------------------------------------------===//
//
// One call of a compiled kernel, through the public ABI, on tensors of files.
//
//===----------------------------------------------------------------------===//

#include "compiler/CallSizes.h"
#include "compiler/Diagnostics.h"
#include "compiler/Names.h"
#include "compiler/commands/Commands.h"
#include "compiler/run/Binding.h"
#include "compiler/run/Checkpoint.h"
#include "compiler/run/LayerCall.h"
#include "compiler/run/LayerChoice.h"

#include "llvm/Support/raw_ostream.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

using namespace attn;
using llvm::Error;
using llvm::Expected;
using llvm::StringRef;

/// The scope whose tensors are there: the largest, since hidden states are of
/// no other.
static StringRef scopeOf(const CallTensors &tensors) {
  if (tensors.findExact("hidden_states"))
    return "layer";
  for (StringRef name : {"latent_and_rope_key", "position_ids"})
    if (tensors.findExact(name))
      return "attend";
  auto isOfCache = [](const StoredTensor *tensor) {
    StringRef name = tensor->name;
    return name.starts_with("past_") || name.ends_with("_cache");
  };
  return llvm::any_of(tensors.stored(), isOfCache) ? "attend" : "core";
}

/// The layer's kernel for `tensors`: that of the function or scope asked for,
/// or of the scope that they are of; of a latent layer's cores, the one that
/// takes the latent if they have it.
static Expected<std::string> chooseSymbol(const KernelLibrary &library,
                                          const LibraryLayer &layer,
                                          const Invocation &invocation,
                                          const CallTensors &tensors) {
  llvm::ArrayRef<Scope> scopes = invocation.compile.scopes;
  if (scopes.size() > 1)
    return llvm::createStringError(
        fmt::format("one call has one scope, got {}", scopes.size()));
  if (!scopes.empty() && !invocation.function.empty())
    return llvm::createStringError("--function '%s' names a kernel, which has "
                                   "one scope: leave --scope out",
                                   invocation.function.c_str());
  if (layer.layer < 0)
    return layer.kernels.front();
  if (!invocation.function.empty())
    return functionSymbol(library.name(), invocation.function);
  std::string scope = scopes.empty() ? scopeOf(tensors).str()
                                     : std::string(spell(scopes.front()));
  llvm::SmallVector<StringRef> fitting = {scope};
  // Heads alone are of attend too.
  if (scopes.empty() && scope == "core")
    fitting.push_back("attend");
  bool hasLatent = tensors.findExact("latent") || tensors.findExact("rope_key");
  for (StringRef candidate : fitting)
    for (bool isAbsorbed : {hasLatent, false})
      if (const LibraryKernel *kernel =
              library.find(layer, candidate, isAbsorbed))
        return kernel->symbol;
  if (scopes.empty() && layer.kernels.size() == 1)
    return layer.kernels.front();
  return llvm::createStringError(fmt::format(
      "'{}' has no kernel of scope '{}' for layer {}, only {}", library.name(),
      scope, layer.layer, fmt::join(layer.kernels, ", ")));
}

/// The entry of that symbol that --phase asks for; the plain one without it.
static Expected<const LibraryKernel *>
chooseKernel(const KernelLibrary &library, std::string symbol,
             llvm::ArrayRef<Phase> phases) {
  if (phases.size() > 1)
    return llvm::createStringError("one call has one phase, got two");
  if (!phases.empty())
    symbol += fmt::format("_{}", spell(phases.front()));
  if (const LibraryKernel *kernel = library.find(symbol))
    return kernel;
  return llvm::createStringError(
      fmt::format("'{}' has no kernel '{}'", library.name(), symbol));
}

static Error call(const LibraryKernel &kernel, const LibraryLayer &layer,
                  const BoundCall &bound) {
  llvm::SmallVector<const DLTensor *> tensors = bound.arguments();
  uint64_t bytes = workspaceBytes(kernel, sizesOf(kernel, tensors));
  AlignedBytes workspace = allocateAligned(bytes);
  if (!workspace)
    return llvm::createStringError(
        fmt::format("no memory for a workspace of {} bytes", bytes));
  char text[512] = "";
  attn_context context = ATTN_CONTEXT_INIT;
  context.workspace = workspace.get();
  context.workspace_bytes = bytes;
  context.text = text;
  context.text_bytes = sizeof(text);
  attn_rt_tail tail = {};
  if (bound.packedWeights)
    tail.packed_weights = &bound.packedWeights->tensor;
  KernelArgs args(layer.index, tensors, /*flags=*/0, tail);
  attn_status status = kernel.run(args.data(), &context);
  if (status == ATTN_OK)
    return Error::success();
  // The runtime's messages begin with the kernel's symbol.
  return llvm::createStringError(
      *text ? std::string(text)
            : fmt::format("{}: status {}", kernel.symbol, int(status)));
}

namespace {
/// What a call's tensors come from.
struct Sources {
  std::vector<Checkpoint> checkpoints;
  std::vector<const SafetensorsFile *> files;

  /// Fails also if the results would take the place of one of them.
  static llvm::Expected<Sources> open(const Invocation &invocation);
};
} // namespace

llvm::Expected<Sources> Sources::open(const Invocation &invocation) {
  Sources sources;
  auto add = [&](StringRef path, StringRef option) -> Error {
    auto checkpoint = Checkpoint::open(path);
    if (!checkpoint)
      return checkpoint.takeError();
    llvm::append_range(sources.files, checkpoint->files());
    sources.checkpoints.push_back(std::move(*checkpoint));
    return sources.checkpoints.back().checkOutput(invocation.outTensors,
                                                  option);
  };
  if (Error error = add(invocation.inTensors, "--in"))
    return error;
  if (!invocation.weights.empty())
    if (Error error = add(invocation.weights, "--weights"))
      return error;
  return sources;
}

/// "wrote out: output F32 [1, 1, 32, 128], lse F32 [1, 1, 32] (by llama_core,
/// layer 0)".
static std::string summarize(StringRef path,
                             llvm::ArrayRef<StoredTensor> results,
                             const LibraryKernel &kernel,
                             const LibraryLayer &layer) {
  llvm::SmallVector<std::string> parts;
  for (const StoredTensor &result : results)
    parts.push_back(fmt::format("{} {}", result.name, result.describe()));
  return fmt::format("wrote {}: {} (by {}{})\n", std::string_view(path),
                     fmt::join(parts, ", "), kernel.symbol,
                     layer.layer < 0 ? ""
                                     : fmt::format(", layer {}", layer.layer));
}

/// The files that tensors are looked for in, for messages.
static std::string sourcesOf(const Invocation &invocation) {
  return invocation.weights.empty()
             ? invocation.inTensors
             : fmt::format("{}, {}", invocation.inTensors, invocation.weights);
}

static Error run(const Invocation &invocation) {
  auto library = KernelLibrary::open(invocation.input);
  if (!library)
    return library.takeError();
  auto layer = chooseLayer(**library, invocation.layer, invocation.function);
  if (!layer)
    return layer.takeError();

  auto sources = Sources::open(invocation);
  if (!sources)
    return sources.takeError();
  CallTensors given(sources->files);
  auto symbol = chooseSymbol(**library, **layer, invocation, given);
  if (!symbol)
    return symbol.takeError();
  auto kernel = chooseKernel(**library, *symbol, invocation.compile.phases);
  if (!kernel)
    return kernel.takeError();
  if ((*kernel)->isOfModule()) {
    given.chooseLayer((*layer)->layer, invocation.layer);
    Error error = (*kernel)->takesCaches() ? completeLayerCall(**kernel, given)
                                           : Error::success();
    if (error)
      return llvm::createStringError(fmt::format(
          "{}: {}", sourcesOf(invocation), llvm::toString(std::move(error))));
    auto packed = findPacked(**kernel, given);
    if (!packed)
      return llvm::createStringError(fmt::format(
          "{}: {}", sourcesOf(invocation), llvm::toString(packed.takeError())));
    llvm::SmallVector<StringRef> names;
    for (const LibraryTensor &tensor : (*kernel)->tensors)
      if (!tensor.output && !tensor.optional &&
          !(*packed && (*kernel)->isWeight(tensor.name)))
        names.push_back(tensor.name);
    given.chooseModule(names);
  }
  if (invocation.packsWeights && (*kernel)->weights.empty())
    return llvm::createStringError(fmt::format(
        "kernel '{}' has no weights to pack: --pack-weights is for scope layer",
        (*kernel)->symbol));
  auto bound = bindTensors(**kernel, given);
  if (!bound)
    return llvm::createStringError(fmt::format(
        "{}: {}", sourcesOf(invocation), llvm::toString(bound.takeError())));
  for (const std::string &warning : findMisspelt(**kernel, given))
    reportWarning(fmt::format("{}: {}", sourcesOf(invocation), warning));
  if (invocation.packsWeights && !bound->packedWeights)
    if (Error error = packWeights(**kernel, (*layer)->index, *bound))
      return error;
  if (Error error = call(**kernel, **layer, *bound))
    return error;
  std::vector<StoredTensor> results = bound->results(**kernel);
  if (Error error = writeSafetensors(invocation.outTensors, results))
    return error;
  llvm::outs() << summarize(invocation.outTensors, results, **kernel, **layer);
  return Error::success();
}

int attn::runKernelCommand(const Invocation &invocation) {
  Error error = checkLowered(invocation.compile);
  if (!error)
    error = run(invocation);
  if (!error)
    return 0;
  reportError(std::move(error));
  return 1;
}

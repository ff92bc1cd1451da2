//===- LayerOptions.cpp - Options that change declared layers -------------===//
//
// A rank is a layer of fewer heads (Shoeybi et al. 2019, section 3): all ranks
// are one declaration, so that what differs between them is refused.
//
//===----------------------------------------------------------------------===//

#include "compiler/import/LayerOptions.h"

#include "dialects/attn/AttnOps.h"
#include "dialects/attn/AttnRanks.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/SetVector.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

using namespace attn;
using namespace mlir;

/// Functions say all themselves.
static LogicalResult checkDeclared(ModuleOp module, const Twine &option) {
  for (auto function : module.getOps<func::FuncOp>())
    return function.emitError() << option << " is for declared layers, and '"
                                << function.getSymName() << "' is a function";
  return success();
}

//===----------------------------------------------------------------------===//
// --pairing
//===----------------------------------------------------------------------===//

static LogicalResult overridePairing(ModuleOp module, Pairing pairing) {
  std::string option = ("pairing '" + stringifyPairing(pairing) + "'").str();
  if (failed(checkDeclared(module, option)))
    return failure();
  bool hasLayers = false, rotates = false;
  for (Operation &op : *module.getBody()) {
    hasLayers |= isa<GroupedOp, LatentOp>(op);
    auto rope = op.getAttrOfType<RopeAttr>("position");
    if (!rope)
      continue;
    rotates = true;
    op.setAttr("position",
               RopeAttr::get(module.getContext(), rope.getTheta(),
                             rope.getDims(), pairing, rope.getScaling()));
  }
  if (rotates || !hasLayers)
    return success();
  return emitError(module.getLoc())
         << option << " is for layers that rotate queries and keys, and none "
         << "of '" << module.getSymName().value_or("the input") << "' does";
}

//===----------------------------------------------------------------------===//
// --tp
//===----------------------------------------------------------------------===//

/// Whether each of `ranks` has as many query heads, over whole key/value heads
/// of its own or within one.
static bool areShared(int64_t heads, int64_t kvHeads, int64_t ranks) {
  return heads % ranks == 0 && (kvHeads % ranks == 0 || ranks % kvHeads == 0);
}

static LogicalResult checkHeads(Operation *layer, int64_t heads,
                                int64_t kvHeads, int64_t ranks) {
  if (areShared(heads, kvHeads, ranks))
    return success();
  SmallVector<int64_t> choices;
  for (int64_t choice = 1; choice <= heads; ++choice)
    if (areShared(heads, kvHeads, choice))
      choices.push_back(choice);
  InFlightDiagnostic error = layer->emitOpError();
  if (heads % ranks != 0)
    error << "has " << heads << " query heads, which is no multiple of tp "
          << ranks;
  else
    error << "has " << kvHeads << " key/value heads, which is neither a "
          << "multiple nor a divisor of tp " << ranks;
  return error << fmt::format("; tp can be {}", fmt::join(choices, ", "));
}

/// Whether a kernel of that scope may be asked for.
static bool includes(const CompileOptions &options, Scope scope) {
  return options.scopes.empty() || llvm::is_contained(options.scopes, scope);
}

/// What of a layer would be another in each rank, or needs all of them.
static LogicalResult checkRank(GroupedOp layer, const CompileOptions &options) {
  if (isa_and_present<AlibiAttr>(layer.getPositionBias().value_or(nullptr)))
    return layer.emitOpError() << "has ALiBi slopes, which differ from rank to "
                               << "rank: tp " << options.ranks
                               << " compiles one kernel for all of them";
  auto isOfAll = [](std::optional<NormAttr> norm) {
    return norm && norm->getSpan() == NormSpan::All;
  };
  bool hasNorm =
      includes(options, Scope::Attend) || includes(options, Scope::Layer);
  if (hasNorm && (isOfAll(layer.getQkNorm()) || isOfAll(layer.getValueNorm())))
    return layer.emitOpError()
           << "norms the row of all " << layer.getHeads()
           << " heads, of which a rank of tp " << options.ranks << " has "
           << layer.getHeads() / options.ranks
           << ": '--scope core' leaves norms to the caller";
  return checkHeads(layer, layer.getHeads(), layer.getKvHeads(), options.ranks);
}

static LogicalResult checkRank(LatentOp layer, const CompileOptions &options) {
  if (layer.getProjectionBias() && includes(options, Scope::Layer))
    return layer.emitOpError()
           << "has biases of all its projections, and each rank of tp "
           << options.ranks << " would add that of the output: '--scope core "
           << "--scope attend' leave projections to the caller";
  return checkHeads(layer, layer.getHeads(), layer.getHeads(), options.ranks);
}

namespace {
/// Checkpoint names, in the order of the layers.
using Names = llvm::SmallSetVector<StringAttr, 2>;
} // namespace

static void share(GroupedOp layer, int64_t ranks, Names &leftOut) {
  int64_t kvHeads = layer.getKvHeads();
  layer.setHeads(layer.getHeads() / ranks);
  layer.setKvHeads(std::max<int64_t>(kvHeads / ranks, 1));
  if (!layer.getOutputBias())
    return;
  ProjectionsAttr spelled = layer.getProjections().value_or(nullptr);
  StringRef output = spelled && spelled.getOutput()
                         ? spelled.getOutput().getValue()
                         : "o_proj";
  leftOut.insert(StringAttr::get(layer.getContext(), output + ".bias"));
  layer.removeOutputBiasAttr();
}

/// The latent, which all heads share, is each rank's.
static void share(LatentOp layer, int64_t ranks, Names &) {
  layer.setHeads(layer.getHeads() / ranks);
}

template <typename OpTy>
static LogicalResult shareAll(ModuleOp module, const CompileOptions &options,
                              Names &leftOut) {
  for (OpTy layer : module.getOps<OpTy>()) {
    if (failed(checkRank(layer, options)))
      return failure();
    share(layer, options.ranks, leftOut);
  }
  return success();
}

static LogicalResult takeRank(ModuleOp module, const CompileOptions &options) {
  if (int64_t ranks = ranksOf(module); ranks > 1)
    return emitError(module.getLoc())
           << "the layers are one rank of " << ranks << " already, and tp "
           << options.ranks << " is for whole ones";
  Names leftOut;
  if (failed(checkDeclared(module, "tp " + Twine(options.ranks))) ||
      failed(shareAll<GroupedOp>(module, options, leftOut)) ||
      failed(shareAll<LatentOp>(module, options, leftOut)))
    return failure();
  Builder builder(module.getContext());
  module->setAttr(kRanksAttr, builder.getI64IntegerAttr(options.ranks));
  if (!leftOut.empty())
    module->setAttr(kLeftOutAttr, builder.getArrayAttr(SmallVector<Attribute>(
                                      leftOut.begin(), leftOut.end())));
  return success();
}

LogicalResult attn::applyLayerOptions(ModuleOp module,
                                      const CompileOptions &options) {
  std::optional<Pairing> pairing = symbolizePairing(options.pairing);
  if (pairing && failed(overridePairing(module, *pairing)))
    return failure();
  return options.ranks > 1 ? takeRank(module, options) : success();
}

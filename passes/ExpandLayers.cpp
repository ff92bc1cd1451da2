//===- ExpandLayers.cpp - declared layers become functions ----------------===//
//
// Writes each declared layer as textbook graphs, one function for each scope
// asked for; LayerFunctions.h says what they compute.
//
//===----------------------------------------------------------------------===//

#include "dialects/attn/AttnOps.h"
#include "dialects/attn/AttnRanks.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Transforms/DialectConversion.h"
#include "passes/LayerFunctions.h"
#include "passes/Passes.h"
#include "passes/Rewriting.h"

#define DEBUG_TYPE "attn-expand-layers"

namespace attn {
#define GEN_PASS_DEF_EXPANDLAYERS
#include "passes/Passes.h.inc"
} // namespace attn

using namespace mlir;
using namespace attn;

//===----------------------------------------------------------------------===//
// Remarks
//===----------------------------------------------------------------------===//

static std::string describe(GroupedOp layer, const LayerFunction &) {
  return (Twine(layer.getHeads()) + " query heads over " +
          Twine(layer.getKvHeads()) + " key/value heads of size " +
          Twine(layer.getHeadDim()))
      .str();
}

static std::string describe(LatentOp layer, const LayerFunction &function) {
  std::string heads = std::to_string(layer.getHeads());
  std::string rank = std::to_string(layer.getKvRank());
  switch (function.kind) {
  case LatentKind::Whole:
    return (Twine(heads) + " query heads over a latent of " + rank +
            " elements and a rotated key of " + Twine(layer.getRopeDim()))
        .str();
  case LatentKind::Expanded:
    return (Twine(heads) + " query heads over " + heads +
            " key/value heads of size " + Twine(layer.getExpandedSize()))
        .str();
  case LatentKind::Absorbed:
    return (Twine(heads) + " query heads over 1 key/value heads of size " +
            Twine(layer.getAbsorbedSize()) + ", whose first " + rank +
            " elements are the value")
        .str();
  case LatentKind::AbsorbQuery:
    return (Twine(heads) + " query heads of size " + Twine(layer.getNopeDim()) +
            " as " + rank + " elements, by the up-projection of keys")
        .str();
  case LatentKind::ExpandOutput:
    return (Twine(heads) + " heads of " + rank + " elements as values of " +
            Twine(layer.getValueDim()) + ", by the up-projection of values")
        .str();
  }
  llvm_unreachable("all kinds are handled");
}

/// "wrote 61 layers as 'NAME_core': 32 query heads over 8 key/value heads ..."
template <typename OpTy>
static void remarkWritten(OpTy layer, const LayerFunction &function) {
  remarkPassed(layer, DEBUG_TYPE,
               "wrote " + Twine(layer.getLayers().size()) + " layers as '" +
                   function.name + "': " + describe(layer, function));
}

/// Says where the declared maximum of positions decides the rotation.
template <typename OpTy>
static void remarkChoice(OpTy layer) {
  RopeScalingInterface scaling =
      layer.getPosition() ? layer.getPosition()->getScaling() : nullptr;
  std::string choice = scaling ? scaling.describeChoice() : "";
  if (!choice.empty())
    remarkFound(layer, DEBUG_TYPE, "rotation takes " + choice);
}

/// Says what a rank leaves to its caller.
static void remarkRank(Operation *layer) {
  std::string rank = describeRank(layer->getParentOfType<ModuleOp>());
  if (!rank.empty())
    remarkFound(layer, DEBUG_TYPE, rank);
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

namespace {
// attn.grouped @NAME -> func.func @NAME_SCOPE
// attn.latent @NAME -> func.func @NAME_SCOPE, two of scope core, and the steps
// of absorbed attention
template <typename OpTy>
struct ExpandLayer : OpConversionPattern<OpTy> {
  ExpandLayer(MLIRContext *context, ArrayRef<KernelScope> scopes,
              bool withSteps)
      : OpConversionPattern<OpTy>(context), scopes(scopes),
        withSteps(withSteps) {}

  LogicalResult
  matchAndRewrite(OpTy layer, typename OpTy::Adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    for (const LayerFunction &function :
         functionsOf(layer, scopes, withSteps)) {
      OpBuilder::InsertionGuard guard(rewriter);
      writeFunction(rewriter, layer, function);
      remarkWritten(layer, function);
    }
    remarkChoice(layer);
    remarkRank(layer);
    rewriter.eraseOp(layer);
    return success();
  }

  ArrayRef<KernelScope> scopes;
  bool withSteps;
};

struct ExpandLayersPass : attn::impl::ExpandLayersBase<ExpandLayersPass> {
  using Base::Base;

  LogicalResult initialize(MLIRContext *context) override;
  void runOnOperation() override;

  SmallVector<KernelScope> parsed;
};
} // namespace

LogicalResult ExpandLayersPass::initialize(MLIRContext *context) {
  parsed.clear();
  for (StringRef word : scopes) {
    std::optional<KernelScope> scope = symbolizeKernelScope(word);
    if (!scope)
      return emitError(UnknownLoc::get(context))
             << "option 'scopes' has '" << word
             << "', expected core, attend or layer";
    if (!llvm::is_contained(parsed, *scope))
      parsed.push_back(*scope);
  }
  if (parsed.empty())
    parsed.push_back(KernelScope::Core);
  return success();
}

/// Functions get new symbols: none of them may exist.
template <typename OpTy>
static LogicalResult checkSymbols(ModuleOp module, ArrayRef<KernelScope> scopes,
                                  bool withSteps) {
  for (OpTy layer : module.getOps<OpTy>())
    for (const LayerFunction &function :
         functionsOf(layer, scopes, withSteps)) {
      Operation *other = SymbolTable::lookupSymbolIn(module, function.name);
      if (!other)
        continue;
      InFlightDiagnostic error = layer.emitOpError()
                                 << "expands to '" << function.name
                                 << "', which exists already";
      error.attachNote(other->getLoc())
          << "'" << function.name << "' is defined here";
      return failure();
    }
  return success();
}

void ExpandLayersPass::runOnOperation() {
  if (failed(checkSymbols<GroupedOp>(getOperation(), parsed, steps)) ||
      failed(checkSymbols<LatentOp>(getOperation(), parsed, steps)))
    return signalPassFailure();
  ConversionTarget target(getContext());
  target.addIllegalOp<GroupedOp, LatentOp>();
  target.markUnknownOpDynamicallyLegal([](Operation *) { return true; });
  RewritePatternSet patterns(&getContext());
  patterns.add<ExpandLayer<GroupedOp>, ExpandLayer<LatentOp>>(&getContext(),
                                                              parsed, steps);
  if (failed(
          applyPartialConversion(getOperation(), target, std::move(patterns))))
    signalPassFailure();
}

//===- ConvertAttnToAttnTile.cpp - attn.flash as tile programs ------------===//
//
// Makes every fused function one attn_tile.program per schedule.
//
//===----------------------------------------------------------------------===//

#include "passes/Passes.h"

#include "mlir/AsmParser/AsmParser.h"
#include "mlir/Transforms/DialectConversion.h"
#include "passes/TileProgramBuilder.h"

namespace attn {
#define GEN_PASS_DEF_CONVERTATTNTOATTNTILE
#include "passes/Passes.h.inc"
} // namespace attn

using namespace mlir;
using namespace attn;

/// Heads and head sizes of every operand and result are known.
static bool hasStaticHeads(FlashOp flash) {
  auto isStatic = [](Value tensor, unsigned dim) {
    return !tensor ||
           !cast<RankedTensorType>(tensor.getType()).isDynamicDim(dim);
  };
  for (Value heads : {Value(flash.getQuery()), Value(flash.getKey()),
                      Value(flash.getValue()), Value(flash.getOutput())})
    if (!isStatic(heads, 2) || !isStatic(heads, 3))
      return false;
  return isStatic(flash.getLse(), 2) && isStatic(flash.getSinks(), 0);
}

std::optional<StringRef> attn::whyNotOneFlash(func::FuncOp function) {
  if (function.isExternal() || !llvm::hasSingleElement(function.getBody()))
    return "it has no body of one block";
  auto flashes = function.getOps<FlashOp>();
  if (!llvm::hasSingleElement(flashes))
    return "it does not hold exactly one attn.flash";
  FlashOp flash = *flashes.begin();
  if (function.getBody().front().getOperations().size() != 2)
    return "it holds other operations than one attn.flash";
  Operation *terminator = function.getBody().front().getTerminator();
  if (!llvm::equal(terminator->getOperands(), flash.getResults()))
    return "it does not return the output and lse of attn.flash";
  for (Value operand : flash->getOperands())
    if (!isa<BlockArgument>(operand))
      return "an operand of attn.flash is not an argument";
  if (flash.getTensorMask())
    return "attn.flash has a tensor_mask";
  if (flash.getDocuments())
    return "attn.flash masks by documents, which tiles do not know";
  if (!hasStaticHeads(flash))
    return "heads or head sizes are dynamic";
  if (flash.getQuery().getType().getDimSize(2) == 0 ||
      flash.getQuery().getType().getDimSize(3) == 0 ||
      flash.getValue().getType().getDimSize(3) == 0)
    return "there are no heads, or they have no elements";
  for (Attribute name : tensorNames(function))
    if (!name)
      return "an argument or result lacks attn.name";
  return std::nullopt;
}

namespace {

// func.func { attn.flash } -> one attn_tile.program per schedule
struct ConvertFunction : OpConversionPattern<func::FuncOp> {
  ConvertFunction(MLIRContext *context, ArrayRef<tile::ScheduleAttr> schedules)
      : OpConversionPattern(context), schedules(schedules) {}

  LogicalResult
  matchAndRewrite(func::FuncOp function, OpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    if (std::optional<StringRef> why = whyNotOneFlash(function))
      return rewriter.notifyMatchFailure(function, *why);
    FlashOp flash = *function.getOps<FlashOp>().begin();
    rewriter.setInsertionPoint(function);
    for (tile::ScheduleAttr schedule : schedules)
      TileProgramBuilder(rewriter, flash, schedule).build();
    rewriter.eraseOp(function);
    return success();
  }

  ArrayRef<tile::ScheduleAttr> schedules;
};

struct ConvertAttnToAttnTilePass
    : attn::impl::ConvertAttnToAttnTileBase<ConvertAttnToAttnTilePass> {
  using Base::Base;

  LogicalResult initialize(MLIRContext *context) override;
  void runOnOperation() override;

  SmallVector<tile::ScheduleAttr> parsed;
};

} // namespace

LogicalResult ConvertAttnToAttnTilePass::initialize(MLIRContext *context) {
  auto list = dyn_cast_or_null<ArrayAttr>(parseAttribute(schedules, context));
  if (!list)
    return emitError(UnknownLoc::get(context))
           << "option 'schedules' is not a list of attributes";
  parsed.clear();
  for (Attribute attribute : list) {
    auto schedule = dyn_cast<tile::ScheduleAttr>(attribute);
    if (!schedule)
      return emitError(UnknownLoc::get(context))
             << "option 'schedules' holds " << attribute
             << ", expected #attn_tile.schedule";
    parsed.push_back(schedule);
  }
  return success();
}

void ConvertAttnToAttnTilePass::runOnOperation() {
  for (auto function : getOperation().getOps<func::FuncOp>())
    if (std::optional<StringRef> why = whyNotOneFlash(function)) {
      function.emitError() << "function '" << function.getSymName()
                           << "' cannot become a tile program: " << *why;
      return signalPassFailure();
    }
  ConversionTarget target(getContext());
  target.addLegalDialect<tile::AttnTileDialect, arith::ArithDialect,
                         scf::SCFDialect>();
  target.addLegalOp<ModuleOp, GroupedOp, RefusedOp>();
  target.addIllegalOp<func::FuncOp>();
  RewritePatternSet patterns(&getContext());
  patterns.add<ConvertFunction>(&getContext(), parsed);
  if (failed(
          applyPartialConversion(getOperation(), target, std::move(patterns))))
    signalPassFailure();
}

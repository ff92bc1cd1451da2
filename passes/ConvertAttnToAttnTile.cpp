//===- ConvertAttnToAttnTile.cpp - attn.flash as tile programs ------------===//
//
// Makes every fused function one attn_tile.program per schedule.
//
//===----------------------------------------------------------------------===//

#include "passes/Passes.h"

#include "mlir/AsmParser/AsmParser.h"
#include "mlir/Transforms/DialectConversion.h"
#include "passes/GraphProgramBuilder.h"
#include "passes/GraphSupport.h"
#include "passes/RowParts.h"
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

/// Why `flash` cannot read its operands from the function's arguments, or
/// nothing.
static std::optional<StringRef> whyNotArguments(FlashOp flash) {
  auto isArgument = [](Value value) { return isa<BlockArgument>(value); };
  for (Value operand : flash->getOperands()) {
    bool isKeyOrValue =
        operand == flash.getKey() || operand == flash.getValue();
    if (!isArgument(operand) &&
        !(isKeyOrValue && llvm::all_of(rowPartsOf(operand), isArgument)))
      return "an operand of attn.flash is not an argument";
  }
  if (rowPartsOf(flash.getValue()).size() > 1)
    return "the value of attn.flash stands in several arguments";
  return std::nullopt;
}

/// Every tensor is one part of `flash` and called what it is there.
static bool hasNamesOfParts(func::FuncOp function, FlashOp flash) {
  auto isCalled = [&](Attribute name, StringRef part) {
    return name == StringAttr::get(function.getContext(), part);
  };
  SmallVector<std::pair<Value, StringRef>> parts = {
      {flash.getQuery(), "query"},
      {flash.getKey(), "key"},
      {flash.getValue(), "value"},
      {flash.getLengths(), "kv_lengths"},
      {flash.getPrefix(), "prefix_lengths"},
      {flash.getDocuments(), "document_ids"},
      {flash.getSinks(), "sinks"},
      {flash.getTable(), "bias_table"},
      {flash.getTensorMask(), "mask"}};
  // A latent layer: key = [latent, rope_key], value = latent.
  SmallVector<Value> key = rowPartsOf(flash.getKey());
  if (key.size() == 2 && rowPartsOf(flash.getValue()) == ArrayRef(key[0]))
    parts.append({{key[0], "latent"}, {key[1], "rope_key"}});
  for (BlockArgument argument : function.getArguments()) {
    auto isPart = [&](auto part) { return part.first == argument; };
    if (llvm::count_if(parts, isPart) != 1 ||
        !isCalled(function.getArgAttr(argument.getArgNumber(), kNameAttr),
                  llvm::find_if(parts, isPart)->second))
      return false;
  }
  return isCalled(function.getResultAttr(0, kNameAttr), "output") &&
         isCalled(function.getResultAttr(1, kNameAttr), "lse");
}

std::optional<StringRef> attn::whyNotOneFlash(func::FuncOp function) {
  if (function.isExternal() || !llvm::hasSingleElement(function.getBody()))
    return "it has no body of one block";
  auto flashes = function.getOps<FlashOp>();
  if (!llvm::hasSingleElement(flashes))
    return "it does not hold exactly one attn.flash";
  FlashOp flash = *flashes.begin();
  for (Operation &op : function.getBody().front().without_terminator())
    if (&op != flash && !isRowArrangement(&op))
      return "it holds other operations than one attn.flash";
  Operation *terminator = function.getBody().front().getTerminator();
  if (!llvm::equal(terminator->getOperands(), flash.getResults()))
    return "it does not return the output and lse of attn.flash";
  if (std::optional<StringRef> why = whyNotArguments(flash))
    return why;
  if (!llvm::all_of(function.getArgumentTypes(),
                    llvm::IsaPred<RankedTensorType>))
    return "an argument is not a tensor of known rank";
  // That of a declared layer is one of the tensors that callers bring.
  if (flash.getTensorMask() && !function->hasAttr(kScopeAttr))
    return "attn.flash has a tensor_mask";
  if (!hasNamesOfParts(function, flash))
    return "a tensor has another attn.name than its part in attn.flash";
  if (!hasStaticHeads(flash))
    return "heads or head sizes are dynamic";
  auto hasElements = [](Type tensor) {
    return !llvm::is_contained(cast<RankedTensorType>(tensor).getShape(), 0);
  };
  if (!llvm::all_of(function.getArgumentTypes(), hasElements) ||
      !llvm::all_of(function.getResultTypes(), hasElements))
    return "a tensor has no elements";
  return std::nullopt;
}

/// The function's own schedules, or those of the pass.
static auto schedulesOf(func::FuncOp function, ArrayAttr schedules) {
  auto own = function->getAttrOfType<ArrayAttr>(tile::kSchedulesAttr);
  return (own ? own : schedules).getAsRange<tile::ScheduleAttr>();
}

namespace {

// func.func { attn.flash } -> one attn_tile.program per schedule
struct ConvertAttention : OpConversionPattern<func::FuncOp> {
  ConvertAttention(MLIRContext *context, ArrayAttr schedules)
      : OpConversionPattern(context), schedules(schedules) {}

  LogicalResult
  matchAndRewrite(func::FuncOp function, OpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    if (std::optional<StringRef> why = whyNotOneFlash(function))
      return rewriter.notifyMatchFailure(function, *why);
    FlashOp flash = *function.getOps<FlashOp>().begin();
    rewriter.setInsertionPoint(function);
    for (tile::ScheduleAttr schedule : schedulesOf(function, schedules))
      TileProgramBuilder(rewriter, flash, schedule).build();
    rewriter.eraseOp(function);
    return success();
  }

  ArrayAttr schedules;
};

// func.func { anything else } -> one attn_tile.program per schedule
struct ConvertGraph : OpConversionPattern<func::FuncOp> {
  ConvertGraph(MLIRContext *context, ArrayAttr schedules)
      : OpConversionPattern(context), schedules(schedules) {}

  LogicalResult
  matchAndRewrite(func::FuncOp function, OpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    if (!whyNotOneFlash(function))
      return rewriter.notifyMatchFailure(function, "is one attention");
    if (std::optional<GraphSizes::Problem> why = whyNotGraph(function))
      return rewriter.notifyMatchFailure(function, why->text);
    rewriter.setInsertionPoint(function);
    for (tile::ScheduleAttr schedule : schedulesOf(function, schedules))
      GraphProgramBuilder(rewriter, function, schedule).build();
    rewriter.eraseOp(function);
    return success();
  }

  ArrayAttr schedules;
};

struct ConvertAttnToAttnTilePass
    : attn::impl::ConvertAttnToAttnTileBase<ConvertAttnToAttnTilePass> {
  using Base::Base;

  LogicalResult initialize(MLIRContext *context) override;
  void runOnOperation() override;

  ArrayAttr parsed;
};

} // namespace

LogicalResult ConvertAttnToAttnTilePass::initialize(MLIRContext *context) {
  parsed = dyn_cast_or_null<ArrayAttr>(parseAttribute(schedules, context));
  if (!parsed)
    return emitError(UnknownLoc::get(context))
           << "option 'schedules' is not a list of attributes";
  for (Attribute attribute : parsed)
    if (!isa<tile::ScheduleAttr>(attribute))
      return emitError(UnknownLoc::get(context))
             << "option 'schedules' holds " << attribute
             << ", expected #attn_tile.schedule";
  return success();
}

/// Says at which operation, and why, a function cannot be converted.
static LogicalResult checkFunction(func::FuncOp function) {
  if (!whyNotOneFlash(function))
    return success();
  std::optional<GraphSizes::Problem> why = whyNotGraph(function);
  if (!why)
    return success();
  if (why->op)
    return why->op->emitOpError() << why->text;
  return function.emitError()
         << "function '" << function.getSymName()
         << "' cannot become a tile program: " << why->text;
}

void ConvertAttnToAttnTilePass::runOnOperation() {
  for (auto function : getOperation().getOps<func::FuncOp>())
    if (failed(checkFunction(function)))
      return signalPassFailure();
  ConversionTarget target(getContext());
  target.addLegalDialect<tile::AttnTileDialect, arith::ArithDialect,
                         scf::SCFDialect>();
  target.addLegalOp<ModuleOp, GroupedOp, LatentOp, RefusedOp>();
  target.addIllegalOp<func::FuncOp>();
  RewritePatternSet patterns(&getContext());
  patterns.add<ConvertAttention, ConvertGraph>(&getContext(), parsed);
  if (failed(
          applyPartialConversion(getOperation(), target, std::move(patterns))))
    signalPassFailure();
}

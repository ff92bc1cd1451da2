//===- StageRecorder.cpp - What --report shows of the stages --------------===//
//
// A remark belongs to the first stage that ends after it.
//
//===----------------------------------------------------------------------===//

#include "compiler/report/StageRecorder.h"

#include "compiler/LayerNumbers.h"
#include "compiler/StoredTypes.h"
#include "compiler/report/StageDiff.h"
#include "dialects/attn/AttnOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace attn;
using namespace attn::report;
using namespace mlir;

/// Values that are a part of the keys are read with them.
static bool isAbsorbed(FlashOp flash) {
  auto key = flash.getKey().getDefiningOp<ConcatOp>();
  return key && llvm::is_contained(key->getOperands(), flash.getValue());
}

/// A prefill of all keys and one token on them, or the only call that static
/// sizes allow; at most kMostQueries of a call.
static std::vector<RooflinePoint> placeFlash(FlashOp flash,
                                             CostQuestion question) {
  question.dtype = toDtype(flash.getQuery().getType().getElementType());
  question.kDtype = toDtype(flash.getKey().getType().getElementType());
  question.vDtype = toDtype(flash.getValue().getType().getElementType());
  ArrayRef<int64_t> query = flash.getQuery().getType().getShape();
  ArrayRef<int64_t> key = flash.getKey().getType().getShape();
  BenchCase call;
  call.mask = flash.getMask();
  if (isAbsorbed(flash))
    call.latentElements = key[2] * key[3];
  call.shape = {.batch = ShapedType::isDynamic(query[0]) ? 1 : query[0],
                .kvLength =
                    ShapedType::isDynamic(key[1]) ? question.kvLength : key[1],
                .queryHeads = query[2],
                .kvHeads = key[2],
                .headDim = query[3],
                .valueDim = flash.getValue().getType().getShape()[3]};
  SmallVector<int64_t> lengths = {call.shape.kvLength, 1};
  if (!ShapedType::isDynamic(query[1]))
    lengths = {query[1]};
  std::vector<RooflinePoint> points;
  for (int64_t length : lengths) {
    call.shape.queryLength = std::min(length, kMostQueries);
    points.push_back(pointOf(call, question));
  }
  return points;
}

static std::vector<RecordedAttention>
findAttention(ModuleOp module, const CostQuestion &question) {
  std::vector<RecordedAttention> found;
  for (auto function : module.getOps<func::FuncOp>())
    function.walk([&](FlashOp flash) {
      RecordedAttention entry = {.function = function.getSymName().str(),
                                 .layers = layersOf(function).vec(),
                                 .isAbsorbed = isAbsorbed(flash),
                                 .points = placeFlash(flash, question)};
      llvm::raw_string_ostream(entry.mask) << flash.getMask();
      found.push_back(std::move(entry));
    });
  return found;
}

void StageRecorder::listen(MLIRContext &context) {
  listenToRemarks(context, [this](PassRemark remark, StringRef function,
                                  Location location) {
    SitedRemark sited = {std::move(remark), function.str(), location};
    if (!llvm::is_contained(pending, sited))
      pending.push_back(std::move(sited));
  });
}

void StageRecorder::record(const StageView &stage) {
  RecordedStage entry = {.number = stage.number,
                         .name = stage.name.str(),
                         .passes = stage.pass.str(),
                         .about = stage.about.str(),
                         .text = printStage(stage)};
  size_t lines = entry.text.lines.size();
  entry.isNew.resize(lines);
  entry.isGone.resize(lines);
  if (!stages.empty()) {
    StageDiff diff = compareStages(stages.back().text, entry.text);
    stages.back().isGone = std::move(diff.isGone);
    entry.isNew = std::move(diff.isNew);
  }
  entry.remarks.resize(lines + 1);
  for (SitedRemark &sited : pending)
    entry.remarks[placeRemark(sited, entry.text, entry.isNew).value_or(lines)]
        .push_back(std::move(sited.remark));
  pending.clear();
  stages.push_back(std::move(entry));

  // Tile programs have none: what the last fused stage has stays.
  auto found = findAttention(stage.module, question);
  if (!found.empty())
    attentions = std::move(found);
}

StageObserver StageRecorder::observer() {
  return [this](const StageView &stage) {
    record(stage);
    return success();
  };
}

//===- RowSteps.cpp - the chain of steps on a block of scores -------------===//
//
// One chain per key loop, in the one order that the online softmax has.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/RowSteps.h"

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

/// The if that masks a block of scores only where it is partial.
static bool isMaskedScore(Operation &op) {
  auto branch = dyn_cast<scf::IfOp>(op);
  return branch && branch.getNumResults() == 1 &&
         isa<tile::TileType>(branch.getResult(0).getType());
}

bool attn::cpu::isRowStep(Operation &op) {
  return isa<tile::ContractOp, tile::MapOp, tile::TensorMaskOp, tile::MaskOp,
             tile::SoftmaxStepOp, tile::AccumulateOp>(op) ||
         isMaskedScore(op);
}

/// then { yield mask(score) } else { yield score }
static LogicalResult readMaskedScore(scf::IfOp branch, RowSteps &steps,
                                     Value score) {
  auto masks = branch.thenBlock()->getOps<tile::MaskOp>();
  if (!llvm::hasSingleElement(masks) || !branch.elseBlock())
    return failure();
  tile::MaskOp mask = *masks.begin();
  if (mask.getScore() != score ||
      branch.thenYield().getOperand(0) != mask.getResult() ||
      branch.elseYield().getOperand(0) != score)
    return failure();
  steps.mask = mask;
  steps.partial = branch.getCondition();
  return success();
}

FailureOr<RowSteps> attn::cpu::findRowSteps(Block &block, std::string &why) {
  RowSteps steps;
  Value score;
  auto fail = [&](Operation &op) {
    why = ("'" + op.getName().getStringRef() +
           "' is not the next step of an online softmax")
              .str();
    return failure();
  };
  for (Operation &op : block) {
    if (!isRowStep(op))
      continue;
    if (auto contract = dyn_cast<tile::ContractOp>(op)) {
      if (steps.contract)
        return fail(op);
      steps.contract = contract;
      score = contract.getScore();
      continue;
    }
    if (!steps.contract)
      return fail(op);
    if (auto map = dyn_cast<tile::MapOp>(op)) {
      if (steps.map || steps.tensorMask || steps.mask ||
          map.getScore() != score)
        return fail(op);
      steps.map = map;
      score = map.getResult();
    } else if (auto tensorMask = dyn_cast<tile::TensorMaskOp>(op)) {
      if (steps.tensorMask || steps.mask || steps.softmax ||
          tensorMask.getScore() != score)
        return fail(op);
      steps.tensorMask = tensorMask;
      score = tensorMask.getResult();
    } else if (auto mask = dyn_cast<tile::MaskOp>(op)) {
      if (steps.mask || steps.softmax || mask.getScore() != score)
        return fail(op);
      steps.mask = mask;
      score = mask.getResult();
    } else if (auto branch = dyn_cast<scf::IfOp>(op)) {
      if (steps.mask || steps.softmax ||
          failed(readMaskedScore(branch, steps, score)))
        return fail(op);
      score = branch.getResult(0);
    } else if (auto softmax = dyn_cast<tile::SoftmaxStepOp>(op)) {
      if (steps.softmax || softmax.getScore() != score)
        return fail(op);
      steps.softmax = softmax;
    } else {
      auto accumulate = cast<tile::AccumulateOp>(op);
      if (!steps.softmax || steps.accumulate ||
          accumulate.getWeight() != steps.softmax.getWeight() ||
          accumulate.getAlpha() != steps.softmax.getAlpha())
        return fail(op);
      steps.accumulate = accumulate;
    }
  }
  if (steps.contract && !steps.accumulate)
    return fail(*steps.contract);
  return steps;
}

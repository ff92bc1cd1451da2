//===- MapKernel.cpp - elementwise functions of scores --------------------===//
//
// Turns the scalar region of attn_tile.map into vector code over one row.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/Microkernels.h"
#include "codegen/cpu/VectorMath.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/IRMapping.h"

#include <limits>

using namespace mlir;
using namespace attn::cpu;

/// One instruction, or a few, on vectors of every target.
static bool isVectorInstruction(Operation *op) {
  return isa<arith::AddFOp, arith::SubFOp, arith::MulFOp, arith::DivFOp,
             arith::NegFOp, math::AbsFOp, math::CopySignOp, math::FmaOp>(op);
}

std::optional<std::string> attn::cpu::whyNotMapRow(Region &body) {
  Block &block = body.front();
  for (BlockArgument position : block.getArguments().drop_front())
    if (!position.use_empty())
      return "it uses the row, column or head";
  auto isForeign = [&](Value value) {
    return value.getParentRegion() != &body &&
           !value.getDefiningOp<arith::ConstantOp>();
  };
  for (Operation &op : block.without_terminator()) {
    if (llvm::any_of(op.getOperands(), isForeign))
      return "it uses a value from outside that is no constant";
    if (!isVectorInstruction(&op) &&
        !isa<arith::ConstantOp, math::TanhOp, math::Exp2Op>(op))
      return ("it holds '" + op.getName().getStringRef() + "'").str();
    if (!llvm::all_of(op.getResultTypes(),
                      [](Type type) { return type.isF32(); }))
      return ("its '" + op.getName().getStringRef() + "' is not f32").str();
  }
  if (isForeign(block.getTerminator()->getOperand(0)))
    return "it yields a value from outside that is no constant";
  return std::nullopt;
}

/// The vector form of one operation of a score_mod.
static Value emitVectorForm(KernelBuilder &k, Operation &op,
                            ValueRange operands) {
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    auto value = cast<FloatAttr>(constant.getValue());
    return k.splat(value.getValue().convertToFloat());
  }
  if (isa<math::TanhOp>(op))
    return emitTanh(k, operands[0]);
  if (isa<math::Exp2Op>(op))
    return emitWideExp2(k, operands[0]);
  OperationState state(k.loc(), op.getName(), operands, {k.vecType},
                       op.getAttrs());
  return k.builder().create(state)->getResult(0);
}

static Value emitVectorForm(KernelBuilder &k, Block &block, Value score) {
  IRMapping mapping;
  mapping.map(block.getArgument(0), score);
  // Constants may have been moved out of the region.
  auto lookup = [&](Value value) {
    if (!mapping.contains(value))
      mapping.map(value, emitVectorForm(k, *value.getDefiningOp(), {}));
    return mapping.lookup(value);
  };
  for (Operation &op : block.without_terminator()) {
    SmallVector<Value> operands;
    for (Value operand : op.getOperands())
      operands.push_back(lookup(operand));
    mapping.map(op.getResult(0), emitVectorForm(k, op, operands));
  }
  return lookup(block.getTerminator()->getOperand(0));
}

func::FuncOp attn::cpu::emitMapRow(KernelBuilder &k, StringRef name,
                                   Region &body) {
  func::FuncOp function =
      k.begin(name, {k.ptrType, k.ptrType, k.i64Type}, {}, /*local=*/true);
  Value minusInfinity = k.splat(-std::numeric_limits<float>::infinity());
  auto step = [&](Value vector, ValueRange carried) {
    Value place = k.at(k.argument(0), k.mul(vector, k.getTarget().lanes));
    Value score = emitVectorForm(k, body.front(), k.load(place));
    k.store(score, place);
    return SmallVector<Value>{k.maxf(score, carried[0])};
  };
  Value maximum =
      k.loop(k.i64(0), k.argument(2), 1, minusInfinity, step).front();
  k.store(maximum, k.argument(1));
  k.end();
  return function;
}

//===- ElementOps.cpp - functions of elements as vector code --------------===//
//
// See ElementOps.h. What libm would be called for is in VectorMath.h.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/ElementOps.h"
#include "codegen/cpu/VectorMath.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace attn::cpu;

/// One instruction, or a few, on vectors of every target.
static bool isVectorInstruction(Operation &op) {
  return isa<arith::AddFOp, arith::SubFOp, arith::MulFOp, arith::DivFOp,
             arith::NegFOp, arith::CmpFOp, arith::SelectOp, arith::AndIOp,
             arith::OrIOp, arith::XOrIOp, arith::AddIOp, arith::SubIOp,
             arith::CmpIOp, arith::SIToFPOp, math::AbsFOp, math::CopySignOp,
             math::FmaOp, math::SqrtOp>(op);
}

static bool isElement(Type type) {
  return type.isF32() || type.isInteger(1) || type.isInteger(32);
}

std::optional<std::string> attn::cpu::whyNotElements(Block &body) {
  auto isForeign = [&](Value value) {
    return value.getParentBlock() != &body &&
           !value.getDefiningOp<arith::ConstantOp>();
  };
  for (Operation &op : body) {
    if (llvm::any_of(op.getOperands(), isForeign))
      return "it uses a value from outside that is no constant";
    if (op.hasTrait<OpTrait::IsTerminator>())
      continue;
    if (!isVectorInstruction(op) &&
        !isa<arith::ConstantOp, math::TanhOp, math::ExpOp, math::Exp2Op,
             math::ErfOp, math::LogOp, math::Log2Op>(op))
      return ("it holds '" + op.getName().getStringRef() + "'").str();
    if (!llvm::all_of(op.getResultTypes(), isElement))
      return ("its '" + op.getName().getStringRef() + "' is not f32, i32 or i1")
          .str();
  }
  return std::nullopt;
}

static Value emitConstant(KernelBuilder &k, arith::ConstantOp constant) {
  if (auto number = dyn_cast<FloatAttr>(constant.getValue()))
    return k.splat(number.getValue().convertToFloat());
  auto type = VectorType::get(k.getTarget().lanes, constant.getType());
  return arith::ConstantOp::create(
      k.builder(), k.loc(), DenseElementsAttr::get(type, constant.getValue()));
}

/// The vector form of one operation.
static Value emitVectorForm(KernelBuilder &k, Operation &op,
                            ValueRange operands) {
  if (auto constant = dyn_cast<arith::ConstantOp>(op))
    return emitConstant(k, constant);
  if (Value result = emitFunction(k, op, operands))
    return result;
  Type type = VectorType::get(k.getTarget().lanes, op.getResult(0).getType());
  OperationState state(k.loc(), op.getName(), operands, {type}, op.getAttrs());
  return k.builder().create(state)->getResult(0);
}

Value attn::cpu::emitElements(KernelBuilder &k, Block &body,
                              ValueRange arguments) {
  IRMapping mapping;
  mapping.map(body.getArguments(), arguments);
  // Constants may have been moved out of the region.
  auto lookup = [&](Value value) {
    if (!mapping.contains(value))
      mapping.map(value, emitVectorForm(k, *value.getDefiningOp(), {}));
    return mapping.lookup(value);
  };
  for (Operation &op : body.without_terminator()) {
    SmallVector<Value> operands;
    for (Value operand : op.getOperands())
      operands.push_back(lookup(operand));
    mapping.map(op.getResult(0), emitVectorForm(k, op, operands));
  }
  return lookup(body.getTerminator()->getOperand(0));
}

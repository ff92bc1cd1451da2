//===- AttnMathOps.cpp - products, sums, functions, norms -----------------===//
//
// Verifiers and folds of the arithmetic around attention.
//
//===----------------------------------------------------------------------===//

#include "dialects/attn/AttnOps.h"
#include "dialects/attn/AttnSizesImpl.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace attn;

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

LogicalResult MatmulOp::verify() {
  ArrayRef<int64_t> lhs = shapeOf(getLhs()), rhs = shapeOf(getRhs());
  // matmul_c1
  if (lhs.size() < 2 || rhs.size() < 2 ||
      (rhs.size() != 2 && rhs.size() != lhs.size()))
    return emitOpError() << "ranks are " << lhs.size() << " and " << rhs.size()
                         << ", expected equal ranks of at least 2, or 2 for "
                            "the right matrix";
  // matmul_c2
  unsigned rank = lhs.size();
  if (failed(checkEqual(*this, "inner sizes", getLhs(), rank - 1, getRhs(),
                        rhs.size() - 2)))
    return failure();
  if (rhs.size() == rank)
    for (unsigned dim = 0; dim + 2 < rank; ++dim)
      if (failed(
              checkEqual(*this, "batch sizes", getLhs(), dim, getRhs(), dim)))
        return failure();
  // matmul_c3
  SmallVector<int64_t> expected(lhs);
  expected.back() = rhs.back();
  return checkShape(*this, "result", getResult(), expected);
}

LogicalResult LinearOp::verify() {
  ArrayRef<int64_t> input = shapeOf(getInput()), weight = shapeOf(getWeight());
  // linear_c1
  if (input.empty())
    return emitOpError() << "input has rank 0, expected at least 1";
  if (failed(checkEqual(*this, "inputs of input and weight", getInput(),
                        input.size() - 1, getWeight(), 1)))
    return failure();
  // linear_c2
  if (getBias() && failed(checkEqual(*this, "outputs of weight and bias",
                                     getWeight(), 0, getBias(), 0)))
    return failure();
  // linear_c3
  SmallVector<int64_t> expected(input);
  expected.back() = weight[0];
  return checkShape(*this, "result", getResult(), expected);
}

LogicalResult HeadLinearOp::verify() {
  bool transposed = getTransposed();
  // head_linear_c1
  if (failed(checkEqual(*this, "heads of input and weight", getInput(), 2,
                        getWeight(), 0)) ||
      failed(checkEqual(*this, "inputs of input and weight", getInput(), 3,
                        getWeight(), transposed ? 1 : 2)))
    return failure();
  // head_linear_c2
  SmallVector<int64_t> expected(shapeOf(getInput()));
  expected.back() = sizeOf(getWeight(), transposed ? 2 : 1);
  return checkShape(*this, "result", getResult(), expected);
}

//===----------------------------------------------------------------------===//
// Element by element
//===----------------------------------------------------------------------===//

template <typename OpTy>
static LogicalResult verifyBinary(OpTy op) {
  // add_c2, sub_c2, mul_c2, div_c2
  Type element =
      attn::commonElement(op.getLhs().getType(), op.getRhs().getType());
  if (Type found = getElementTypeOrSelf(op.getResult()); found != element)
    return op.emitOpError() << "result has elements of type " << found
                            << ", expected " << element;
  // add_c1, sub_c1, mul_c1, div_c1, and_c1, or_c1
  return checkBroadcast(op, {op.getLhs(), op.getRhs()}, op.getResult());
}

Type attn::commonElement(Type lhs, Type rhs) {
  Type element = getElementTypeOrSelf(lhs);
  return element == getElementTypeOrSelf(rhs)
             ? element
             : Float32Type::get(lhs.getContext());
}

LogicalResult AddOp::verify() { return verifyBinary(*this); }
LogicalResult SubOp::verify() { return verifyBinary(*this); }
LogicalResult MulOp::verify() { return verifyBinary(*this); }
LogicalResult DivOp::verify() { return verifyBinary(*this); }
LogicalResult AndOp::verify() { return verifyBinary(*this); }
LogicalResult OrOp::verify() { return verifyBinary(*this); }

LogicalResult ScaleOp::verify() {
  // scale_c1
  return verifyScale(*this, getBy());
}

OpFoldResult ScaleOp::fold(FoldAdaptor) {
  return getBy().isExactlyValue(1.0) ? OpFoldResult(getInput())
                                     : OpFoldResult();
}

//===----------------------------------------------------------------------===//
// Row by row
//===----------------------------------------------------------------------===//

LogicalResult SumOp::verify() {
  // sum_c1
  if (failed(checkDim(*this, getDim(), getInput())))
    return failure();
  // sum_c2
  SmallVector<int64_t> expected(shapeOf(getInput()));
  expected[getDim()] = 1;
  return checkShape(*this, "result", getResult(), expected);
}

/// eps is 0 or positive, and neither infinite nor subnormal in f32.
static LogicalResult checkEps(Operation *op, const APFloat &eps) {
  using Limits = std::numeric_limits<float>;
  double value = eps.convertToDouble();
  if (value == 0 || (value >= Limits::min() && value <= Limits::max()))
    return success();
  return op->emitOpError() << "eps is " << value
                           << ", expected 0 or a normal number in f32";
}

/// The sizes of `weight` are those of the last dimensions of `input`.
static LogicalResult checkTrailing(Operation *op, StringRef what, Value weight,
                                   Value input) {
  ArrayRef<int64_t> sizes = shapeOf(input);
  size_t rank = shapeOf(weight).size();
  if (sizes.empty() || rank == 0 || rank > sizes.size())
    return op->emitOpError() << what << " has rank " << rank
                             << ", expected 1 to " << sizes.size();
  return checkShape(op, what, weight, sizes.take_back(rank));
}

LogicalResult RmsNormOp::verify() {
  // rms_norm_c1
  if (failed(checkEps(*this, getEps())))
    return failure();
  if (std::optional<APFloat> offset = getOffset();
      offset && !offset->isFinite())
    return emitOpError() << "offset is " << offset->convertToDouble()
                         << ", expected a finite number";
  // rms_norm_c2
  if (getWeight())
    return checkTrailing(*this, "weight", getWeight(), getInput());
  return success();
}

LogicalResult LayerNormOp::verify() {
  // layer_norm_c1
  if (failed(checkEps(*this, getEps())))
    return failure();
  // layer_norm_c2
  if (getWeight() &&
      failed(checkTrailing(*this, "weight", getWeight(), getInput())))
    return failure();
  if (getBias())
    return checkTrailing(*this, "bias", getBias(), getInput());
  return success();
}

//===- LinalgContraction.cpp - products of matrices in linalg -------------===//
//
// See LinalgContraction.h.
//
//===----------------------------------------------------------------------===//

#include "passes/LinalgContraction.h"

#include "dialects/attn/AttnOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "passes/LinalgElement.h"
#include "passes/TensorTypes.h"
#include "passes/Views.h"

using namespace mlir;
using namespace attn;
using linalg::LinalgOp;

//===----------------------------------------------------------------------===//
// Matching
//===----------------------------------------------------------------------===//

/// Whether the operands of `op` are `a` and `b`, in any order.
static bool hasOperands(Operation *op, Value a, Value b) {
  Value first = op->getOperand(0), second = op->getOperand(1);
  return (first == a && second == b) || (first == b && second == a);
}

/// What is widened to float32: attn.matmul does so as it reads.
static Value narrowed(Value value) {
  auto widening = value.getDefiningOp<arith::ExtFOp>();
  return widening ? widening.getIn() : value;
}

/// Whether the body is `sum + a * b` in float32. Upstream's contractions may
/// compute anything of a single operand on the way.
static bool addsProducts(Block &body) {
  Value a = body.getArgument(0), b = body.getArgument(1);
  Value total = body.getArgument(2);
  auto sum = body.getTerminator()->getOperand(0).getDefiningOp<arith::AddFOp>();
  if (!sum || !total.getType().isF32())
    return false;
  Value added = sum.getLhs() == total ? sum.getRhs() : sum.getLhs();
  auto product = added.getDefiningOp<arith::MulFOp>();
  if (!product || !hasOperands(sum, total, product))
    return false;
  Value left = narrowed(product.getLhs()), right = narrowed(product.getRhs());
  return (left == a && right == b) || (left == b && right == a);
}

static bool isStored(Type element) {
  return element.isF32() || element.isF16() || element.isBF16();
}

/// The dimensions of `all`, in the order in which `map` reads them.
static SmallVector<unsigned> inOrder(AffineMap map, ArrayRef<unsigned> all) {
  SmallVector<unsigned> result;
  for (AffineExpr expression : map.getResults())
    if (unsigned dim = cast<AffineDimExpr>(expression).getPosition();
        llvm::is_contained(all, dim))
      result.push_back(dim);
  return result;
}

FailureOr<LinalgContraction> attn::matchContraction(LinalgOp op,
                                                    std::string &obstacle) {
  auto refuse = [&](const Twine &why) {
    obstacle = why.str();
    return failure();
  };
  auto zero =
      dyn_cast_or_null<FloatAttr>(findFill(op.getDpsInitOperand(0)->get()));
  if (!zero || !zero.getValue().isZero())
    return refuse("it adds to what is not known to be 0");
  FailureOr<linalg::ContractionDimensions> dims =
      linalg::inferContractionDims(op);
  if (failed(dims) || !elementOf(op->getResult(0)).isF32())
    return refuse("it is no contraction of float32");
  if (dims->k.size() != 1 || dims->n.size() != 1 || dims->m.empty() ||
      (dims->m.size() > 1 && !dims->batch.empty()))
    return refuse("it contracts " + Twine(dims->k.size()) +
                  " dimensions, or has several of rows or columns");
  if (dims->batch.size() + dims->m.size() + 2 != op.getNumLoops())
    return refuse("it loops over more than batches, rows, columns and what it "
                  "sums over");
  if (!addsProducts(*op.getBlock()) ||
      !llvm::all_of(op.getDpsInputs(),
                    [](Value input) { return isStored(elementOf(input)); }))
    return refuse("it adds more than products of its operands' elements");
  AffineMap result = op.getIndexingMapsArray()[2];
  return LinalgContraction{inOrder(result, dims->batch),
                           inOrder(result, dims->m),
                           {dims->k.front()},
                           {dims->n.front()}};
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

/// The tensor with the dimensions that `map` reads in the order `wanted`.
static Value orderDims(OpBuilder &builder, Value tensor, AffineMap map,
                       ArrayRef<unsigned> wanted) {
  SmallVector<int64_t> permutation;
  for (unsigned dim : wanted)
    for (auto [i, expression] : llvm::enumerate(map.getResults()))
      if (cast<AffineDimExpr>(expression).getPosition() == dim)
        permutation.push_back(i);
  return createTranspose(builder, tensor.getLoc(), tensor, permutation);
}

Value attn::writeContraction(OpBuilder &builder, LinalgOp op,
                             const LinalgContraction &contraction) {
  auto concat = [](ArrayRef<unsigned> a, ArrayRef<unsigned> b,
                   ArrayRef<unsigned> c) {
    SmallVector<unsigned> all(a);
    llvm::append_range(all, b);
    llvm::append_range(all, c);
    return all;
  };
  const auto &[batch, rows, inner, columns] = contraction;
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  SmallVector<unsigned> order = concat(batch, rows, columns);
  Value lhs = orderDims(builder, op.getDpsInputOperand(0)->get(), maps[0],
                        concat(batch, rows, inner));
  Value rhs = orderDims(builder, op.getDpsInputOperand(1)->get(), maps[1],
                        concat(batch, inner, columns));
  // Sizes and dimensions of the result, as attn.matmul leaves them.
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  SmallVector<int64_t> sizes(order.size()), back(order.size());
  for (auto [i, expression] : llvm::enumerate(maps[2].getResults())) {
    unsigned dim = cast<AffineDimExpr>(expression).getPosition();
    back[i] = std::distance(order.begin(), llvm::find(order, dim));
    sizes[back[i]] = type.getDimSize(i);
  }
  Value product =
      MatmulOp::create(builder, op.getLoc(), type.clone(sizes), lhs, rhs);
  return createTranspose(builder, op.getLoc(), product, back);
}

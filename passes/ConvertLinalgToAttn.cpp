//===- ConvertLinalgToAttn.cpp - structured operations as a graph ---------===//
//
// Other compilers hand attention over as contractions, elementwise operations
// and a softmax spelled out; here they get the graph level's names.
//
//===----------------------------------------------------------------------===//

#include "dialects/attn/AttnOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "passes/LinalgElementWriter.h"
#include "passes/Passes.h"
#include "passes/Rewriting.h"
#include "passes/Views.h"

#define DEBUG_TYPE "convert-linalg-to-attn"

namespace attn {
#define GEN_PASS_DEF_CONVERTLINALGTOATTN
#include "passes/Passes.h.inc"
} // namespace attn

using namespace mlir;
using namespace attn;
using linalg::LinalgOp;

namespace {
/// What stands for a result, or why nothing does.
struct Conversion {
  Value value;
  std::string obstacle;
};
} // namespace

static Conversion refuse(const Twine &why) { return {{}, why.str()}; }

//===----------------------------------------------------------------------===//
// Structured operations
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

/// The dimensions of `all`, in the order in which `map` reads them.
static SmallVector<unsigned> inOrder(AffineMap map, ArrayRef<unsigned> all) {
  SmallVector<unsigned> result;
  for (AffineExpr expression : map.getResults())
    if (unsigned dim = cast<AffineDimExpr>(expression).getPosition();
        llvm::is_contained(all, dim))
      result.push_back(dim);
  return result;
}

/// linalg.matmul %a, %b -> attn.matmul %a, %b, and any other contraction of two
/// tensors along one dimension, its dimensions put in order
static Conversion convertContraction(OpBuilder &builder, LinalgOp op) {
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  auto zero =
      dyn_cast_or_null<FloatAttr>(findFill(op.getDpsInitOperand(0)->get()));
  if (!zero || !zero.getValue().isZero())
    return refuse("it adds to what is not known to be 0");
  FailureOr<linalg::ContractionDimensions> dims =
      linalg::inferContractionDims(op);
  if (failed(dims) || !type.getElementType().isF32())
    return refuse("it is no contraction of float32");
  if (dims->k.size() != 1 || dims->n.size() != 1 || dims->m.empty() ||
      (dims->m.size() > 1 && !dims->batch.empty()))
    return refuse("it contracts " + Twine(dims->k.size()) +
                  " dimensions, or has several of rows or columns");
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  SmallVector<unsigned> batch = inOrder(maps[2], dims->batch);
  SmallVector<unsigned> rows = inOrder(maps[2], dims->m);
  auto concat = [](ArrayRef<unsigned> a, ArrayRef<unsigned> b,
                   ArrayRef<unsigned> c) {
    SmallVector<unsigned> all(a);
    llvm::append_range(all, b);
    llvm::append_range(all, c);
    return all;
  };
  SmallVector<unsigned> order = concat(batch, rows, dims->n);
  Value lhs = orderDims(builder, op.getDpsInputOperand(0)->get(), maps[0],
                        concat(batch, rows, dims->k));
  Value rhs = orderDims(builder, op.getDpsInputOperand(1)->get(), maps[1],
                        concat(batch, dims->k, dims->n));
  // Sizes and dimensions of the result, as attn.matmul leaves them.
  SmallVector<int64_t> sizes, back(order.size());
  for (auto [i, expression] : llvm::enumerate(maps[2].getResults())) {
    unsigned dim = cast<AffineDimExpr>(expression).getPosition();
    back[i] = std::distance(order.begin(), llvm::find(order, dim));
  }
  sizes.resize(order.size());
  for (auto [i, dim] : llvm::enumerate(back))
    sizes[dim] = type.getDimSize(i);
  Value product =
      MatmulOp::create(builder, op.getLoc(), type.clone(sizes), lhs, rhs);
  return {createTranspose(builder, op.getLoc(), product, back), {}};
}

static Conversion convertElements(OpBuilder &builder, LinalgOp op) {
  auto element = readElement(op->getResult(0), LinalgDepth::Movement);
  if (!element)
    return refuse("it reads what it overwrites");
  LinalgElementWriter writer(
      builder, op.getLoc(), cast<RankedTensorType>(op->getResult(0).getType()));
  Value value = writer.write(*element);
  return value ? Conversion{value, {}}
               : refuse("the graph level has no operation for " +
                        writer.getObstacle());
}

static Conversion convertSoftmax(OpBuilder &builder, Operation *op, Value score,
                                 int64_t dim) {
  Type type = op->getResult(0).getType();
  if (score.getType() != type)
    return refuse("scores and probabilities differ in type");
  return {SoftmaxOp::create(builder, op->getLoc(), type, /*lse=*/Type(), score,
                            /*sinks=*/Value(), builder.getI64IntegerAttr(dim))
              .getProbability(),
          {}};
}

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

static Conversion convertCollapse(OpBuilder &builder,
                                  tensor::CollapseShapeOp op) {
  Value value = op.getSrc();
  for (auto [dim, group] : llvm::enumerate(op.getReassociationIndices()))
    for (size_t i = 1; i < group.size(); ++i) {
      auto type = cast<RankedTensorType>(value.getType());
      SmallVector<int64_t> shape(type.getShape());
      bool isKnown = !ShapedType::isDynamic(shape[dim]) &&
                     !ShapedType::isDynamic(shape[dim + 1]);
      shape[dim] = isKnown ? shape[dim] * shape[dim + 1] : ShapedType::kDynamic;
      shape.erase(shape.begin() + dim + 1);
      value = FlattenOp::create(builder, op.getLoc(), type.clone(shape), value,
                                dim);
    }
  return {value, {}};
}

/// Splits off the first dimension of a group, and goes on with the rest.
static Conversion convertExpand(OpBuilder &builder, tensor::ExpandShapeOp op) {
  Value value = op.getSrc();
  RankedTensorType result = op.getResultType();
  for (ArrayRef<int64_t> group : op.getReassociationIndices())
    for (size_t i = 0; i + 1 < group.size(); ++i) {
      auto type = cast<RankedTensorType>(value.getType());
      int64_t dim = group[i], rest = 1;
      for (int64_t inner : group.drop_front(i + 1))
        rest = ShapedType::isDynamic(rest) ||
                       ShapedType::isDynamic(result.getDimSize(inner))
                   ? ShapedType::kDynamic
                   : rest * result.getDimSize(inner);
      if (ShapedType::isDynamic(rest) &&
          ShapedType::isDynamic(result.getDimSize(dim)))
        return refuse("it splits a dimension into two dynamic ones");
      SmallVector<int64_t> shape(type.getShape());
      shape[dim] = rest;
      shape.insert(shape.begin() + dim, result.getDimSize(dim));
      value = UnflattenOp::create(builder, op.getLoc(), type.clone(shape),
                                  value, dim);
    }
  return {value, {}};
}

static Conversion convertSlice(OpBuilder &builder, tensor::ExtractSliceOp op) {
  RankedTensorType source = op.getSourceType(), result = op.getType();
  if (source.getRank() != result.getRank() ||
      llvm::any_of(op.getStaticStrides(), [](int64_t s) { return s != 1; }))
    return refuse("it drops dimensions or skips elements");
  Value value = op.getSource();
  for (int64_t dim = 0; dim < source.getRank(); ++dim) {
    int64_t offset = op.getStaticOffsets()[dim], size = result.getDimSize(dim);
    if (offset == 0 && size == source.getDimSize(dim) &&
        !ShapedType::isDynamic(size))
      continue;
    if (ShapedType::isDynamic(offset) || ShapedType::isDynamic(size))
      return refuse("its offsets or sizes are dynamic");
    auto type = cast<RankedTensorType>(value.getType());
    SmallVector<int64_t> shape(type.getShape());
    shape[dim] = size;
    value = SliceOp::create(builder, op.getLoc(), type.clone(shape), value, dim,
                            offset);
  }
  return {value, {}};
}

//===----------------------------------------------------------------------===//
// All of them
//===----------------------------------------------------------------------===//

static Conversion convertStructured(OpBuilder &builder, LinalgOp op) {
  if (op->getNumResults() != 1 || !op.hasPureTensorSemantics())
    return refuse("it has several results, or buffers");
  if (LinalgSoftmax softmax = matchSoftmax(op->getResult(0)); softmax.score)
    return convertSoftmax(builder, op, softmax.score, softmax.dim);
  if (linalg::isaContractionOpInterface(op))
    return convertContraction(builder, op);
  if (isElementwise(op))
    return convertElements(builder, op);
  return refuse("it is neither elementwise nor a contraction");
}

static Conversion convert(OpBuilder &builder, Operation *op) {
  return TypeSwitch<Operation *, Conversion>(op)
      .Case([&](tensor::CollapseShapeOp shape) {
        return convertCollapse(builder, shape);
      })
      .Case([&](tensor::ExpandShapeOp shape) {
        return convertExpand(builder, shape);
      })
      .Case([&](tensor::ExtractSliceOp slice) {
        return convertSlice(builder, slice);
      })
      .Case([&](tensor::ConcatOp join) -> Conversion {
        return {ConcatOp::create(builder, op->getLoc(), join.getType(),
                                 join.getInputs(), join.getDim()),
                {}};
      })
      .Case([&](linalg::SoftmaxOp softmax) {
        return convertSoftmax(builder, op, softmax.getInput(),
                              softmax.getDimension());
      })
      .Case([&](LinalgOp structured) {
        return convertStructured(builder, structured);
      })
      .Default([](Operation *) {
        return refuse("the graph level has no such operation");
      });
}

/// Operations that only serve others: destinations, their fill, and movements,
/// which are looked through.
static bool isAuxiliary(Operation *op) {
  return isa<tensor::EmptyOp, linalg::FillOp, linalg::BroadcastOp,
             linalg::TransposeOp>(op);
}

static bool isForeign(Operation *op) {
  return isa_and_present<linalg::LinalgDialect, tensor::TensorDialect>(
             op->getDialect()) &&
         !isa<linalg::YieldOp, linalg::IndexOp>(op);
}

static SmallVector<Operation *> collectForeign(func::FuncOp function) {
  SmallVector<Operation *> result;
  for (Block &block : function.getBody())
    for (Operation &op : block)
      if (isForeign(&op))
        result.push_back(&op);
  return result;
}

/// Converts what is not auxiliary, users before producers: a softmax is seen
/// whole. Returns how many were converted.
static unsigned convertAll(func::FuncOp function, bool auxiliary) {
  unsigned count = 0;
  SmallVector<Operation *> all = collectForeign(function);
  for (Operation *op : llvm::reverse(all)) {
    if (isOpTriviallyDead(op)) {
      op->erase();
      continue;
    }
    bool isNeeded = !auxiliary || !llvm::all_of(op->getUsers(), isForeign);
    if (isAuxiliary(op) != auxiliary || isa<tensor::EmptyOp>(op) || !isNeeded)
      continue;
    OpBuilder builder(op);
    Conversion conversion = convert(builder, op);
    if (!conversion.value) {
      remarkMissed(op, DEBUG_TYPE,
                   "'" + op->getName().getStringRef() +
                       "' stays: " + conversion.obstacle);
      continue;
    }
    op->getResult(0).replaceAllUsesWith(conversion.value);
    op->erase();
    ++count;
  }
  return count;
}

namespace {
struct ConvertLinalgToAttnPass
    : attn::impl::ConvertLinalgToAttnBase<ConvertLinalgToAttnPass> {
  using Base::Base;
  void runOnOperation() override;
};
} // namespace

void ConvertLinalgToAttnPass::runOnOperation() {
  getOperation()->walk([](func::FuncOp function) {
    unsigned count = convertAll(function, /*auxiliary=*/false) +
                     convertAll(function, /*auxiliary=*/true);
    if (count > 0)
      remarkPassed(function, DEBUG_TYPE,
                   "converted " + Twine(count) + " structured operations");
  });
  eraseUnused(getOperation());
}

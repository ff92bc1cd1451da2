//===- ConvertLinalgToAttn.cpp - structured operations as a graph ---------===//
//
// Other compilers hand attention over as contractions, elementwise operations
// and a softmax spelled out; here they get the graph level's names.
//
//===----------------------------------------------------------------------===//

#include "dialects/attn/AttnOps.h"
#include "dialects/attn/AttnSizes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "passes/LinalgContraction.h"
#include "passes/LinalgElementWriter.h"
#include "passes/Passes.h"
#include "passes/Rewriting.h"
#include "passes/TensorTypes.h"
#include "llvm/ADT/TypeSwitch.h"

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

static Conversion convertContraction(OpBuilder &builder, LinalgOp op) {
  std::string obstacle;
  FailureOr<LinalgContraction> contraction = matchContraction(op, obstacle);
  if (failed(contraction))
    return refuse(obstacle);
  return {writeContraction(builder, op, *contraction), {}};
}

static Conversion convertElements(OpBuilder &builder, LinalgOp op) {
  auto element = readElement(op->getResult(0), LinalgDepth::Movement);
  if (!element)
    return refuse("it reads what it overwrites, or takes too many steps");
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
  if (Type element = getElementTypeOrSelf(type); !element.isF32())
    return refuse("scores are " + spell(element) + ", expected f32");
  return {SoftmaxOp::create(builder, op->getLoc(), type, /*lse=*/Type(), score,
                            /*sinks=*/Value(), builder.getI64IntegerAttr(dim))
              .getProbability(),
          {}};
}

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

namespace {
/// One step of a reshape: the type that it leaves, and the dimension.
struct ViewStep {
  RankedTensorType type;
  int64_t dim = 0;
  int64_t offset = 0;
};
using ViewSteps = SmallVector<ViewStep>;
} // namespace

/// Writes `steps`, each by `create`; nothing if they lead elsewhere than `op`:
/// from or to a tensor without dimensions, or over sizes beyond 64 bits.
static Conversion
writeSteps(Operation *op, const ViewSteps &steps,
           function_ref<Value(Value, const ViewStep &)> create) {
  Value value = op->getOperand(0);
  Type last = steps.empty() ? value.getType() : Type(steps.back().type);
  if (last != op->getResult(0).getType())
    return refuse("no views lead from " + spell(value.getType()) + " to " +
                  spell(op->getResult(0).getType()));
  for (const ViewStep &step : steps)
    value = create(value, step);
  return {value, {}};
}

static Conversion convertCollapse(OpBuilder &builder,
                                  tensor::CollapseShapeOp op) {
  ViewSteps steps;
  RankedTensorType type = op.getSrcType();
  for (auto [dim, group] : llvm::enumerate(op.getReassociationIndices()))
    for (size_t i = 1; i < group.size(); ++i) {
      SmallVector<int64_t> shape(type.getShape());
      shape[dim] = multiplySizes(shape[dim], shape[dim + 1]);
      shape.erase(shape.begin() + dim + 1);
      type = type.clone(shape);
      steps.push_back({type, static_cast<int64_t>(dim)});
    }
  return writeSteps(op, steps, [&](Value value, const ViewStep &step) {
    return FlattenOp::create(builder, op.getLoc(), step.type, value, step.dim);
  });
}

/// Splits off the first dimension of a group, and goes on with the rest.
static Conversion convertExpand(OpBuilder &builder, tensor::ExpandShapeOp op) {
  ViewSteps steps;
  RankedTensorType type = op.getSrcType(), result = op.getResultType();
  for (ArrayRef<int64_t> group : op.getReassociationIndices())
    for (size_t i = 0; i + 1 < group.size(); ++i) {
      int64_t dim = group[i], size = result.getDimSize(dim), rest = 1;
      for (int64_t inner : group.drop_front(i + 1))
        rest = multiplySizes(rest, result.getDimSize(inner));
      if (ShapedType::isDynamic(rest) && ShapedType::isDynamic(size))
        return refuse("it splits a dimension into two dynamic ones");
      SmallVector<int64_t> shape(type.getShape());
      shape[dim] = rest;
      shape.insert(shape.begin() + dim, size);
      type = type.clone(shape);
      steps.push_back({type, dim});
    }
  return writeSteps(op, steps, [&](Value value, const ViewStep &step) {
    return UnflattenOp::create(builder, op.getLoc(), step.type, value,
                               step.dim);
  });
}

static Conversion convertSlice(OpBuilder &builder, tensor::ExtractSliceOp op) {
  RankedTensorType type = op.getSourceType(), result = op.getType();
  if (type.getRank() != result.getRank() ||
      llvm::any_of(op.getStaticStrides(), [](int64_t s) { return s != 1; }))
    return refuse("it drops dimensions or skips elements");
  ViewSteps steps;
  for (int64_t dim = 0; dim < type.getRank(); ++dim) {
    int64_t offset = op.getStaticOffsets()[dim], size = result.getDimSize(dim);
    if (offset == 0 && size == type.getDimSize(dim) &&
        !ShapedType::isDynamic(size))
      continue;
    if (ShapedType::isDynamic(offset) || ShapedType::isDynamic(size))
      return refuse("its offsets or sizes are dynamic");
    SmallVector<int64_t> shape(type.getShape());
    shape[dim] = size;
    type = type.clone(shape);
    steps.push_back({type, dim, offset});
  }
  return writeSteps(op, steps, [&](Value value, const ViewStep &step) {
    return SliceOp::create(builder, op.getLoc(), step.type, value, step.dim,
                           step.offset);
  });
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

/// The elements of a tensor of `op` of which the graph level has no tensors.
static Type findForeignElement(Operation *op) {
  SmallVector<Type> types(op->getOperandTypes());
  llvm::append_range(types, op->getResultTypes());
  for (Type type : types) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    Type element = tensor ? tensor.getElementType() : Type();
    if (tensor && !isGraphElement(element))
      return element;
  }
  return {};
}

static Conversion convert(OpBuilder &builder, Operation *op) {
  if (Type element = findForeignElement(op))
    return refuse("the graph level has no tensors of " + spell(element));
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
/// whole. Returns how many were converted; tells `refuse` of the others.
static unsigned convertAll(func::FuncOp function, bool auxiliary,
                           function_ref<void(Operation *, StringRef)> refuse) {
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
      refuse(op, conversion.obstacle);
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
  getOperation()->walk([&](func::FuncOp function) {
    bool isRefused = false;
    auto refuse = [&](Operation *op, StringRef obstacle) {
      StringRef name = op->getName().getStringRef();
      remarkMissed(op, DEBUG_TYPE, "'" + name + "' stays: " + obstacle);
      if (strict && !isRefused) {
        op->emitOpError() << "cannot be compiled: " << obstacle;
        signalPassFailure();
      }
      isRefused = true;
    };
    unsigned count = convertAll(function, /*auxiliary=*/false, refuse) +
                     convertAll(function, /*auxiliary=*/true, refuse);
    if (count > 0)
      remarkPassed(function, DEBUG_TYPE,
                   "converted " + Twine(count) + " structured operations");
  });
  eraseUnused(getOperation());
}

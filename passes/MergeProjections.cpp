//===- MergeProjections.cpp - one product for several projections ---------===//
//
// Query, key and value of one input can come from one product that reads the
// input once (Shoeybi et al. 2019), if their weights lie side by side.
//
//===----------------------------------------------------------------------===//

#include "dialects/attn/AttnOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/Passes.h"
#include "passes/Rewriting.h"
#include "passes/TensorTypes.h"
#include "llvm/ADT/MapVector.h"

#define DEBUG_TYPE "attn-merge-projections"

namespace attn {
#define GEN_PASS_DEF_MERGEPROJECTIONS
#include "passes/Passes.h.inc"
} // namespace attn

using namespace mlir;
using namespace attn;

//===----------------------------------------------------------------------===//
// Parameters
//===----------------------------------------------------------------------===//

/// The slice along dimension 0 that a parameter is; the whole is none.
static SliceOp sliceOf(Value parameter) {
  auto slice = parameter.getDefiningOp<SliceOp>();
  return slice && slice.getDim() == 0 ? slice : SliceOp();
}

/// Whether parameters follow each other in one tensor.
static bool areNeighbours(ArrayRef<Value> parameters) {
  SliceOp before;
  for (Value parameter : parameters) {
    SliceOp slice = sliceOf(parameter);
    if (!slice)
      return false;
    if (before && (slice.getInput() != before.getInput() ||
                   static_cast<int64_t>(slice.getOffset()) !=
                       static_cast<int64_t>(before.getOffset()) +
                           sizeOf(before.getResult(), 0)))
      return false;
    before = slice;
  }
  return true;
}

namespace {
/// Projections of one input.
struct Siblings {
  SmallVector<LinearOp> linears;

  SmallVector<Value> weights() const {
    return llvm::map_to_vector(
        linears, [](LinearOp op) -> Value { return op.getWeight(); });
  }
  SmallVector<Value> biases() const {
    return llvm::map_to_vector(
        linears, [](LinearOp op) -> Value { return op.getBias(); });
  }
  bool haveBias() const {
    return LinearOp(linears.front()).getBias() != Value();
  }
  int64_t countOutputs() const {
    int64_t total = 0;
    for (Value weight : weights())
      total += sizeOf(weight, 0);
    return total;
  }
};
} // namespace

/// Bytes of `parameters` that are copied when they are put together.
static int64_t countCopied(ArrayRef<Value> parameters) {
  if (areNeighbours(parameters))
    return 0;
  int64_t bytes = 0;
  for (Value parameter : parameters)
    bytes += cast<ShapedType>(parameter.getType()).getNumElements() *
             elementBytes(parameter);
  return bytes;
}

static int64_t countCopied(const Siblings &siblings) {
  int64_t bytes = countCopied(siblings.weights());
  return siblings.haveBias() ? bytes + countCopied(siblings.biases()) : bytes;
}

//===----------------------------------------------------------------------===//
// Groups
//===----------------------------------------------------------------------===//

static bool haveSameElements(LinearOp left, LinearOp right) {
  auto sameElement = [](Value a, Value b) {
    return getElementTypeOrSelf(a) == getElementTypeOrSelf(b);
  };
  return sameElement(left.getResult(), right.getResult()) &&
         llvm::equal(left->getOperands(), right->getOperands(), sameElement);
}

/// Why siblings cannot be one product; empty if they can.
static std::string findObstacle(const Siblings &siblings) {
  LinearOp first = siblings.linears.front();
  for (LinearOp linear : siblings.linears) {
    if (!linear.getBias() != !first.getBias())
      return "some have a bias and others none";
    if (!haveSameElements(linear, first))
      return "weights or results are stored in different types";
    for (Value parameter : linear->getOperands().drop_front()) {
      if (!cast<ShapedType>(parameter.getType()).hasStaticShape())
        return "weights have dynamic sizes";
      Operation *producer = parameter.getDefiningOp();
      if (producer && !producer->isBeforeInBlock(first))
        return "weights are computed after the first product";
    }
  }
  return {};
}

static SmallVector<Siblings> collectSiblings(Block &block) {
  llvm::MapVector<Value, Siblings> groups;
  for (auto linear : block.getOps<LinearOp>())
    groups[linear.getInput()].linears.push_back(linear);
  SmallVector<Siblings> result;
  for (auto &[input, siblings] : groups)
    if (siblings.linears.size() > 1)
      result.push_back(std::move(siblings));
  return result;
}

/// One parameter out of several: a part of the tensor that they are slices of,
/// or a copy.
static Value joinParameters(OpBuilder &builder, Location location,
                            ArrayRef<Value> parameters) {
  auto type = cast<RankedTensorType>(parameters.front().getType());
  SmallVector<int64_t> shape(type.getShape());
  shape[0] = 0;
  for (Value parameter : parameters)
    shape[0] += sizeOf(parameter, 0);
  if (!areNeighbours(parameters))
    return ConcatOp::create(builder, location, type.clone(shape), parameters,
                            0);
  SliceOp first = sliceOf(parameters.front());
  return builder.createOrFold<SliceOp>(location, type.clone(shape),
                                       first.getInput(), 0, first.getOffset());
}

/// linear %x, %w0 and linear %x, %w1
///   -> slice (linear %x, (concat %w0, %w1)), once for each
static void join(const Siblings &siblings) {
  LinearOp first = siblings.linears.front();
  OpBuilder builder(first);
  Location location = first.getLoc();
  Value weight = joinParameters(builder, location, siblings.weights());
  Value bias;
  if (siblings.haveBias())
    bias = joinParameters(builder, location, siblings.biases());
  auto type = cast<RankedTensorType>(first.getResult().getType());
  SmallVector<int64_t> shape(type.getShape());
  shape.back() = siblings.countOutputs();
  Value joined = LinearOp::create(builder, location, type.clone(shape),
                                  first.getInput(), weight, bias);
  int64_t offset = 0;
  for (LinearOp linear : siblings.linears) {
    builder.setInsertionPoint(linear);
    Value part =
        SliceOp::create(builder, linear.getLoc(), linear.getResult().getType(),
                        joined, type.getRank() - 1, offset);
    offset += sizeOf(linear.getWeight(), 0);
    linear.getResult().replaceAllUsesWith(part);
    linear.erase();
  }
}

static void joinIfItPays(const Siblings &siblings, bool force) {
  LinearOp first = siblings.linears.front();
  std::string what =
      std::to_string(siblings.linears.size()) + " projections of one input";
  if (std::string obstacle = findObstacle(siblings); !obstacle.empty())
    return remarkMissed(first, DEBUG_TYPE, what + " stay apart: " + obstacle);
  int64_t copied = countCopied(siblings);
  if (copied > 0 && !force)
    return remarkMissed(
        first, DEBUG_TYPE,
        what + " stay apart: joining their weights would copy " +
            Twine(copied) + " bytes in each call, to read " +
            Twine(sizeOf(first.getWeight(), 1)) + " inputs of a row once");
  remarkPassed(first, DEBUG_TYPE,
               "joined " + what + " into one of " +
                   Twine(siblings.countOutputs()) + " outputs; a call copies " +
                   Twine(copied) + " bytes of weights");
  join(siblings);
}

namespace {
struct MergeProjectionsPass
    : attn::impl::MergeProjectionsBase<MergeProjectionsPass> {
  using Base::Base;
  void runOnOperation() override;
};
} // namespace

void MergeProjectionsPass::runOnOperation() {
  SmallVector<Siblings> all;
  getOperation()->walk([&](func::FuncOp function) {
    for (Block &block : function.getBody())
      llvm::append_range(all, collectSiblings(block));
  });
  for (const Siblings &siblings : all)
    joinIfItPays(siblings, force);
  eraseUnused(getOperation());
}

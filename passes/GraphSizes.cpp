//===- GraphSizes.cpp - equal sizes of a graph function -------------------===//
//
// Union-find over the dynamic dimensions of arguments: every operation says
// which sizes of its operands have to agree.
//
//===----------------------------------------------------------------------===//

#include "passes/GraphSizes.h"

#include "dialects/attn/AttnOps.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "passes/GraphElements.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace attn;

/// 2^48: more than any machine has room for.
static constexpr int64_t kMostElements = int64_t(1) << 48;

static ArrayRef<int64_t> shapeOf(Value tensor) {
  return cast<RankedTensorType>(tensor.getType()).getShape();
}

static int64_t rankOf(Value tensor) {
  return static_cast<int64_t>(shapeOf(tensor).size());
}

GraphSize GraphSize::times(const GraphSize &other) const {
  GraphSize result = {factor * other.factor, axes};
  result.axes.append(other.axes.begin(), other.axes.end());
  llvm::sort(result.axes);
  return result;
}

/// `factor` times `times`, at most just over the limit.
static int64_t repeatedFactor(int64_t factor, uint64_t times) {
  return static_cast<int64_t>(std::min<uint64_t>(
      llvm::SaturatingMultiply<uint64_t>(factor, times), kMostElements + 1));
}

GraphSizes::GraphSizes(func::FuncOp function) {
  addArguments(function);
  for (Operation &op : function.getBody().front().without_terminator())
    if (!hasProblem() && !isOpTriviallyDead(&op))
      visit(&op);
  if (!hasProblem())
    checkEqualities();
  if (!hasProblem())
    nameAxes(function);
}

void GraphSizes::fail(Operation *op, const Twine &text) {
  if (!hasProblem())
    problem = {op, text.str()};
}

//===----------------------------------------------------------------------===//
// Equality
//===----------------------------------------------------------------------===//

void GraphSizes::addArguments(func::FuncOp function) {
  for (BlockArgument argument : function.getArguments()) {
    Sizes own;
    for (auto [dim, size] : llvm::enumerate(shapeOf(argument))) {
      if (!ShapedType::isDynamic(size)) {
        own.push_back(GraphSize::of(size));
        continue;
      }
      unsigned number = axes.size();
      own.push_back({1, {number}});
      axes.push_back({argument.getArgNumber(), static_cast<unsigned>(dim), ""});
      parents.push_back(number);
      bound.push_back(-1);
    }
    sizes[argument] = own;
    checkElements(nullptr, argument);
  }
}

unsigned GraphSizes::findAxis(unsigned number) const {
  while (parents[number] != number)
    number = parents[number];
  return number;
}

GraphSize GraphSizes::resolve(const GraphSize &size) const {
  GraphSize result = GraphSize::of(size.factor);
  for (unsigned axis : size.axes) {
    unsigned first = findAxis(axis);
    if (bound[first] >= 0)
      result.factor *= bound[first];
    else
      result.axes.push_back(first);
  }
  llvm::sort(result.axes);
  return result;
}

SmallVector<GraphSize> GraphSizes::sizesOf(Value tensor) const {
  return llvm::map_to_vector(sizes.lookup(tensor), [&](const GraphSize &size) {
    return resolve(size);
  });
}

void GraphSizes::unify(Operation *op, const GraphSize &left,
                       const GraphSize &right) {
  GraphSize a = resolve(left), b = resolve(right);
  if (a == b)
    return;
  auto isAxis = [](const GraphSize &size) {
    return size.factor == 1 && size.axes.size() == 1;
  };
  if (isAxis(a) && isAxis(b)) {
    auto [first, second] = std::minmax(a.axes[0], b.axes[0]);
    parents[second] = first;
    return;
  }
  if (isAxis(a) && b.isStatic())
    bound[a.axes[0]] = b.factor;
  else if (isAxis(b) && a.isStatic())
    bound[b.axes[0]] = a.factor;
  else
    equalities.push_back({op, left, right});
}

void GraphSizes::unify(Operation *op, Value left, unsigned leftDim, Value right,
                       unsigned rightDim) {
  unify(op, sizes[left][leftDim], sizes[right][rightDim]);
}

/// What no single axis says has to follow from the others.
void GraphSizes::checkEqualities() {
  for (const Equality &equality : equalities)
    if (!(resolve(equality.left) == resolve(equality.right)))
      return fail(equality.op,
                  "has sizes that agree in some calls only: make them static");
}

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

/// The sizes of an elementwise operation's result, aligned at the last.
GraphSizes::Sizes GraphSizes::broadcast(Operation *op, Value result) {
  Sizes own;
  for (int64_t dim = 0; dim < rankOf(result); ++dim) {
    std::optional<GraphSize> size;
    for (Value operand : op->getOperands()) {
      int64_t at = dim - (rankOf(result) - rankOf(operand));
      if (at < 0 || shapeOf(operand)[at] == 1)
        continue;
      if (size)
        unify(op, *size, sizes[operand][at]);
      else
        size = sizes[operand][at];
    }
    own.push_back(size.value_or(GraphSize::of(1)));
  }
  return own;
}

/// The sizes of `part` are those of `whole`'s last dimensions.
void GraphSizes::alignLast(Operation *op, Value part, Value whole) {
  if (!part)
    return;
  int64_t added = rankOf(whole) - rankOf(part);
  for (int64_t dim = 0; dim < rankOf(part); ++dim)
    if (shapeOf(part)[dim] != 1)
      unify(op, part, dim, whole, dim + added);
}

void GraphSizes::visitFlash(Operation *op) {
  auto flash = cast<FlashOp>(op);
  Value query = flash.getQuery(), key = flash.getKey();
  Value value = flash.getValue(), mask = flash.getTensorMask();
  unify(op, query, 0, key, 0);
  unify(op, query, 3, key, 3);
  for (unsigned dim : {0, 1, 2})
    unify(op, key, dim, value, dim);
  for (Value ofSequences : {flash.getLengths(), flash.getPrefix()})
    if (ofSequences)
      unify(op, query, 0, ofSequences, 0);
  if (flash.getSinks())
    unify(op, query, 2, flash.getSinks(), 0);
  const std::pair<Value, unsigned> scores[] = {
      {query, 0}, {query, 2}, {query, 1}, {key, 1}};
  for (auto [dim, source] : llvm::enumerate(scores))
    if (mask && shapeOf(mask)[dim] != 1)
      unify(op, mask, dim, source.first, source.second);
  const Sizes &own = sizes[query];
  Sizes output = {own[0], own[1], own[2], sizes[value][3]};
  Sizes lse = {own[0], own[1], own[2]};
  sizes[flash.getOutput()] = output;
  sizes[flash.getLse()] = lse;
}

GraphSizes::Sizes GraphSizes::visitShape(Operation *op) {
  Sizes own = sizes[op->getOperand(0)];
  llvm::TypeSwitch<Operation *>(op)
      .Case([&](TransposeOp transpose) {
        Sizes before = own;
        for (auto [dim, from] : llvm::enumerate(transpose.getPermutation()))
          own[dim] = before[from];
      })
      .Case([&](FlattenOp flatten) {
        auto dim = flatten.getDim();
        own[dim] = own[dim].times(own[dim + 1]);
        own.erase(own.begin() + dim + 1);
      })
      .Case([&](UnflattenOp split) {
        auto dim = split.getDim();
        ArrayRef<int64_t> shape = shapeOf(split.getResult());
        bool isOuterKnown = !ShapedType::isDynamic(shape[dim]);
        GraphSize whole = resolve(own[dim]);
        int64_t known = isOuterKnown ? shape[dim] : shape[dim + 1];
        if (!ShapedType::isDynamic(shape[dim]) &&
            !ShapedType::isDynamic(shape[dim + 1])) {
          unify(op, own[dim], GraphSize::of(shape[dim] * shape[dim + 1]));
          whole = GraphSize::of(shape[dim] * shape[dim + 1]);
        } else if (known == 0 || whole.factor % known != 0) {
          return fail(op, "splits a dynamic size: make it static");
        }
        GraphSize rest = {whole.factor / std::max<int64_t>(known, 1),
                          whole.axes};
        own[dim] = isOuterKnown ? GraphSize::of(known) : rest;
        own.insert(own.begin() + dim + 1,
                   isOuterKnown ? rest : GraphSize::of(known));
      })
      .Case([&](ExpandOp expand) {
        auto dim = expand.getDim();
        own.insert(own.begin() + dim,
                   GraphSize::of(shapeOf(expand.getResult())[dim]));
      })
      .Case([&](SliceOp slice) {
        auto dim = slice.getDim();
        if (!resolve(own[dim]).isStatic())
          fail(op, "takes a part of a dynamic size: make it static");
        own[dim] = GraphSize::of(shapeOf(slice.getResult())[dim]);
      })
      .Case<RepeatInterleaveOp, TileOp>([&](auto repeat) {
        int64_t &factor = own[repeat.getDim()].factor;
        factor = repeatedFactor(factor, repeat.getTimes());
      })
      .Case([&](RepeatKvOp repeat) {
        own[2].factor = repeatedFactor(own[2].factor, repeat.getTimes());
      })
      .Case([&](ConcatOp concat) {
        auto dim = concat.getDim();
        own[dim] = GraphSize::of(0);
        for (Value input : concat.getInputs()) {
          GraphSize part = resolve(sizes[input][dim]);
          if (!part.isStatic())
            fail(op, "joins along a dynamic size: make it static");
          own[dim].factor += part.factor;
          for (int64_t other = 0; other < rankOf(input); ++other)
            if (other != static_cast<int64_t>(dim))
              unify(op, input, other, concat.getInputs()[0], other);
        }
      })
      .Case([&](SumOp sum) { own[sum.getDim()] = GraphSize::of(1); });
  return own;
}

GraphSizes::Sizes GraphSizes::visitMath(Operation *op) {
  Sizes own = sizes[op->getOperand(0)];
  llvm::TypeSwitch<Operation *>(op)
      .Case([&](LinearOp linear) {
        unify(op, own.back(), sizes[linear.getWeight()][1]);
        if (linear.getBias())
          unify(op, linear.getBias(), 0, linear.getWeight(), 0);
        own.back() = sizes[linear.getWeight()][0];
      })
      .Case([&](HeadLinearOp linear) {
        Value weight = linear.getWeight();
        unsigned inner = linear.getTransposed() ? 1 : 2;
        unify(op, own[2], sizes[weight][0]);
        unify(op, own[3], sizes[weight][inner]);
        own[3] = sizes[weight][3 - inner];
      })
      .Case([&](MatmulOp matmul) {
        int64_t rank = rankOf(matmul.getRhs());
        unify(op, own.back(), sizes[matmul.getRhs()][rank - 2]);
        for (int64_t dim = 0; rank > 2 && dim < rank - 2; ++dim)
          unify(op, matmul.getLhs(), dim, matmul.getRhs(), dim);
        own.back() = sizes[matmul.getRhs()][rank - 1];
      })
      .Case([&](RmsNormOp norm) {
        alignLast(op, norm.getWeight(), norm.getInput());
      })
      .Case([&](LayerNormOp norm) {
        alignLast(op, norm.getWeight(), norm.getInput());
        alignLast(op, norm.getBias(), norm.getInput());
      })
      .Case([&](RopeOp rope) {
        Value positions = rope.getPositions();
        if (!positions)
          return;
        if (shapeOf(positions)[0] != 1)
          unify(op, positions, 0, rope.getInput(), 0);
        unify(op, positions, 1, rope.getInput(), rope.getHeadsFirst() ? 2 : 1);
      })
      .Case([&](CacheAppendOp append) {
        Value cache = append.getCache(), fresh = append.getFresh();
        unify(op, append.getLengths(), 0, cache, 0);
        for (int64_t dim = 0; dim < rankOf(cache); ++dim)
          if (dim != 1)
            unify(op, cache, dim, fresh, dim);
      });
  return own;
}

void GraphSizes::visit(Operation *op) {
  if (isa<FlashOp>(op))
    return visitFlash(op);
  if (op->getNumResults() != 1)
    return fail(op, "is no operation of a tensor");
  Value result = op->getResult(0);
  if (isa<FullOp>(op))
    sizes[result] = llvm::map_to_vector(
        shapeOf(result), [](int64_t size) { return GraphSize::of(size); });
  else if (isa<TransposeOp, FlattenOp, UnflattenOp, ExpandOp, SliceOp,
               RepeatInterleaveOp, TileOp, RepeatKvOp, ConcatOp, SumOp>(op))
    sizes[result] = visitShape(op);
  else if (isa<LinearOp, HeadLinearOp, MatmulOp, RmsNormOp, LayerNormOp, RopeOp,
               CacheAppendOp>(op))
    sizes[result] = visitMath(op);
  else if (isElementwise(op))
    sizes[result] = broadcast(op, result);
  else
    return fail(op, "is no operation that a graph is compiled from");
  if (hasProblem())
    return;
  // What the type says holds as well.
  for (auto [dim, size] : llvm::enumerate(shapeOf(result)))
    if (!ShapedType::isDynamic(size))
      unify(op, sizes[result][dim], GraphSize::of(size));
  checkElements(op, result);
}

/// Counts of elements and bytes stay within 64 bits.
void GraphSizes::checkElements(Operation *op, Value tensor) {
  int64_t elements = 1;
  for (const GraphSize &size : sizesOf(tensor))
    elements = llvm::SaturatingMultiply<uint64_t>(elements, size.factor) >
                       uint64_t(kMostElements)
                   ? kMostElements + 1
                   : elements * size.factor;
  if (elements > kMostElements)
    fail(op, Twine(op ? "" : "it ") + "has a tensor of more than " +
                 Twine(kMostElements) + " elements");
}

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

void GraphSizes::nameAxis(const GraphSize &size, StringRef name) {
  GraphSize own = resolve(size);
  auto isTaken = [&](const Axis &axis) { return axis.name == name; };
  if (own.factor != 1 || own.axes.size() != 1 || llvm::any_of(axes, isTaken))
    return;
  Axis &axis = axes[own.axes[0]];
  if (axis.name.empty())
    axis.name = name.str();
}

/// Attention says what its sizes count; what is left takes the names that are
/// left, in the order of the arguments.
void GraphSizes::nameAxes(func::FuncOp function) {
  for (auto flash : function.getOps<FlashOp>()) {
    nameAxis(sizes[flash.getQuery()][0], "batch");
    nameAxis(sizes[flash.getQuery()][1], "query_length");
    nameAxis(sizes[flash.getKey()][1], "kv_capacity");
  }
  for (auto append : function.getOps<CacheAppendOp>()) {
    nameAxis(sizes[append.getCache()][0], "batch");
    nameAxis(sizes[append.getCache()][1], "kv_capacity");
    nameAxis(sizes[append.getFresh()][1], "query_length");
  }
  for (auto [number, axis] : llvm::enumerate(axes)) {
    GraphSize own = {1, {static_cast<unsigned>(number)}};
    if (resolve(own).isStatic() || findAxis(number) != number)
      continue;
    for (StringRef name : {"batch", "query_length", "kv_capacity"})
      if (axis.name.empty())
        nameAxis(own, name);
    if (axis.name.empty())
      return fail(nullptr, "argument " + Twine(axis.argument) +
                               " has a fourth dynamic size, dimension " +
                               Twine(axis.dimension) +
                               ": a call counts batch, query_length and "
                               "kv_capacity, make the others static");
  }
}

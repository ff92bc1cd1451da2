//===- GraphSizes.cpp - equal sizes of a graph function -------------------===//
//
// Union-find over the dynamic dimensions of arguments: every operation says
// which sizes of its operands have to agree.
//
//===----------------------------------------------------------------------===//

#include "passes/GraphSizes.h"

#include "dialects/attn/AttnDialect.h"
#include "dialects/attn/AttnOps.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "passes/GraphElements.h"
#include "passes/TensorTypes.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace attn;

GraphSizes::GraphSizes(func::FuncOp function) {
  addArguments(function);
  for (Operation &op : function.getBody().front().without_terminator())
    if (!hasProblem() && !isOpTriviallyDead(&op))
      visit(&op);
  if (!hasProblem() && function->hasAttr(kScopeAttr))
    unifyTokens(function);
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
      own.push_back(GraphSize::ofAxis(number));
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
    result = result.times(bound[first] >= 0 ? GraphSize::of(bound[first])
                                            : GraphSize::ofAxis(first));
  }
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
  std::optional<unsigned> own = a.asAxis(), other = b.asAxis();
  if (own && other) {
    auto [first, second] = std::minmax(*own, *other);
    parents[second] = first;
    return;
  }
  if (own && b.isStatic())
    bound[*own] = b.factor;
  else if (other && a.isStatic())
    bound[*other] = a.factor;
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

void GraphSizes::visit(Operation *op) {
  if (auto flash = dyn_cast<FlashOp>(op))
    return visitFlash(flash);
  if (op->getNumResults() != 1)
    return fail(op, "is no operation of a tensor");
  Value result = op->getResult(0);
  Sizes own;
  if (isElementwise(op))
    own = broadcast(op, result);
  else if (!infer(op, own))
    return fail(op, "is no operation that a graph is compiled from");
  if (hasProblem())
    return;
  sizes[result] = own;
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
  std::optional<unsigned> number = own.asAxis();
  if (!number || llvm::any_of(axes, isTaken))
    return;
  Axis &axis = axes[*number];
  if (axis.name.empty())
    axis.name = name.str();
}

/// A call of a layer appends the keys and values of the tokens that it queries.
void GraphSizes::unifyTokens(func::FuncOp function) {
  for (auto append : function.getOps<CacheAppendOp>())
    for (auto flash : function.getOps<FlashOp>())
      unify(append, append.getFresh(), 1, flash.getQuery(), 1);
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
    GraphSize own = GraphSize::ofAxis(number);
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

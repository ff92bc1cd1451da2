//===- GraphSupport.cpp - what a graph program is made of -----------------===//
//
// Says why GraphProgramBuilder cannot write a function: what is refused here is
// refused by name, what passes is written.
//
//===----------------------------------------------------------------------===//

#include "passes/GraphSupport.h"

#include "dialects/attn/AttnOps.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "passes/GraphElements.h"
#include "passes/Passes.h"
#include "passes/TensorTypes.h"
#include "passes/TileProgramBuilder.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace attn;

namespace {
using Problem = GraphSizes::Problem;
using Answer = std::optional<Problem>;
} // namespace

static bool isStatic(Value tensor, int64_t dim) {
  return !cast<RankedTensorType>(tensor.getType()).isDynamicDim(dim);
}

static int64_t lastDim(Value tensor) {
  return cast<RankedTensorType>(tensor.getType()).getRank() - 1;
}

/// Tensors that views can be made of.
static Answer whyNotTensor(Operation *op, Value tensor, int64_t mostRank) {
  auto type = dyn_cast<RankedTensorType>(tensor.getType());
  // An operation's message begins with its name.
  auto fail = [&](const Twine &text) {
    return Problem{op, ((op ? "" : "it ") + text).str()};
  };
  if (!type)
    return fail("has a value that is not a tensor of known rank");
  if (type.getRank() < 1 || type.getRank() > mostRank)
    return fail("has a tensor of " + Twine(type.getRank()) +
                " dimensions, expected 1 to " + Twine(mostRank));
  if (llvm::is_contained(type.getShape(), 0))
    return fail("has a tensor without elements");
  Type element = type.getElementType();
  if (isGraphElement(element))
    return std::nullopt;
  return fail("has elements of type " + Twine(spell(element)) +
              ", whole functions take f32, f16, bf16, i1 and i32");
}

static Answer whyNotFlash(FlashOp flash) {
  for (Value heads : {Value(flash.getQuery()), Value(flash.getKey()),
                      Value(flash.getValue())})
    if (!isStatic(heads, 2) || !isStatic(heads, 3))
      return Problem{flash,
                     "has dynamic heads or head sizes: make them static"};
  return std::nullopt;
}

static Answer whyNotAppend(CacheAppendOp append) {
  if (append.getType().getRank() >= 3 &&
      isStatic(append.getCache(), lastDim(append.getCache())))
    return std::nullopt;
  return Problem{append, "has rows of a dynamic size: give the cache a last "
                         "dimension of a static size"};
}

/// What a rule of an operation asks beyond its verifier.
static Answer whyNotOp(Operation *op) {
  Problem dynamic = {op, "has rows of a dynamic size: make the last dimension "
                         "static"};
  auto needsStatic = [&](Value tensor, int64_t dim) {
    return isStatic(tensor, dim) ? Answer() : Answer(dynamic);
  };
  return llvm::TypeSwitch<Operation *, Answer>(op)
      .Case([&](FlashOp flash) { return whyNotFlash(flash); })
      .Case([&](CacheAppendOp append) { return whyNotAppend(append); })
      .Case<LinearOp, HeadLinearOp, MatmulOp>([&](auto product) -> Answer {
        Value weight = product->getOperand(1);
        int64_t last = lastDim(weight);
        if (!isStatic(weight, last) || !isStatic(weight, last - 1))
          return Problem{op, "has a weight of a dynamic size: make it static"};
        return needsStatic(product->getOperand(0),
                           lastDim(product->getOperand(0)));
      })
      .Case<RmsNormOp, LayerNormOp>([&](auto norm) {
        return needsStatic(norm.getInput(), lastDim(norm.getInput()));
      })
      .Case([&](RopeOp rope) -> Answer {
        return needsStatic(rope.getInput(), 3);
      })
      .Case(
          [&](SumOp sum) { return needsStatic(sum.getInput(), sum.getDim()); })
      .Case<TransposeOp, FlattenOp, UnflattenOp, ExpandOp, SliceOp,
            RepeatInterleaveOp, TileOp, RepeatKvOp, ConcatOp, FullOp>(
          [](auto) { return Answer(); })
      .Default([&](Operation *) -> Answer {
        if (isElementwise(op))
          return std::nullopt;
        if (isUnfused(op))
          return Problem{op, "is compiled as a part of 'attn.flash' alone: the "
                             "remarks of attn-form-flash say why it stays"};
        return Problem{op, "is no operation that a graph is compiled from"};
      });
}

/// Callers bind tensors by their names.
static Answer whyNotNamed(func::FuncOp function) {
  unsigned arguments = function.getNumArguments();
  for (auto [index, name] : llvm::enumerate(tensorNames(function))) {
    if (name ||
        (index >= arguments && updatedArgument(function, index - arguments)))
      continue;
    bool isArgument = index < arguments;
    return Problem{nullptr, (Twine(isArgument ? "argument " : "result ") +
                             Twine(isArgument ? index : index - arguments) +
                             " has no name: give it an attn.name, such as \"" +
                             (isArgument ? "query" : "output") + "\"")
                                .str()};
  }
  return std::nullopt;
}

/// What takes an argument's place is an append to it, and nothing else reads
/// what was there.
static Answer whyNotUpdated(func::FuncOp function) {
  Operation *terminator = function.getBody().front().getTerminator();
  for (OpOperand &result : terminator->getOpOperands()) {
    std::optional<unsigned> index =
        updatedArgument(function, result.getOperandNumber());
    if (!index)
      continue;
    auto append = result.get().getDefiningOp<CacheAppendOp>();
    BlockArgument argument = function.getArgument(*index);
    bool isReturnedOnce =
        llvm::count(terminator->getOperands(), result.get()) == 1;
    if (append && append.getCache() == argument && argument.hasOneUse() &&
        isReturnedOnce)
      continue;
    return Problem{nullptr, ("result " + Twine(result.getOperandNumber()) +
                             " updates argument " + Twine(*index) +
                             ": expected an 'attn.cache_append' to it, alone")
                                .str()};
  }
  return std::nullopt;
}

std::optional<Problem> attn::whyNotGraph(func::FuncOp function) {
  if (function.isExternal() || !llvm::hasSingleElement(function.getBody()))
    return Problem{nullptr, "it has no body of one block"};
  if (Answer why = whyNotNamed(function))
    return why;
  if (Answer why = whyNotUpdated(function))
    return why;
  constexpr int64_t callerRank = 4, innerRank = 5;
  Block &body = function.getBody().front();
  for (BlockArgument argument : body.getArguments())
    if (Answer why = whyNotTensor(nullptr, argument, callerRank))
      return why;
  for (Value result : body.getTerminator()->getOperands())
    if (Answer why = whyNotTensor(nullptr, result, callerRank))
      return why;
  for (Operation &op : body.without_terminator()) {
    if (isOpTriviallyDead(&op))
      continue;
    if (Answer why = whyNotOp(&op))
      return why;
    for (Value tensor : llvm::concat<Value>(op.getOperands(), op.getResults()))
      if (Answer why = whyNotTensor(&op, tensor, innerRank))
        return why;
  }
  GraphSizes sizes(function);
  if (sizes.hasProblem())
    return sizes.getProblem();
  for (Value result : body.getTerminator()->getOperands())
    for (const GraphSize &size : sizes.sizesOf(result))
      if (!size.isStatic() && (size.factor != 1 || size.axes.size() != 1))
        return Problem{nullptr, "a result has a size that no argument has: "
                                "return it before it is flattened"};
  return std::nullopt;
}

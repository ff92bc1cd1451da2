//===- WeightPlan.cpp - which weights are packed ahead of calls -----------===//
//
// See WeightPlan.h.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/WeightPlan.h"

#include "codegen/cpu/GraphSteps.h"
#include "codegen/cpu/Microkernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

/// Inputs of a layer whose sizes count nothing of the call.
static SmallVector<unsigned> weightsOf(tile::ProgramOp program) {
  SmallVector<unsigned> weights;
  if (program.getScope() != KernelScope::Layer || !program.getArgumentAxes())
    return weights;
  auto arguments = program.getBody().getArguments();
  for (BlockArgument argument :
       arguments.drop_back(program.getResultCount().value_or(0))) {
    unsigned index = argument.getArgNumber();
    auto shape = cast<tile::ViewType>(argument.getType()).getShape();
    bool isFixed = llvm::all_of(llvm::seq<unsigned>(shape.size()), [&](auto d) {
      return program.axisOf(index, d) == tile::Axis::None;
    });
    if (isFixed && !program.isUpdated(index))
      weights.push_back(index);
  }
  return weights;
}

/// Columns of the blocks that tasks take, if `user` loads block after block of
/// whole rows for a product.
static std::optional<int64_t> columnBlockOf(Operation *user) {
  auto load = dyn_cast<tile::LoadRowsOp>(user);
  if (!load || !load.getTile().hasOneUse())
    return std::nullopt;
  auto multiply = dyn_cast<tile::MultiplyOp>(*load.getTile().user_begin());
  auto row = load.getRow().getDefiningOp<arith::MulIOp>();
  if (!multiply || multiply.getWeight() != load.getTile() ||
      !multipliesWholeRows(multiply) || !row)
    return std::nullopt;
  int64_t block = load.getTile().getType().getShape()[0];
  for (auto [number, size] : {std::pair(row.getLhs(), row.getRhs()),
                              std::pair(row.getRhs(), row.getLhs())}) {
    APInt columns;
    auto argument = dyn_cast<BlockArgument>(number);
    if (argument && isa<tile::PhaseOp>(argument.getOwner()->getParentOp()) &&
        matchPattern(size, m_ConstantInt(&columns)) && columns == block)
      return block;
  }
  return std::nullopt;
}

/// The block that all uses of the argument agree on.
static std::optional<int64_t> columnBlockOf(ArrayRef<tile::ProgramOp> programs,
                                            unsigned argument) {
  std::optional<int64_t> block;
  for (tile::ProgramOp program : programs)
    for (Operation *user : program.getBody().getArgument(argument).getUsers()) {
      std::optional<int64_t> own = columnBlockOf(user);
      if (!own || (block && block != own))
        return std::nullopt;
      block = own;
    }
  return block;
}

WeightPlan::WeightPlan(ArrayRef<tile::ProgramOp> programs,
                       const CpuTarget &target) {
  tile::ProgramOp first = programs.front();
  for (unsigned argument : weightsOf(first)) {
    std::optional<WeightPanels> &panels = weights[argument];
    std::optional<int64_t> block = columnBlockOf(programs, argument);
    if (!block)
      continue;
    auto view =
        cast<tile::ViewType>(first.getBody().getArgument(argument).getType());
    panels = {*block, target.panel(),
              KernelShape::roundUp(view.getShape().back(), target.unroll)};
  }
}

std::optional<WeightPanels> WeightPlan::panelsOf(Value view) const {
  auto argument = dyn_cast<BlockArgument>(view);
  return argument ? weights.lookup(argument.getArgNumber()) : std::nullopt;
}

//===- GraphSteps.cpp - steps on rows and products ------------------------===//
//
// See GraphSteps.h.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/GraphSteps.h"

#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

/// All uses are in products, as an operand or the sum that they begin with.
static bool isForProduct(Operation &op) {
  return !op.use_empty() && llvm::all_of(op.getUsers(), [](Operation *user) {
    return isa<tile::MultiplyOp, tile::ProjectOp, scf::ForOp>(user);
  });
}

bool attn::cpu::isRowOp(Operation &op) {
  if (isa<tile::LoadRowsOp, tile::FillOp>(op))
    return !isForProduct(op);
  return isa<tile::StoreRowsOp, tile::CoordinatesOp, tile::MapRowsOp,
             tile::SumRowsOp, tile::RotateOp>(op);
}

bool attn::cpu::isQueryStep(Operation &op) {
  auto isQuery = [&](Operation *user) {
    auto contract = dyn_cast<tile::ContractOp>(user);
    return contract && contract.getQuery() == op.getResult(0);
  };
  return isRowOp(op) && op.getNumResults() == 1 &&
         llvm::any_of(op.getUsers(), isQuery);
}

bool attn::cpu::isProductLoop(scf::ForOp loop) {
  return llvm::any_of(loop.getInitArgs(), isProductSum);
}

bool attn::cpu::isProductSum(Value tile) {
  if (auto argument = dyn_cast<BlockArgument>(tile)) {
    auto loop = dyn_cast<scf::ForOp>(argument.getOwner()->getParentOp());
    return loop && argument != loop.getInductionVar() && isProductLoop(loop);
  }
  Operation *op = tile.getDefiningOp();
  if (auto loop = dyn_cast<scf::ForOp>(op))
    return isProductLoop(loop);
  return isa<tile::MultiplyOp>(op) ||
         (isa<tile::FillOp>(op) && isForProduct(*op));
}

Value attn::cpu::countOf(Value tile) {
  if (auto argument = dyn_cast<BlockArgument>(tile)) {
    auto loop = dyn_cast<scf::ForOp>(argument.getOwner()->getParentOp());
    OpOperand *init = loop ? loop.getTiedLoopInit(argument) : nullptr;
    return init ? countOf(init->get()) : Value();
  }
  Operation *op = tile.getDefiningOp();
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case<tile::LoadRowsOp, tile::CoordinatesOp, tile::FillOp>(
          [](auto source) { return source.getCount(); })
      .Case([](tile::MapRowsOp map) {
        return map.getTiles().empty() ? Value() : countOf(map.getTiles()[0]);
      })
      .Case([](tile::SumRowsOp sum) { return countOf(sum.getTile()); })
      .Case([](tile::RotateOp rotate) { return countOf(rotate.getTile()); })
      .Case([](tile::MultiplyOp product) { return countOf(product.getSum()); })
      .Case([&](scf::ForOp loop) {
        unsigned number = cast<OpResult>(tile).getResultNumber();
        return countOf(loop.getInitArgs()[number]);
      })
      .Default(Value());
}

/// The rows of a tensor, whole.
static int64_t rowSize(tile::LoadRowsOp load) {
  return load.getView().getType().getShape().back();
}

static bool isDefinedIn(Operation *region, Value value) {
  Operation *op = value.getDefiningOp();
  return op ? region->isProperAncestor(op)
            : region->isAncestor(
                  cast<BlockArgument>(value).getOwner()->getParentOp());
}

/// Whether the steps of the loop are the whole rows of both factors, which are
/// known before it.
static bool coversRows(scf::ForOp loop, tile::MultiplyOp op) {
  auto rows = op.getRows().getDefiningOp<tile::LoadRowsOp>();
  auto weight = op.getWeight().getDefiningOp<tile::LoadRowsOp>();
  APInt upper, step;
  if (!op.getTransposed() || !matchPattern(loop.getLowerBound(), m_Zero()) ||
      !matchPattern(loop.getUpperBound(), m_ConstantInt(&upper)) ||
      !matchPattern(loop.getStep(), m_ConstantInt(&step)) ||
      upper != rowSize(rows) || upper != rowSize(weight) ||
      step != op.getRows().getType().getShape()[1])
    return false;
  Value place = loop.getInductionVar();
  return rows.getColumn() == place && weight.getColumn() == place &&
         llvm::none_of(ValueRange{rows.getRow(), rows.getCount(),
                                  weight.getRow(), weight.getCount()},
                       [&](Value value) { return isDefinedIn(loop, value); });
}

/// The same for a product without a loop.
static bool coversRows(tile::MultiplyOp op) {
  auto rows = op.getRows().getDefiningOp<tile::LoadRowsOp>();
  auto weight = op.getWeight().getDefiningOp<tile::LoadRowsOp>();
  return matchPattern(rows.getColumn(), m_Zero()) &&
         matchPattern(weight.getColumn(), m_Zero()) &&
         rowSize(rows) == rowSize(weight) &&
         rowSize(rows) <= op.getRows().getType().getShape()[1];
}

bool attn::cpu::multipliesWholeRows(tile::MultiplyOp op) {
  if (op.getSum().getDefiningOp<tile::FillOp>())
    return op.getTransposed() && coversRows(op);
  auto loop = dyn_cast<scf::ForOp>(op->getParentOp());
  return loop && isProductLoop(loop) &&
         llvm::hasSingleElement(loop.getBody()->getOps<tile::MultiplyOp>()) &&
         coversRows(loop, op);
}

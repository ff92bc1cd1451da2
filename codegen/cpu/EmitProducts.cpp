//===- EmitProducts.cpp - products of rows and weights --------------------===//
//
// A block of weights is packed as a block of keys or of values is; the rows are
// gathered; the sums stay in scratch from one block of the inner dimension to
// the next, so that every element is one ascending chain.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/StoredElements.h"
#include "codegen/cpu/TaskEmitter.h"

#include "runtime/attn_rt.h"

#include <cstddef>

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

static int64_t widthOf(Value tile) {
  return cast<tile::TileType>(tile.getType()).getShape()[1];
}

/// A block of a weight: where it is, and how it is packed.
struct TaskEmitter::WeightBlock {
  tile::LoadRowsOp load;
  bool isTransposed;
  Value packed;
};

/// A sum of zeros, and the factors 1 that the sums are rescaled by.
unsigned TaskEmitter::startProduct(tile::FillOp op) {
  const CpuTarget &target = k.getTarget();
  int64_t rows = KernelShape::roundUp(shape.maxRows, target.rowBlock());
  int64_t stride = KernelShape::roundUp(widthOf(op.getTile()), target.panel());
  SumPlace sum = {allocate(rows * stride), allocate(target.slot()), stride};
  for (int64_t i = 0; i < target.slot(); i += target.lanes)
    k.store(k.splat(1.0f), k.at(sum.ones, i));
  Value blocks = k.ceilDiv(scalar(op.getCount()), target.rowBlock());
  k.loop(k.i64(0), k.mul(blocks, target.rowBlock() * stride), target.lanes,
         [&](Value i) { k.store(k.splat(0.0f), k.at(sum.base, i)); });
  sums.push_back(sum);
  return sums.size() - 1;
}

void TaskEmitter::emitProductLoop(scf::ForOp loop) {
  unsigned number =
      startProduct(loop.getInitArgs()[0].getDefiningOp<tile::FillOp>());
  sumNumbers[loop.getRegionIterArgs()[0]] = number;
  sumNumbers[loop.getResult(0)] = number;
  auto packed = [&] { emitLoop(loop); };
  auto products = loop.getBody()->getOps<tile::MultiplyOp>();
  if (!products.empty() && multipliesWholeRows(*products.begin()))
    emitProduct(*products.begin(), sums[number], packed);
  else
    packed();
}

/// Few rows read the weight where it is, if its rows can be read whole.
void TaskEmitter::emitProduct(tile::MultiplyOp op, const SumPlace &sum,
                              llvm::function_ref<void()> packed) {
  auto weight = op.getWeight().getDefiningOp<tile::LoadRowsOp>();
  ArrayRef<int64_t> view = weight.getView().getType().getShape();
  int64_t lanes = k.getTarget().lanes;
  auto areWhole = [&](int64_t size) { return size > 0 && size % lanes == 0; };
  if (view.size() < 2 || !areWhole(view.back()) ||
      !areWhole(view[view.size() - 2]) ||
      !areWhole(weight.getTile().getType().getShape()[0]))
    return packed();
  auto rows = op.getRows().getDefiningOp<tile::LoadRowsOp>();
  Value isAdjacent =
      k.equal(strideOf(weight.getView(), static_cast<int64_t>(view.size()) - 2),
              k.i64(view.back()));
  Value isSmall =
      k.less(scalar(rows.getCount()), k.i64(k.getTarget().productRows + 1));
  Value isStreamed = k.both(isSmall, isAdjacent);
  if (weights.panelsOf(weight.getView()))
    isStreamed = k.both(isStreamed, isNull(panelsAt(weight.getView())));
  k.when(isStreamed, [&] { emitStreamedProduct(op, sum); }, packed);
}

/// The caller's panels of a weight, null if it is given as it is.
Value TaskEmitter::panelsAt(Value weight) {
  return k.loadPtr(
      viewField(cast<BlockArgument>(weight), offsetof(attn_rt_view, panels)),
      0);
}

/// Whole rows times whole rows of the weight.
void TaskEmitter::emitStreamedProduct(tile::MultiplyOp op,
                                      const SumPlace &sum) {
  auto rows = op.getRows().getDefiningOp<tile::LoadRowsOp>();
  auto weight = op.getWeight().getDefiningOp<tile::LoadRowsOp>();
  int64_t inner = weight.getView().getType().getShape().back();
  Value zero = k.i64(0), count = scalar(rows.getCount());
  RowAddress address = addressOf(rows.getView());
  Value weights =
      rowAt(addressOf(weight.getView()), scalar(weight.getRow()), zero);
  auto multiply = [&](int64_t most, Value input) {
    k.call(emitStreamProduct(k, most, inner, storedType(weight.getView())),
           {input, weights, sum.base, k.i64(sum.stride),
            scalar(weight.getCount())});
  };
  auto rowFrom = [&](Value row) {
    return rowAt(address, k.add(scalar(rows.getRow()), row), zero);
  };
  Value gathered = allocate(k.getTarget().productRows * inner);
  Type stored = storedType(rows.getView());
  int64_t most = k.getTarget().productRows, lanes = k.getTarget().lanes;
  k.when(
      k.equal(count, k.i64(1)),
      [&] {
        if (stored.isF32())
          return multiply(1, rowFrom(zero));
        k.call(emitSpreadRow(k, inner, 1, stored), {rowFrom(zero), gathered});
        multiply(1, gathered);
      },
      [&] {
        auto spread = emitSpreadRow(k, inner, most, stored);
        k.loop(zero, count, 1, [&](Value row) {
          k.call(spread, {rowFrom(row), k.at(gathered, k.mul(row, lanes))});
        });
        multiply(most, gathered);
      });
}

/// The last block of the inner dimension may be shorter than the others.
void TaskEmitter::emitMultiply(tile::MultiplyOp op) {
  auto start = op.getSum().getDefiningOp<tile::FillOp>();
  if (start)
    sumNumbers[op.getSum()] = startProduct(start);
  unsigned number = sumNumbers.lookup(op.getSum());
  sumNumbers[op.getNewSum()] = number;
  if (start && multipliesWholeRows(op))
    return emitProduct(op, sums[number], [&] { emitPackedProduct(op); });
  emitPackedProduct(op);
}

void TaskEmitter::emitPackedProduct(tile::MultiplyOp op) {
  auto rows = op.getRows().getDefiningOp<tile::LoadRowsOp>();
  int64_t inner = widthOf(op.getRows());
  int64_t size = rows.getView().getType().getShape().back();
  int64_t rest = size % inner;
  if (rest == 0)
    return emitBlockProduct(op, inner);
  if (size < inner)
    return emitBlockProduct(op, rest);
  Value isWhole =
      k.less(k.add(scalar(rows.getColumn()), inner), k.i64(size + 1));
  k.when(
      isWhole, [&] { emitBlockProduct(op, inner); },
      [&] { emitBlockProduct(op, rest); });
}

/// Weights [out, in] are packed as keys, [in, out] as values are: both become
/// panels of columns, each [inner][panel].
void TaskEmitter::packWeight(const WeightBlock &block) {
  tile::LoadRowsOp load = block.load;
  auto rank = static_cast<int64_t>(load.getView().getType().getShape().size());
  Value from = rowAt(addressOf(load.getView()), scalar(load.getRow()),
                     scalar(load.getColumn()));
  Value stride = strideOf(load.getView(), rank - 2);
  Type stored = storedType(load.getView());
  SmallVector<Value> arguments = {from, stride, block.packed,
                                  scalar(load.getCount())};
  if (block.isTransposed) {
    k.call(emitPackKeys(k, shape.kernel, 0, shape.kernel.headDim, stored),
           arguments);
    return;
  }
  int64_t width = widthOf(load.getTile());
  int64_t size = load.getView().getType().getShape().back();
  auto pack = [&](int64_t columns) {
    KernelShape kernel = shape.kernel;
    kernel.valueDim = columns;
    k.call(emitPackValues(k, kernel, stored), arguments);
  };
  if (size % width == 0)
    return pack(width);
  if (size < width)
    return pack(size);
  k.when(
      k.less(k.add(scalar(load.getColumn()), width), k.i64(size + 1)),
      [&] { pack(width); }, [&] { pack(size % width); });
}

/// One block of `inner` steps: gathered rows times packed weights.
void TaskEmitter::emitBlockProduct(tile::MultiplyOp op, int64_t inner) {
  const CpuTarget &target = k.getTarget();
  auto rows = op.getRows().getDefiningOp<tile::LoadRowsOp>();
  auto weight = op.getWeight().getDefiningOp<tile::LoadRowsOp>();
  // Zeros fill the last steps: of a panel where values are packed.
  int64_t steps = KernelShape::roundUp(
      inner, op.getTransposed() ? target.unroll : target.panel());
  shape.kernel = KernelShape(target, inner, widthOf(op.getSum()), steps);
  const SumPlace sum = sums[sumNumbers.lookup(op.getSum())];
  int64_t most = KernelShape::roundUp(shape.maxRows, target.rowBlock());
  Value gathered = allocate(most * steps);
  RowAddress address = addressOf(rows.getView());
  Value count = scalar(rows.getCount());
  auto gather = emitGatherRow(k, inner, steps, storedType(rows.getView()));
  k.loop(k.i64(0), count, 1, [&](Value row) {
    Value from = rowAt(address, k.add(scalar(rows.getRow()), row),
                       scalar(rows.getColumn()));
    k.call(gather, {from, k.at(gathered, k.mul(row, steps))});
  });
  auto eachRowBlock = [&](function_ref<void(Value, Value, Value)> body) {
    k.loop(k.i64(0), count, target.rowBlock(), [&](Value row) {
      Value left = k.minimum(k.i64(target.rowBlock()), k.sub(count, row));
      body(left, k.at(gathered, k.mul(row, steps)),
           k.at(sum.base, k.mul(row, sum.stride)));
    });
  };
  auto pack = [&] {
    Value packed = allocate(shape.kernel.packedValues());
    packWeight({weight, bool(op.getTransposed()), packed});
    eachRowBlock([&](Value left, Value row, Value sums) {
      callVariant(emitAccumulate, left,
                  {row, packed, sums, sum.ones, k.i64(steps)});
    });
  };
  std::optional<WeightPanels> panels = weights.panelsOf(weight.getView());
  if (!panels)
    return pack();
  k.when(isNull(panelsAt(weight.getView())), pack, [&] {
    Type stored = storedType(weight.getView());
    Value from = panelsFrom(weight, *panels);
    Value panelCount = k.ceilDiv(scalar(weight.getCount()), panels->panel);
    eachRowBlock([&](Value left, Value row, Value sums) {
      callVariant(
          [&](KernelBuilder &k, const KernelShape &shape, int64_t rows) {
            return emitPanelProduct(k, shape, rows, stored);
          },
          left, {row, from, k.i64(panels->panelElements()), sums, panelCount});
    });
  });
}

/// Where the panels of the block that `load` loads have their step.
Value TaskEmitter::panelsFrom(tile::LoadRowsOp load,
                              const WeightPanels &panels) {
  Value block = k.div(scalar(load.getRow()), panels.columnBlock);
  Value place = k.add(k.mul(block, panels.blockElements()),
                      k.mul(scalar(load.getColumn()), panels.panel));
  return elementAt(k, storedType(load.getView()), panelsAt(load.getView()),
                   place);
}

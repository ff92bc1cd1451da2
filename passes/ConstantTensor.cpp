//===- ConstantTensor.cpp - tensors known at compile time -----------------===//
//
// One rule for each operation that masks are built with, on rows of runs.
//
//===----------------------------------------------------------------------===//

#include "passes/ConstantTensor.h"

#include "dialects/attn/AttnOps.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace attn;

using Result = std::optional<ConstantTensor>;

/// More rows than any registered mask has, few enough to stay under a second.
static constexpr int64_t kMaxRows = int64_t(1) << 18;
/// The limit of what is computed element by element.
static constexpr int64_t kMaxElements = int64_t(1) << 20;

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

static void append(RunRow &row, int64_t end, double value) {
  if (!row.empty() && row.back().value == value)
    row.back().end = end;
  else
    row.push_back({end, value});
}

double attn::elementOf(const RunRow &row, int64_t index) {
  return llvm::find_if(row, [&](const Run &run) { return index < run.end; })
      ->value;
}

/// The elements `begin` to `end` of a row.
static RunRow cut(const RunRow &row, int64_t begin, int64_t end) {
  RunRow result;
  for (const Run &run : row)
    if (run.end > begin && (result.empty() || result.back().end < end - begin))
      result.push_back({std::min(run.end, end) - begin, run.value});
  return result;
}

/// f of the elements of rows that are `width` long, or 1 and repeated.
static RunRow mapRow(ArrayRef<const RunRow *> rows, int64_t width,
                     function_ref<double(ArrayRef<double>)> f) {
  RunRow result;
  SmallVector<size_t, 3> at(rows.size(), 0);
  SmallVector<double, 3> values(rows.size());
  auto endOf = [&](size_t i) {
    const Run &run = (*rows[i])[at[i]];
    return rows[i]->back().end == 1 ? width : run.end;
  };
  for (int64_t begin = 0; begin < width;) {
    int64_t end = width;
    for (size_t i = 0; i < rows.size(); ++i) {
      values[i] = (*rows[i])[at[i]].value;
      end = std::min(end, endOf(i));
    }
    append(result, end, f(values));
    for (size_t i = 0; i < rows.size(); ++i)
      if (endOf(i) == end && end < width)
        ++at[i];
    begin = end;
  }
  return result;
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

static int64_t product(ArrayRef<int64_t> sizes) {
  int64_t result = 1;
  for (int64_t size : sizes)
    if (llvm::MulOverflow(result, size, result))
      return std::numeric_limits<int64_t>::max();
  return result;
}

static int64_t rowsOf(ArrayRef<int64_t> shape) {
  return shape.empty() ? 1 : product(shape.drop_back());
}

/// The coordinates of row `index`: of all dimensions of `shape` but the last.
static SmallVector<int64_t> rowCoordinates(ArrayRef<int64_t> shape,
                                           int64_t index) {
  SmallVector<int64_t> result(shape.empty() ? 0 : shape.size() - 1);
  for (size_t i = result.size(); i-- > 0; index /= shape[i])
    result[i] = index % shape[i];
  return result;
}

static int64_t rowIndex(ArrayRef<int64_t> shape, ArrayRef<int64_t> at) {
  int64_t index = 0;
  for (auto [extent, coordinate] : llvm::zip(shape, at))
    index = index * extent + coordinate;
  return index;
}

double ConstantTensor::at(ArrayRef<int64_t> coordinates) const {
  if (coordinates.empty())
    return rows.front().front().value;
  return elementOf(rows[rowIndex(shape, coordinates.drop_back())],
                   coordinates.back());
}

std::optional<double> ConstantTensor::splat() const {
  if (rows.empty() || rows.front().empty())
    return std::nullopt;
  double value = rows.front().front().value;
  bool isSplat = llvm::all_of(rows, [&](const RunRow &row) {
    return row.size() == 1 && row.front().value == value;
  });
  return isSplat ? std::optional(value) : std::nullopt;
}

static Result full(ArrayRef<int64_t> shape, double value) {
  if (rowsOf(shape) > kMaxRows)
    return std::nullopt;
  ConstantTensor result{SmallVector<int64_t>(shape), {}};
  RunRow row;
  if (result.width() > 0)
    row.push_back({result.width(), value});
  result.rows.assign(rowsOf(shape), row);
  return result;
}

/// A tensor of `shape`, as wide as `input`, each row of which is the row of
/// `input` at the coordinates that `source` makes of its own.
static Result
gatherRows(const ConstantTensor &input, ArrayRef<int64_t> shape,
           function_ref<void(SmallVectorImpl<int64_t> &at)> source) {
  if (rowsOf(shape) > kMaxRows)
    return std::nullopt;
  ConstantTensor result{SmallVector<int64_t>(shape), {}};
  for (int64_t row = 0; row < rowsOf(shape); ++row) {
    SmallVector<int64_t> at = rowCoordinates(shape, row);
    source(at);
    result.rows.push_back(input.rows[rowIndex(input.shape, at)]);
  }
  return result;
}

/// The sizes that `inputs` have together.
static SmallVector<int64_t>
broadcastShape(ArrayRef<const ConstantTensor *> inputs) {
  SmallVector<int64_t> shape;
  for (const ConstantTensor *input : inputs) {
    if (input->rank() > static_cast<int64_t>(shape.size()))
      shape.insert(shape.begin(), input->rank() - shape.size(), 1);
    size_t missing = shape.size() - input->rank();
    for (auto [i, size] : llvm::enumerate(input->shape))
      if (size != 1)
        shape[missing + i] = size;
  }
  return shape;
}

/// The row of `input` that is repeated at the row coordinates `at`.
static const RunRow &repeatedRow(const ConstantTensor &input,
                                 ArrayRef<int64_t> at) {
  if (input.rank() < 2)
    return input.rows.front();
  SmallVector<int64_t> own(at.take_back(input.rank() - 1));
  for (auto [i, index] : llvm::enumerate(own))
    if (input.shape[i] == 1)
      index = 0;
  return input.rows[rowIndex(input.shape, own)];
}

Result attn::mapElements(ArrayRef<const ConstantTensor *> inputs,
                         function_ref<double(ArrayRef<double>)> f) {
  SmallVector<int64_t> shape = broadcastShape(inputs);
  if (rowsOf(shape) > kMaxRows)
    return std::nullopt;
  ConstantTensor result{shape, {}};
  for (int64_t row = 0; row < rowsOf(shape); ++row) {
    SmallVector<int64_t> at = rowCoordinates(shape, row);
    SmallVector<const RunRow *> rows =
        llvm::map_to_vector(inputs, [&](const ConstantTensor *input) {
          return &repeatedRow(*input, at);
        });
    result.rows.push_back(mapRow(rows, result.width(), f));
  }
  return result;
}

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

using Inputs = ArrayRef<const ConstantTensor *>;

static Result evaluate(FullOp op, Inputs) {
  double value = 0;
  if (auto number = dyn_cast<FloatAttr>(op.getValue()))
    value = number.getValueAsDouble();
  else
    value = cast<BoolAttr>(op.getValue()).getValue();
  return full(cast<ShapedType>(op.getType()).getShape(), value);
}

/// Keeps the elements `begin(i)` to `end(i)` of each row i of a matrix.
template <typename F>
static Result keepRange(const ConstantTensor &input, F range) {
  ConstantTensor result{input.shape, {}};
  int64_t width = input.width();
  for (auto [index, row] : llvm::enumerate(input.rows)) {
    auto [begin, end] = range(rowCoordinates(input.shape, index).back());
    RunRow keep;
    for (auto [limit, value] :
         {std::pair(begin, 0.0), std::pair(end, 1.0), std::pair(width, 0.0)}) {
      int64_t clamped = std::clamp<int64_t>(limit, 0, width);
      if (keep.empty() ? clamped > 0 : clamped > keep.back().end)
        append(keep, clamped, value);
    }
    result.rows.push_back(mapRow({&row, &keep}, width, [](ArrayRef<double> x) {
      return x[1] != 0 ? x[0] : 0;
    }));
  }
  return result;
}

static Result evaluate(TriuOp op, Inputs x) {
  int64_t first = op.getDiagonal(), width = x[0]->width();
  return keepRange(*x[0],
                   [=](int64_t row) { return std::pair(row + first, width); });
}

static Result evaluate(TrilOp op, Inputs x) {
  int64_t last = op.getDiagonal();
  return keepRange(*x[0], [=](int64_t row) {
    return std::pair(int64_t(0), std::max<int64_t>(row + last + 1, 0));
  });
}

static Result evaluate(SliceOp op, Inputs x) {
  int64_t dim = op.getDim(), offset = op.getOffset();
  ConstantTensor result{x[0]->shape, {}};
  int64_t size = cast<ShapedType>(op.getType()).getDimSize(dim);
  result.shape[dim] = size;
  if (dim + 1 < x[0]->rank())
    return gatherRows(*x[0], result.shape,
                      [&](SmallVectorImpl<int64_t> &at) { at[dim] += offset; });
  for (const RunRow &row : x[0]->rows)
    result.rows.push_back(cut(row, offset, offset + size));
  return result;
}

static Result evaluate(ExpandOp op, Inputs x) {
  int64_t dim = op.getDim();
  if (dim >= x[0]->rank())
    return std::nullopt;
  SmallVector<int64_t> shape(x[0]->shape);
  shape.insert(shape.begin() + dim,
               cast<ShapedType>(op.getType()).getDimSize(dim));
  return gatherRows(*x[0], shape, [&](SmallVectorImpl<int64_t> &at) {
    at.erase(at.begin() + dim);
  });
}

static Result evaluate(TransposeOp op, Inputs x) {
  ArrayRef<int64_t> permutation = op.getPermutation();
  SmallVector<int64_t> shape = llvm::map_to_vector(
      permutation, [&](int64_t dim) { return x[0]->shape[dim]; });
  if (product(shape) > kMaxElements)
    return std::nullopt;
  ConstantTensor result{shape, {}};
  SmallVector<int64_t> source(shape.size());
  for (int64_t index = 0; index < rowsOf(shape); ++index) {
    SmallVector<int64_t> at = rowCoordinates(shape, index);
    RunRow row;
    for (int64_t column = 0; column < result.width(); ++column) {
      for (auto [i, dim] : llvm::enumerate(permutation))
        source[dim] = i < at.size() ? at[i] : column;
      append(row, column + 1, x[0]->at(source));
    }
    result.rows.push_back(row);
  }
  return result;
}

static Result evaluate(ConcatOp op, Inputs x) {
  int64_t dim = op.getDim();
  ConstantTensor result{x[0]->shape, {}};
  result.shape[dim] = 0;
  for (const ConstantTensor *input : x)
    result.shape[dim] += input->shape[dim];
  for (int64_t index = 0; index < rowsOf(result.shape); ++index) {
    SmallVector<int64_t> at = rowCoordinates(result.shape, index);
    RunRow row;
    for (const ConstantTensor *input : x) {
      if (dim + 1 < result.rank()) {
        if (at[dim] >= input->shape[dim]) {
          at[dim] -= input->shape[dim];
          continue;
        }
        row = input->rows[rowIndex(input->shape, at)];
        break;
      }
      int64_t begin = row.empty() ? 0 : row.back().end;
      for (const Run &run : input->rows[rowIndex(input->shape, at)])
        append(row, begin + run.end, run.value);
    }
    result.rows.push_back(row);
  }
  return result;
}

/// Rows in another shape: the last dimension stays what it is.
template <typename OpTy>
static Result reshapeRows(OpTy op, const ConstantTensor &input,
                          int64_t lastDim) {
  auto type = cast<ShapedType>(op.getType());
  if (!type.hasStaticShape())
    return std::nullopt;
  if (lastDim + 1 < input.rank())
    return ConstantTensor{SmallVector<int64_t>(type.getShape()), input.rows};
  std::optional<double> value = input.splat();
  return value ? full(type.getShape(), *value) : std::nullopt;
}

static Result evaluate(FlattenOp op, Inputs x) {
  return reshapeRows(op, *x[0], op.getDim() + 1);
}

static Result evaluate(UnflattenOp op, Inputs x) {
  return reshapeRows(op, *x[0], op.getDim());
}

static Result evaluate(ScaleOp op, Inputs x) {
  double by = op.getBy().convertToDouble();
  return mapElements(x, [=](ArrayRef<double> v) { return by * v[0]; });
}

static Result evaluate(MaskedFillOp op, Inputs x) {
  double fill = op.getValue().convertToDouble();
  return mapElements(
      x, [=](ArrayRef<double> v) { return v[1] != 0 ? fill : v[0]; });
}

/// The function of elements that `op` is; null for other operations.
static double (*elementFunction(Operation *op))(ArrayRef<double>) {
  using X = ArrayRef<double>;
  using Function = double (*)(X);
  return TypeSwitch<Operation *, Function>(op)
      .Case([](AddOp) { return +[](X x) { return x[0] + x[1]; }; })
      .Case([](SubOp) { return +[](X x) { return x[0] - x[1]; }; })
      .Case([](MulOp) { return +[](X x) { return x[0] * x[1]; }; })
      .Case([](DivOp) { return +[](X x) { return x[0] / x[1]; }; })
      .Case([](NotOp) { return +[](X x) { return 1 - x[0]; }; })
      .Case([](AndOp) { return +[](X x) { return x[0] * x[1]; }; })
      .Case([](OrOp) { return +[](X x) { return std::max(x[0], x[1]); }; })
      .Case(
          [](WhereOp) { return +[](X x) { return x[0] != 0 ? x[1] : x[2]; }; })
      .Default([](Operation *) -> Function { return nullptr; });
}

Result ConstantEvaluator::compute(Operation *op) {
  using Function = double (*)(ArrayRef<double>);
  Function function = elementFunction(op);
  if (!function &&
      !isa<FullOp, TriuOp, TrilOp, SliceOp, ExpandOp, TransposeOp, ConcatOp,
           FlattenOp, UnflattenOp, ScaleOp, MaskedFillOp>(op))
    return std::nullopt;
  SmallVector<const ConstantTensor *> x = llvm::map_to_vector(
      op->getOperands(), [&](Value operand) { return evaluate(operand); });
  if (llvm::is_contained(x, nullptr))
    return std::nullopt;
  if (function)
    return mapElements(x, function);
  return TypeSwitch<Operation *, Result>(op)
      .Case<FullOp, TriuOp, TrilOp, SliceOp, ExpandOp, TransposeOp, ConcatOp,
            FlattenOp, UnflattenOp, ScaleOp, MaskedFillOp>(
          [&](auto known) { return ::evaluate(known, x); });
}

const ConstantTensor *ConstantEvaluator::evaluate(Value value) {
  if (auto entry = known.find(value); entry != known.end())
    return entry->second.get();
  Operation *op = value.getDefiningOp();
  std::unique_ptr<ConstantTensor> result;
  if (Result computed = op ? compute(op) : std::nullopt)
    result = std::make_unique<ConstantTensor>(std::move(*computed));
  return known.try_emplace(value, std::move(result)).first->second.get();
}

std::optional<double> ConstantEvaluator::splat(Value value) {
  const ConstantTensor *constant = evaluate(value);
  return constant ? constant->splat() : std::nullopt;
}

//===- TensorOps.cpp - Operations around attention, evaluated -------------===//
//
// One line or a few for each operation; what they compute is in TensorRules.h.
//
//===----------------------------------------------------------------------===//

#include "compiler/reference/TensorOps.h"

#include "compiler/reference/Products.h"
#include "compiler/reference/TensorRules.h"
#include "dialects/attn/AttnOps.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>

using namespace mlir;
using namespace attn;
using namespace attn::reference;

using Operands = ArrayRef<const Tensor *>;

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

static FailureOr<Tensor> evaluate(TransposeOp op, Operands x) {
  return transpose(*x[0], op.getPermutation());
}

static FailureOr<Tensor> evaluate(FlattenOp op, Operands x) {
  SmallVector<int64_t> shape(x[0]->shape());
  int64_t dim = op.getDim();
  shape[dim] *= shape[dim + 1];
  shape.erase(shape.begin() + dim + 1);
  return reshape(*x[0], shape);
}

static FailureOr<Tensor> evaluate(UnflattenOp op, Operands x) {
  ArrayRef<int64_t> declared = op.getType().getShape();
  int64_t dim = op.getDim(), size = x[0]->dim(dim);
  int64_t outer = declared[dim], inner = declared[dim + 1];
  if (ShapedType::isDynamic(outer))
    outer = inner ? size / inner : 0;
  if (ShapedType::isDynamic(inner))
    inner = outer ? size / outer : 0;
  if (outer * inner != size)
    return op.emitOpError() << "splits a dimension of " << size << " into "
                            << outer << " times " << inner;
  SmallVector<int64_t> shape(x[0]->shape());
  shape[dim] = inner;
  shape.insert(shape.begin() + dim, outer);
  return reshape(*x[0], shape);
}

static FailureOr<Tensor> evaluate(ExpandOp op, Operands x) {
  SmallVector<int64_t> shape(x[0]->shape());
  int64_t dim = op.getDim();
  shape.insert(shape.begin() + dim, 1);
  return gather(reshape(*x[0], shape), dim, op.getType().getShape()[dim],
                [](int64_t) { return int64_t(0); });
}

static FailureOr<Tensor> evaluate(SliceOp op, Operands x) {
  int64_t dim = op.getDim(), offset = op.getOffset();
  int64_t size = op.getType().getShape()[dim];
  if (offset + size > x[0]->dim(dim))
    return op.emitOpError() << "takes elements " << offset << " to "
                            << offset + size << " of " << x[0]->dim(dim);
  return gather(*x[0], dim, size, [&](int64_t i) { return i + offset; });
}

static FailureOr<Tensor> evaluate(RepeatInterleaveOp op, Operands x) {
  int64_t dim = op.getDim(), times = op.getTimes();
  return gather(*x[0], dim, x[0]->dim(dim) * times,
                [&](int64_t i) { return i / times; });
}

static FailureOr<Tensor> evaluate(TileOp op, Operands x) {
  int64_t dim = op.getDim(), size = x[0]->dim(dim);
  return gather(*x[0], dim, size * static_cast<int64_t>(op.getTimes()),
                [&](int64_t i) { return i % size; });
}

static FailureOr<Tensor> evaluate(ConcatOp op, Operands x) {
  int64_t dim = op.getDim();
  for (const Tensor *input : x)
    for (int64_t d = 0; d < input->rank(); ++d)
      if (d != dim && input->dim(d) != x[0]->dim(d))
        return op.emitOpError()
               << "joins tensors of " << x[0]->dim(d) << " and "
               << input->dim(d) << " elements along dimension " << d;
  return concat(x, dim);
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

/// The inner sizes are those of the types' checks, now known.
static LogicalResult checkInner(Operation *op, int64_t left, int64_t right) {
  if (left == right)
    return success();
  return op->emitOpError() << "multiplies " << left << " columns by " << right
                           << " rows";
}

template <typename Real>
static FailureOr<Tensor> evaluateProduct(MatmulOp op, Operands x) {
  int64_t rank = x[1]->rank();
  if (failed(checkInner(op, x[0]->shape().back(), x[1]->dim(rank - 2))))
    return failure();
  for (int64_t dim = 0; rank > 2 && dim + 2 < rank; ++dim)
    if (x[0]->dim(dim) != x[1]->dim(dim))
      return op.emitOpError() << "has batches of " << x[0]->dim(dim) << " and "
                              << x[1]->dim(dim);
  return matmul<Real>(*x[0], *x[1]);
}

template <typename Real>
static FailureOr<Tensor> evaluateProduct(LinearOp op, Operands x) {
  if (failed(checkInner(op, x[0]->shape().back(), x[1]->dim(1))))
    return failure();
  Tensor product = matmul<Real>(*x[0], *x[1], /*transposed=*/true);
  if (!x[2])
    return product;
  return elementwise({&product, x[2]}, [](ArrayRef<double> v) -> double {
    return static_cast<Real>(v[0]) + static_cast<Real>(v[1]);
  });
}

/// Every head with its own weight.
template <typename Real>
static FailureOr<Tensor> evaluateProduct(HeadLinearOp op, Operands x) {
  const Tensor &input = *x[0], &weight = *x[1];
  bool transposed = op.getTransposed();
  int64_t inputs = weight.dim(transposed ? 1 : 2);
  if (failed(checkInner(op, input.dim(3), inputs)))
    return failure();
  return headLinear<Real>(input, weight, transposed);
}

//===----------------------------------------------------------------------===//
// Element by element
//===----------------------------------------------------------------------===//

namespace {
template <typename Real>
using Function = Real (*)(ArrayRef<Real>);
} // namespace

/// The function of an element; null for other operations.
template <typename Real>
static Function<Real> functionOf(Operation *op) {
  using X = ArrayRef<Real>;
  return TypeSwitch<Operation *, Function<Real>>(op)
      .Case([](AddOp) { return +[](X x) { return x[0] + x[1]; }; })
      .Case([](SubOp) { return +[](X x) { return x[0] - x[1]; }; })
      .Case([](MulOp) { return +[](X x) { return x[0] * x[1]; }; })
      .Case([](DivOp) { return +[](X x) { return x[0] / x[1]; }; })
      .Case([](AndOp) { return +[](X x) { return x[0] * x[1]; }; })
      .Case([](OrOp) { return +[](X x) { return std::max(x[0], x[1]); }; })
      .Case([](NotOp) { return +[](X x) { return Real(1) - x[0]; }; })
      .Case(
          [](ReluOp) { return +[](X x) { return x[0] < 0 ? Real(0) : x[0]; }; })
      .Case([](SigmoidOp) {
        return +[](X x) { return Real(1) / (Real(1) + std::exp(-x[0])); };
      })
      .Case([](SiluOp) {
        return +[](X x) { return x[0] / (Real(1) + std::exp(-x[0])); };
      })
      .Case([](TanhOp) { return +[](X x) { return std::tanh(x[0]); }; })
      .Case(
          [](WhereOp) { return +[](X x) { return x[0] != 0 ? x[1] : x[2]; }; })
      .Case([](GeluOp gelu) -> Function<Real> {
        if (gelu.getTanh())
          return [](X x) {
            constexpr auto kFactor = static_cast<Real>(0.7978845608028654);
            Real cube = Real(0.044715) * x[0] * x[0] * x[0];
            return x[0] * (Real(1) + std::tanh(kFactor * (x[0] + cube))) / 2;
          };
        return [](X x) {
          constexpr auto kFactor = static_cast<Real>(0.7071067811865476);
          return x[0] * (Real(1) + std::erf(x[0] * kFactor)) / 2;
        };
      })
      .Default([](Operation *) -> Function<Real> { return nullptr; });
}

/// `f` of the operands' elements, rounded to Real on the way.
template <typename Real, typename F>
static FailureOr<Tensor> evaluateElements(Operation *op, Operands operands,
                                          F f) {
  if (!broadcastShape(operands))
    return op->emitOpError("has operands whose sizes do not fit each other");
  return elementwise(operands, [&](ArrayRef<double> values) -> double {
    SmallVector<Real, 3> x = llvm::map_to_vector<3>(
        values, [](double value) { return static_cast<Real>(value); });
    return f(ArrayRef<Real>(x));
  });
}

template <typename Real>
static FailureOr<Tensor> evaluateFill(MaskedFillOp op, Operands x) {
  auto fill = static_cast<Real>(op.getValue().convertToDouble());
  return evaluateElements<Real>(
      op, x, [&](ArrayRef<Real> v) { return v[1] != 0 ? fill : v[0]; });
}

//===----------------------------------------------------------------------===//
// Masks
//===----------------------------------------------------------------------===//

static Tensor evaluateFull(FullOp op) {
  double value = 0;
  if (auto number = dyn_cast<FloatAttr>(op.getValue()))
    value = number.getValueAsDouble();
  else
    value = cast<BoolAttr>(op.getValue()).getValue() ? 1 : 0;
  return Tensor(cast<ShapedType>(op.getType()).getShape(), value);
}

/// Elements where keep(j - i) holds, others 0.
template <typename F>
static Tensor triangle(Tensor tensor, F keep) {
  for (int64_t i = 0; i < tensor.size(); ++i) {
    SmallVector<int64_t> at = tensor.coordinates(i);
    if (!keep(at[at.size() - 1] - at[at.size() - 2]))
      tensor.data()[i] = 0;
  }
  return tensor;
}

//===----------------------------------------------------------------------===//
// Norms
//===----------------------------------------------------------------------===//

template <typename Real>
static FailureOr<Tensor> evaluateNorm(RmsNormOp op, Operands x) {
  Tensor normed = rmsNorm<Real>(*x[0], op.getEps().convertToDouble());
  if (!x[1])
    return normed;
  Real offset = 0;
  if (std::optional<APFloat> given = op.getOffset())
    offset = static_cast<Real>(given->convertToDouble());
  return evaluateElements<Real>(op, {&normed, x[1]}, [&](ArrayRef<Real> v) {
    return v[0] * (offset + v[1]);
  });
}

template <typename Real>
static FailureOr<Tensor> evaluateNorm(LayerNormOp op, Operands x) {
  Tensor one({1}, 1.0), zero({1}, 0.0);
  Tensor normed = layerNorm<Real>(*x[0], op.getEps().convertToDouble());
  return evaluateElements<Real>(
      op, {&normed, x[1] ? x[1] : &one, x[2] ? x[2] : &zero},
      [](ArrayRef<Real> v) { return v[0] * v[1] + v[2]; });
}

//===----------------------------------------------------------------------===//
// Positions and caches
//===----------------------------------------------------------------------===//

static FailureOr<Tensor> evaluateRope(RopeOp op, Operands x) {
  if (!op.getHeadsFirst())
    return rope(*x[0], x[1], op.getPosition());
  Tensor input = transpose(*x[0], {0, 2, 1, 3});
  return transpose(rope(input, x[1], op.getPosition()), {0, 2, 1, 3});
}

static FailureOr<Tensor> evaluateAppend(CacheAppendOp op, Operands x) {
  Tensor result = *x[0];
  const Tensor &fresh = *x[1], &lengths = *x[2];
  int64_t width = 1;
  for (int64_t size : fresh.shape().drop_front(2))
    width *= size;
  for (int64_t batch = 0; batch < fresh.dim(0); ++batch) {
    int64_t end = static_cast<int64_t>(lengths(batch));
    int64_t begin = end - fresh.dim(1);
    if (end < 0 || end > result.dim(1))
      return op.emitOpError() << "appends rows " << begin << " to " << end
                              << " to a cache of " << result.dim(1);
    // The first rows of a sequence shorter than the call stand nowhere.
    int64_t skipped = std::max<int64_t>(-begin, 0);
    std::copy_n(fresh.data().data() + (batch * fresh.dim(1) + skipped) * width,
                (fresh.dim(1) - skipped) * width,
                result.data().data() +
                    (batch * result.dim(1) + begin + skipped) * width);
  }
  return result;
}

//===----------------------------------------------------------------------===//
// All of them
//===----------------------------------------------------------------------===//

bool reference::isTensorOp(Operation *op) {
  return isa<AddOp, AndOp, CacheAppendOp, ConcatOp, DivOp, ExpandOp, FlattenOp,
             FullOp, GeluOp, HeadLinearOp, LayerNormOp, LinearOp, MaskedFillOp,
             MatmulOp, MulOp, NotOp, OrOp, ReluOp, RepeatInterleaveOp,
             RmsNormOp, RopeOp, SigmoidOp, SiluOp, SliceOp, SubOp, SumOp,
             TanhOp, TileOp, TransposeOp, TrilOp, TriuOp, UnflattenOp, WhereOp>(
      op);
}

template <typename Real>
FailureOr<Tensor> reference::evaluateTensorOp(Operation *op, Operands x) {
  if (Function<Real> function = functionOf<Real>(op))
    return evaluateElements<Real>(op, x, function);
  using Result = FailureOr<Tensor>;
  return TypeSwitch<Operation *, Result>(op)
      .template Case<TransposeOp, FlattenOp, UnflattenOp, ExpandOp, SliceOp,
                     RepeatInterleaveOp, TileOp, ConcatOp>(
          [&](auto known) { return evaluate(known, x); })
      .template Case<MatmulOp, LinearOp, HeadLinearOp>(
          [&](auto known) { return evaluateProduct<Real>(known, x); })
      .template Case<RmsNormOp, LayerNormOp>(
          [&](auto known) { return evaluateNorm<Real>(known, x); })
      .Case([&](MaskedFillOp known) { return evaluateFill<Real>(known, x); })
      .Case([&](FullOp known) -> Result { return evaluateFull(known); })
      .Case([&](TriuOp known) -> Result {
        int64_t first = known.getDiagonal();
        return triangle(*x[0], [=](int64_t d) { return d >= first; });
      })
      .Case([&](TrilOp known) -> Result {
        int64_t last = known.getDiagonal();
        return triangle(*x[0], [=](int64_t d) { return d <= last; });
      })
      .Case([&](SumOp known) -> Result {
        return sum<Real>(*x[0], known.getDim());
      })
      .Case([&](RopeOp known) { return evaluateRope(known, x); })
      .Case([&](CacheAppendOp known) { return evaluateAppend(known, x); })
      .Default([](Operation *other) -> Result {
        return other->emitOpError("has no rule in the reference interpreter");
      });
}

namespace attn::reference {
template FailureOr<Tensor> evaluateTensorOp<double>(Operation *, Operands);
template FailureOr<Tensor> evaluateTensorOp<float>(Operation *, Operands);
} // namespace attn::reference

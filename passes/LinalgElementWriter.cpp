//===- LinalgElementWriter.cpp - elements as attn operations --------------===//
//
// See LinalgElementWriter.h.
//
//===----------------------------------------------------------------------===//

#include "passes/LinalgElementWriter.h"

#include "dialects/attn/AttnOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "passes/TensorTypes.h"
#include "passes/Views.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace attn;

//===----------------------------------------------------------------------===//
// Leaves
//===----------------------------------------------------------------------===//

Value LinalgElementWriter::align(const LinalgElement &leaf, bool isWhole) {
  SmallVector<int64_t> positions;
  for (AffineExpr expression : leaf.map.getResults()) {
    auto dim = dyn_cast<AffineDimExpr>(expression);
    if (!dim || llvm::is_contained(positions, dim.getPosition()))
      return {};
    positions.push_back(dim.getPosition());
  }
  auto order = llvm::to_vector(llvm::seq<int64_t>(positions.size()));
  llvm::sort(order,
             [&](int64_t a, int64_t b) { return positions[a] < positions[b]; });
  Value tensor = createTranspose(builder, location, leaf.tensor, order);
  int64_t first =
      positions.empty() ? type.getRank() - 1 : positions[order.front()];
  for (int64_t dim = isWhole ? 0 : first; dim < type.getRank(); ++dim) {
    if (llvm::is_contained(positions, dim))
      continue;
    int64_t size = isWhole ? type.getDimSize(dim) : 1;
    // Neither a dynamic size nor 0 can be new.
    if (size < 1)
      return {};
    tensor = createExpand(builder, location, tensor,
                          isWhole ? dim : dim - first, size);
  }
  return tensor;
}

Value LinalgElementWriter::toTensor(const Part &part) {
  if (part.tensor || !part.constant)
    return part.tensor;
  Attribute value = part.constant;
  Type element = part.constant.getType();
  if (auto number = dyn_cast<FloatAttr>(value))
    value = builder.getF64FloatAttr(number.getValueAsDouble());
  if (!element.isF32() && !element.isInteger(1))
    return {};
  return FullOp::create(builder, location, RankedTensorType::get({1}, element),
                        value);
}

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

/// The sizes that tensors have together, aligned at the last dimension.
static SmallVector<int64_t> broadcast(ArrayRef<Value> tensors) {
  SmallVector<int64_t> shape;
  for (Value tensor : tensors) {
    ArrayRef<int64_t> sizes = cast<ShapedType>(tensor.getType()).getShape();
    if (sizes.size() > shape.size())
      shape.insert(shape.begin(), sizes.size() - shape.size(), 1);
    size_t missing = shape.size() - sizes.size();
    for (auto [i, size] : llvm::enumerate(sizes))
      if (size != 1 && (shape[missing + i] == 1 ||
                        ShapedType::isDynamic(shape[missing + i])))
        shape[missing + i] = size;
  }
  return shape;
}

template <typename OpTy>
LinalgElementWriter::Part
LinalgElementWriter::writeBinary(ArrayRef<Part> parts) {
  Value lhs = toTensor(parts[0]), rhs = toTensor(parts[1]);
  if (!lhs || !rhs)
    return {};
  auto result =
      RankedTensorType::get(broadcast({lhs, rhs}), getElementTypeOrSelf(lhs));
  return Part(OpTy::create(builder, location, result, lhs, rhs));
}

template <typename OpTy>
LinalgElementWriter::Part
LinalgElementWriter::writeUnary(ArrayRef<Part> parts) {
  Value input = toTensor(parts[0]);
  if (!input)
    return {};
  return Part(OpTy::create(builder, location, input.getType(), input));
}

/// A product with a constant is a scale, unless it is out of a scale's range.
LinalgElementWriter::Part
LinalgElementWriter::writeProduct(ArrayRef<Part> parts) {
  for (unsigned i : {0, 1}) {
    auto factor = dyn_cast_or_null<FloatAttr>(parts[i].constant);
    Value input = parts[1 - i].tensor;
    if (factor && input && isScoreFactor(factor.getValueAsDouble()))
      return Part(ScaleOp::create(builder, location, input.getType(), input,
                                  APFloat(factor.getValueAsDouble())));
  }
  return writeBinary<MulOp>(parts);
}

/// Exclusive or with true is a negation.
LinalgElementWriter::Part
LinalgElementWriter::writeExclusion(ArrayRef<Part> parts) {
  for (unsigned i : {0, 1}) {
    auto truth = dyn_cast_or_null<BoolAttr>(parts[i].constant);
    if (truth && truth.getValue() && parts[1 - i].tensor)
      return writeUnary<NotOp>({parts[1 - i]});
  }
  return fail("arith.xori");
}

LinalgElementWriter::Part
LinalgElementWriter::writeChoice(ArrayRef<Part> parts) {
  Value condition = toTensor(parts[0]);
  Value lhs = toTensor(parts[1]), rhs = toTensor(parts[2]);
  if (!condition || !lhs || !rhs || !getElementTypeOrSelf(lhs).isF32())
    return fail("arith.select");
  auto result = RankedTensorType::get(broadcast({condition, lhs, rhs}),
                                      getElementTypeOrSelf(lhs));
  return Part(WhereOp::create(builder, location, result, condition, lhs, rhs));
}

//===----------------------------------------------------------------------===//
// Coordinates
//===----------------------------------------------------------------------===//

/// A coordinate plus a constant.
LinalgElementWriter::Part
LinalgElementWriter::moveCoordinate(ArrayRef<Part> parts) {
  for (unsigned i : {0, 1}) {
    auto moved = dyn_cast_or_null<IntegerAttr>(parts[i].constant);
    Part coordinate = parts[1 - i];
    if (!moved || !coordinate.coordinate)
      continue;
    return llvm::AddOverflow(coordinate.offset, moved.getInt(),
                             coordinate.offset)
               ? fail("arith.addi that overflows")
               : coordinate;
  }
  return fail("arith.addi");
}

/// Types of 32 bits and more hold all coordinates that mayWrap lets pass.
LinalgElementWriter::Part
LinalgElementWriter::castCoordinate(arith::IndexCastOp op, const Part &part) {
  Type type = op.getType();
  if (type.isIndex() || type.isInteger(32) || type.isInteger(64))
    return part;
  return fail("arith.index_cast to " + spell(type));
}

bool LinalgElementWriter::mayWrap(const Part &part, bool isUnsigned) const {
  constexpr int64_t most = int64_t(1) << 30;
  return type.getDimSize(*part.coordinate) > most || part.offset > most ||
         part.offset < (isUnsigned ? 0 : -most);
}

/// What is on one side of a diagonal of the last two dimensions.
LinalgElementWriter::Part LinalgElementWriter::writeTriangle(bool isUpper,
                                                             int64_t diagonal) {
  ArrayRef<int64_t> sizes = type.getShape().take_back(2);
  if (llvm::any_of(sizes, ShapedType::isDynamic))
    return fail("arith.cmpi of coordinates of a dynamic size");
  auto matrix = RankedTensorType::get(sizes, builder.getI1Type());
  Value ones =
      FullOp::create(builder, location, matrix, builder.getBoolAttr(true));
  if (isUpper)
    return Part(TriuOp::create(builder, location, matrix, ones, diagonal));
  return Part(TrilOp::create(builder, location, matrix, ones, diagonal));
}

/// a < b is b > a.
static arith::CmpIPredicate swapSides(arith::CmpIPredicate predicate) {
  using P = arith::CmpIPredicate;
  switch (predicate) {
  case P::eq:
  case P::ne:
    return predicate;
  case P::sge:
    return P::sle;
  case P::sgt:
    return P::slt;
  case P::sle:
    return P::sge;
  case P::slt:
    return P::sgt;
  case P::uge:
    return P::ule;
  case P::ugt:
    return P::ult;
  case P::ule:
    return P::uge;
  case P::ult:
    return P::ugt;
  }
  llvm_unreachable("all predicates are handled");
}

/// Row i and column j: `i + a >= j + b` is `j - i <= a - b`, and so on.
LinalgElementWriter::Part
LinalgElementWriter::writeComparison(arith::CmpIOp op, ArrayRef<Part> parts) {
  int64_t row = type.getRank() - 2, column = row + 1;
  Part lhs = parts[0], rhs = parts[1];
  if (!lhs.coordinate || !rhs.coordinate)
    return fail("arith.cmpi");
  arith::CmpIPredicate predicate = op.getPredicate();
  if (lhs.coordinate == row) {
    std::swap(lhs, rhs);
    predicate = swapSides(predicate);
  }
  if (lhs.coordinate != column || rhs.coordinate != row)
    return fail("arith.cmpi");
  bool isUnsigned = predicate >= arith::CmpIPredicate::ult;
  if (mayWrap(lhs, isUnsigned) || mayWrap(rhs, isUnsigned))
    return fail("arith.cmpi of coordinates that may wrap");
  int64_t distance = rhs.offset - lhs.offset;
  using P = arith::CmpIPredicate;
  switch (predicate) {
  case P::sge:
  case P::uge:
    return writeTriangle(/*isUpper=*/true, distance);
  case P::sgt:
  case P::ugt:
    return writeTriangle(/*isUpper=*/true, distance + 1);
  case P::sle:
  case P::ule:
    return writeTriangle(/*isUpper=*/false, distance);
  case P::slt:
  case P::ult:
    return writeTriangle(/*isUpper=*/false, distance - 1);
  case P::eq:
  case P::ne:
    return fail("arith.cmpi");
  }
  llvm_unreachable("all predicates are handled");
}

//===----------------------------------------------------------------------===//
// All together
//===----------------------------------------------------------------------===//

static bool isZero(TypedAttr constant) {
  auto number = dyn_cast_or_null<FloatAttr>(constant);
  return number && number.getValue().isPosZero();
}

/// max(x, 0); NaNs stay, as maxnumf would not have it.
LinalgElementWriter::Part
LinalgElementWriter::writeMaximum(ArrayRef<Part> parts) {
  for (unsigned i : {0, 1})
    if (isZero(parts[i].constant))
      return writeUnary<ReluOp>({parts[1 - i]});
  return fail("arith.maximumf");
}

/// Whether the graph level computes `op` in its type: sums and products of f16
/// would not be rounded one by one.
static bool hasGraphType(Operation *op) {
  Type type = op->getResult(0).getType();
  return isa<arith::AddIOp, arith::IndexCastOp>(op) || type.isF32() ||
         type.isInteger(1);
}

LinalgElementWriter::Part LinalgElementWriter::writeStep(Operation *op,
                                                         ArrayRef<Part> parts) {
  if (!hasGraphType(op))
    return fail(op->getName().getStringRef() + " of " +
                spell(op->getResult(0).getType()));
  return TypeSwitch<Operation *, Part>(op)
      .Case([&](arith::AddFOp) { return writeBinary<AddOp>(parts); })
      .Case([&](arith::SubFOp) { return writeBinary<SubOp>(parts); })
      .Case([&](arith::MulFOp) { return writeProduct(parts); })
      .Case([&](arith::DivFOp) { return writeBinary<DivOp>(parts); })
      .Case([&](arith::NegFOp) {
        Part minusOne;
        minusOne.constant = builder.getF32FloatAttr(-1);
        return writeProduct({parts[0], minusOne});
      })
      .Case([&](arith::MaximumFOp) { return writeMaximum(parts); })
      .Case([&](math::TanhOp) { return writeUnary<TanhOp>(parts); })
      .Case([&](arith::SelectOp) { return writeChoice(parts); })
      .Case([&](arith::AndIOp) { return writeBinary<AndOp>(parts); })
      .Case([&](arith::OrIOp) { return writeBinary<OrOp>(parts); })
      .Case([&](arith::XOrIOp) { return writeExclusion(parts); })
      .Case([&](arith::AddIOp) { return moveCoordinate(parts); })
      .Case([&](arith::IndexCastOp op) { return castCoordinate(op, parts[0]); })
      .Case([&](arith::CmpIOp cmp) { return writeComparison(cmp, parts); })
      .Default([&](Operation *) { return fail(op->getName().getStringRef()); });
}

LinalgElementWriter::Part
LinalgElementWriter::writePart(const LinalgElement &element) {
  if (element.constant || element.coordinate) {
    Part part;
    part.constant = element.constant;
    part.coordinate = element.coordinate;
    return part;
  }
  if (element.tensor) {
    Value tensor = align(element, /*isWhole=*/false);
    return tensor ? Part(tensor) : fail("an access by index");
  }
  SmallVector<Part> parts;
  for (const LinalgElement &operand : element.operands) {
    parts.push_back(writePart(operand));
    if (!parts.back())
      return {};
  }
  Part result = writeStep(element.op, parts);
  if (!result && obstacle.empty())
    obstacle = element.op->getName().getStringRef().str();
  return result;
}

Value LinalgElementWriter::write(const LinalgElement &element) {
  if (auto number = dyn_cast_or_null<FloatAttr>(element.constant);
      number && type.hasStaticShape() && type.getElementType().isF32())
    return FullOp::create(builder, location, type,
                          builder.getF64FloatAttr(number.getValueAsDouble()));
  Value result = element.tensor ? align(element, /*isWhole=*/true)
                                : writePart(element).tensor;
  if (result && result.getType() == type)
    return result;
  if (obstacle.empty())
    obstacle = "a repetition";
  return {};
}

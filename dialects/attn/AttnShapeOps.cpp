//===- AttnShapeOps.cpp - the same elements in another shape --------------===//
//
// Verifiers and folds of the operations that move elements and change none.
//
//===----------------------------------------------------------------------===//

#include "dialects/attn/AttnOps.h"
#include "dialects/attn/AttnSizes.h"
#include "dialects/attn/AttnSizesImpl.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace attn;

/// `shape` with dimension `dim` of another size.
static SmallVector<int64_t> withSize(ArrayRef<int64_t> shape, int64_t dim,
                                     int64_t size) {
  SmallVector<int64_t> result(shape);
  result[dim] = size;
  return result;
}

/// An operation that changes nothing, type included, is its input.
template <typename OpTy>
static OpFoldResult foldIf(OpTy op, bool isIdentity) {
  if (isIdentity && op.getInput().getType() == op.getType())
    return op.getInput();
  return {};
}

//===----------------------------------------------------------------------===//
// transpose
//===----------------------------------------------------------------------===//

LogicalResult TransposeOp::verify() {
  ArrayRef<int64_t> input = shapeOf(getInput());
  // transpose_c1
  SmallVector<int64_t> sorted(getPermutation());
  llvm::sort(sorted);
  if (!llvm::equal(sorted, llvm::seq<int64_t>(input.size())))
    return emitOpError() << "permutation [" << getPermutation()
                         << "] does not name each of " << input.size()
                         << " dimensions once";
  // transpose_c2
  SmallVector<int64_t> expected = llvm::map_to_vector(
      getPermutation(), [&](int64_t dim) { return input[dim]; });
  return checkShape(*this, "result", getResult(), expected);
}

/// transpose (transpose %x {q}) {p} -> transpose %x {q[p]}
OpFoldResult TransposeOp::fold(FoldAdaptor) {
  if (llvm::equal(getPermutation(),
                  llvm::seq<int64_t>(getPermutation().size())))
    return foldIf(*this, true);
  auto inner = getInput().getDefiningOp<TransposeOp>();
  if (!inner)
    return {};
  SmallVector<int64_t> composed =
      llvm::map_to_vector(getPermutation(), [&](int64_t dim) {
        return inner.getPermutation()[dim];
      });
  getInputMutable().assign(inner.getInput());
  setPermutation(composed);
  return getResult();
}

//===----------------------------------------------------------------------===//
// flatten, unflatten, expand
//===----------------------------------------------------------------------===//

/// `shape` with dimensions `dim` and `dim + 1` merged.
static SmallVector<int64_t> flattened(ArrayRef<int64_t> shape, int64_t dim) {
  SmallVector<int64_t> result =
      withSize(shape, dim, multiplySizes(shape[dim], shape[dim + 1]));
  result.erase(result.begin() + dim + 1);
  return result;
}

LogicalResult FlattenOp::verify() {
  int64_t dim = getDim();
  // flatten_c1
  if (failed(checkDim(*this, dim, getInput())) ||
      failed(checkDim(*this, dim + 1, getInput())))
    return failure();
  // flatten_c2
  return checkShape(*this, "result", getResult(),
                    flattened(shapeOf(getInput()), dim));
}

/// flatten (unflatten %x) -> %x
OpFoldResult FlattenOp::fold(FoldAdaptor) {
  auto inner = getInput().getDefiningOp<UnflattenOp>();
  if (inner && inner.getDim() == getDim() &&
      inner.getInput().getType() == getType())
    return inner.getInput();
  return {};
}

LogicalResult UnflattenOp::verify() {
  int64_t dim = getDim();
  // unflatten_c1
  if (failed(checkDim(*this, dim, getInput())))
    return failure();
  ArrayRef<int64_t> result = shapeOf(getResult());
  if (result.size() != shapeOf(getInput()).size() + 1)
    return emitOpError() << "result has rank " << result.size() << ", expected "
                         << shapeOf(getInput()).size() + 1;
  // unflatten_c3
  if (ShapedType::isDynamic(result[dim]) &&
      ShapedType::isDynamic(result[dim + 1]))
    return emitOpError() << "dimensions " << dim << " and " << dim + 1
                         << " of the result are both dynamic, expected one "
                            "static size";
  // unflatten_c2
  return checkShape(*this, "input", getInput(), flattened(result, dim));
}

/// unflatten (flatten %x) -> %x
OpFoldResult UnflattenOp::fold(FoldAdaptor) {
  auto inner = getInput().getDefiningOp<FlattenOp>();
  if (inner && inner.getDim() == getDim() &&
      inner.getInput().getType() == getType())
    return inner.getInput();
  return {};
}

LogicalResult ExpandOp::verify() {
  ArrayRef<int64_t> input = shapeOf(getInput()), result = shapeOf(getResult());
  int64_t dim = getDim(), rank = input.size();
  // expand_c1
  if (dim < 0 || dim > rank)
    return emitOpError() << "dimension " << dim
                         << " cannot be new in a tensor of rank " << rank
                         << ", expected 0 to " << rank;
  // expand_c2
  if (static_cast<int64_t>(result.size()) != rank + 1)
    return emitOpError() << "result has rank " << result.size() << ", expected "
                         << rank + 1;
  if (result[dim] < 1)
    return emitOpError() << "size of the new dimension is "
                         << formatSize(result[dim])
                         << ", expected a static one of at least 1";
  SmallVector<int64_t> expected(input);
  expected.insert(expected.begin() + dim, result[dim]);
  return checkShape(*this, "result", getResult(), expected);
}

OpFoldResult ExpandOp::fold(FoldAdaptor) { return {}; }

//===----------------------------------------------------------------------===//
// slice, concat
//===----------------------------------------------------------------------===//

LogicalResult SliceOp::verify() {
  int64_t dim = getDim(), offset = getOffset();
  // slice_c1
  if (failed(checkDim(*this, dim, getInput())))
    return failure();
  ArrayRef<int64_t> input = shapeOf(getInput()), result = shapeOf(getResult());
  if (result.size() != input.size())
    return emitOpError() << "result has rank " << result.size() << ", expected "
                         << input.size();
  if (failed(checkShape(*this, "result", getResult(),
                        withSize(input, dim, result[dim]))))
    return failure();
  // slice_c2
  if (ShapedType::isDynamic(result[dim]))
    return emitOpError() << "size of dimension " << dim
                         << " of the result is dynamic, expected a static one";
  int64_t end = 0;
  if (llvm::AddOverflow(offset, result[dim], end))
    end = std::numeric_limits<int64_t>::max();
  if (offset < 0 || end - offset != result[dim] ||
      (!ShapedType::isDynamic(input[dim]) && end > input[dim]))
    return emitOpError() << "elements " << offset << " to " << end
                         << " do not lie in dimension " << dim << " of size "
                         << formatSize(input[dim]);
  return success();
}

/// The whole of a dimension is no slice; a slice of a slice is one slice.
OpFoldResult SliceOp::fold(FoldAdaptor) {
  if (OpFoldResult whole = foldIf(*this, getOffset() == 0))
    return whole;
  auto inner = getInput().getDefiningOp<SliceOp>();
  int64_t offset = 0;
  if (!inner || inner.getDim() != getDim() ||
      llvm::AddOverflow<int64_t>(getOffset(), inner.getOffset(), offset))
    return {};
  setOffset(offset);
  getInputMutable().assign(inner.getInput());
  return getResult();
}

LogicalResult ConcatOp::verify() {
  // concat_c1
  if (getInputs().empty())
    return emitOpError() << "has no inputs, expected at least one";
  auto resultType = cast<RankedTensorType>(getResult().getType());
  for (Value input : getInputs()) {
    auto type = cast<RankedTensorType>(input.getType());
    bool areFloats = isa<FloatType>(type.getElementType()) &&
                     isa<FloatType>(resultType.getElementType());
    if (type.getRank() != resultType.getRank() ||
        (type.getElementType() != resultType.getElementType() && !areFloats))
      return emitOpError() << "input is " << type << " and the result "
                           << resultType
                           << ", expected equal ranks and elements";
  }
  // concat_c2
  int64_t dim = getDim(), total = 0;
  if (failed(checkDim(*this, dim, getResult())))
    return failure();
  bool isDynamic = false;
  for (Value input : getInputs()) {
    if (failed(checkShape(
            *this, "input", input,
            withSize(resultType.getShape(), dim, sizeOf(input, dim)))))
      return failure();
    int64_t size = sizeOf(input, dim);
    if (ShapedType::isDynamic(size))
      isDynamic = true;
    else if (llvm::AddOverflow(total, size, total))
      return emitOpError() << "inputs have more than "
                           << std::numeric_limits<int64_t>::max()
                           << " elements along dimension " << dim;
  }
  if (isDynamic || agree(total, resultType.getDimSize(dim)))
    return success();
  return emitOpError() << "inputs have " << total
                       << " elements along dimension " << dim
                       << " and the result " << resultType.getDimSize(dim);
}

OpFoldResult ConcatOp::fold(FoldAdaptor) {
  if (getInputs().size() == 1 && getInputs()[0].getType() == getType())
    return getInputs()[0];
  return {};
}

//===----------------------------------------------------------------------===//
// repeat_interleave, tile
//===----------------------------------------------------------------------===//

/// repeat_interleave_c1, repeat_interleave_c2, tile_c1, tile_c2
template <typename OpTy>
static LogicalResult verifyRepetition(OpTy op) {
  int64_t dim = op.getDim(), times = op.getTimes();
  if (failed(checkDim(op, dim, op.getInput())))
    return failure();
  if (times <= 0)
    return op.emitOpError() << "times is " << times << ", expected at least 1";
  ArrayRef<int64_t> input = shapeOf(op.getInput());
  return checkShape(op, "result", op.getResult(),
                    withSize(input, dim, multiplySizes(input[dim], times)));
}

LogicalResult RepeatInterleaveOp::verify() { return verifyRepetition(*this); }
LogicalResult TileOp::verify() { return verifyRepetition(*this); }

OpFoldResult RepeatInterleaveOp::fold(FoldAdaptor) {
  return foldIf(*this, getTimes() == 1);
}
OpFoldResult TileOp::fold(FoldAdaptor) {
  return foldIf(*this, getTimes() == 1);
}

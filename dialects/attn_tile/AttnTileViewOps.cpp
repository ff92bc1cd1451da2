//===- AttnTileViewOps.cpp - tensors between phases -----------------------===//
//
// Verifiers, labelled with the constraints of the documentation.
//
//===----------------------------------------------------------------------===//

#include "dialects/attn_tile/AttnTileOps.h"
#include "dialects/attn_tile/AttnTileSizesImpl.h"

using namespace mlir;
using namespace attn::tile;

/// Both have the dimensions [from, to) of one another, the second's moved by
/// `shift`.
static LogicalResult checkOthers(Operation *op, Value view, Value result,
                                 int64_t from, int64_t to, int64_t shift) {
  for (int64_t dim = from; dim < to; ++dim)
    if (failed(checkSizes(op, "sizes of view and result", sizeOf(view, dim),
                          sizeOf(result, dim + shift))))
      return failure();
  return success();
}

static LogicalResult checkDimension(Operation *op, Value view,
                                    int64_t dimension, int64_t count) {
  int64_t rank = rankOf(view);
  if (dimension >= 0 && dimension <= rank - count)
    return success();
  return op->emitOpError() << "asks for dimension " << dimension
                           << (count == 1 ? "" : " and the next")
                           << " of a view of " << rank;
}

static LogicalResult checkRank(Operation *op, Value result, int64_t rank) {
  if (rankOf(result) == rank)
    return success();
  return op->emitOpError() << "has a result of " << rankOf(result)
                           << " dimensions, expected " << rank;
}

/// `whole` = `outer` * `inner` where all are static.
static LogicalResult checkProduct(Operation *op, int64_t whole, int64_t outer,
                                  int64_t inner) {
  if (llvm::is_contained({whole, outer, inner}, ShapedType::kDynamic) ||
      whole == outer * inner)
    return success();
  return op->emitOpError() << "has sizes " << outer << " and " << inner
                           << " for one of " << whole;
}

/// One size operand per dynamic dimension of `view`.
static LogicalResult checkDynamicSizes(Operation *op, ValueRange sizes,
                                       Value view) {
  auto shape = cast<ViewType>(view.getType()).getShape();
  auto dynamic = llvm::count_if(shape, ShapedType::isDynamic);
  if (static_cast<int64_t>(sizes.size()) == dynamic)
    return success();
  return op->emitOpError() << "has " << sizes.size() << " sizes for " << dynamic
                           << " dynamic dimensions";
}

LogicalResult BufferOp::verify() {
  // buffer_c1
  return checkDynamicSizes(*this, getSizes(), getView());
}

LogicalResult PermuteOp::verify() {
  // permute_c1
  if (failed(checkElements(*this, getView(), getResult())))
    return failure();
  // permute_c2
  int64_t rank = rankOf(getView());
  SmallVector<int64_t> sorted(getPermutation());
  llvm::sort(sorted);
  if (!llvm::equal(sorted, llvm::seq<int64_t>(0, rank)))
    return emitOpError() << "has a permutation that does not name each of "
                         << rank << " dimensions once";
  if (failed(checkRank(*this, getResult(), rank)))
    return failure();
  for (auto [dim, from] : llvm::enumerate(getPermutation()))
    if (failed(checkSizes(*this, "sizes of view and result",
                          sizeOf(getView(), from), sizeOf(getResult(), dim))))
      return failure();
  return success();
}

LogicalResult SplitDimOp::verify() {
  // split_dim_c1
  if (failed(checkElements(*this, getView(), getResult())))
    return failure();
  // split_dim_c2
  int64_t dim = getDimension(), rank = rankOf(getView());
  if (failed(checkDimension(*this, getView(), dim, 1)) ||
      failed(checkRank(*this, getResult(), rank + 1)) ||
      failed(checkOthers(*this, getView(), getResult(), 0, dim, 0)) ||
      failed(checkOthers(*this, getView(), getResult(), dim + 1, rank, 1)))
    return failure();
  int64_t outer = sizeOf(getResult(), dim),
          inner = sizeOf(getResult(), dim + 1);
  if (ShapedType::isDynamic(outer) && ShapedType::isDynamic(inner))
    return emitOpError("has two dynamic sizes for one, expected a static one");
  return checkProduct(*this, sizeOf(getView(), dim), outer, inner);
}

LogicalResult MergeDimsOp::verify() {
  // merge_dims_c1
  if (failed(checkElements(*this, getView(), getResult())))
    return failure();
  // merge_dims_c2
  int64_t dim = getDimension(), rank = rankOf(getView());
  if (failed(checkDimension(*this, getView(), dim, 2)) ||
      failed(checkRank(*this, getResult(), rank - 1)) ||
      failed(checkOthers(*this, getView(), getResult(), 0, dim, 0)) ||
      failed(checkOthers(*this, getView(), getResult(), dim + 2, rank, -1)))
    return failure();
  return checkProduct(*this, sizeOf(getResult(), dim), sizeOf(getView(), dim),
                      sizeOf(getView(), dim + 1));
}

LogicalResult SliceOp::verify() {
  // slice_c1
  if (failed(checkElements(*this, getView(), getResult())))
    return failure();
  // slice_c2
  int64_t dim = getDimension(), rank = rankOf(getView());
  if (failed(checkDimension(*this, getView(), dim, 1)) ||
      failed(checkRank(*this, getResult(), rank)) ||
      failed(checkOthers(*this, getView(), getResult(), 0, dim, 0)) ||
      failed(checkOthers(*this, getView(), getResult(), dim + 1, rank, 0)))
    return failure();
  int64_t size = sizeOf(getResult(), dim), whole = sizeOf(getView(), dim);
  int64_t offset = getOffset();
  if (ShapedType::isDynamic(size))
    return emitOpError() << "takes a dynamic number of elements of dimension "
                         << dim;
  if (offset >= 0 && (ShapedType::isDynamic(whole) || offset <= whole - size))
    return success();
  return emitOpError() << "takes " << size << " elements from " << offset
                       << " on of " << whole;
}

LogicalResult BroadcastOp::verify() {
  // broadcast_c1
  if (failed(checkElements(*this, getView(), getResult())))
    return failure();
  // broadcast_c2
  int64_t added = rankOf(getResult()) - rankOf(getView());
  if (added < 0)
    return emitOpError() << "has a result of " << rankOf(getResult())
                         << " dimensions for a view of " << rankOf(getView());
  for (int64_t dim = 0; dim < rankOf(getView()); ++dim)
    if (sizeOf(getView(), dim) != 1 &&
        failed(checkSizes(*this, "sizes of view and result",
                          sizeOf(getView(), dim),
                          sizeOf(getResult(), dim + added))))
      return failure();
  // broadcast_c3
  return checkDynamicSizes(*this, getSizes(), getResult());
}

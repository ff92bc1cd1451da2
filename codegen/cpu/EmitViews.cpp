//===- EmitViews.cpp - where the elements of a view are -------------------===//
//
// Addresses, sizes and strides of callers' tensors, of buffers in the
// workspace, and of views of them.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/Microkernels.h"
#include "codegen/cpu/RowTiles.h"
#include "codegen/cpu/TaskEmitter.h"

#include "dialects/attn_tile/TokenPhases.h"
#include "dialects/attn_tile/ViewLayout.h"
#include "runtime/attn_rt.h"
#include "llvm/ADT/TypeSwitch.h"

#include <cstddef>

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

static ArrayRef<int64_t> shapeOf(Value view) {
  return cast<tile::ViewType>(view.getType()).getShape();
}

/// A field of the caller's tensor.
Value TaskEmitter::viewField(BlockArgument view, int64_t byteOffset) {
  int64_t number = view.getArgNumber();
  Value views = k.loadPtr(frame, offsetof(attn_rt_frame, views));
  return k.atByte(views, k.i64(number * sizeof(attn_rt_view) + byteOffset));
}

/// The size of a dynamic dimension of a buffer or a repeated view.
static Value sizeOperand(ValueRange sizes, Value view, int64_t dim) {
  return sizes[llvm::count_if(shapeOf(view).take_front(dim),
                              ShapedType::isDynamic)];
}

Value TaskEmitter::extentOf(Value view, int64_t dim) {
  int64_t size = shapeOf(view)[dim];
  if (!ShapedType::isDynamic(size))
    return k.i64(size);
  if (auto argument = dyn_cast<BlockArgument>(view))
    return k.loadI64(
        viewField(argument, offsetof(attn_rt_view, extent) + 8 * dim), 0);
  return llvm::TypeSwitch<Operation *, Value>(view.getDefiningOp())
      .Case<tile::BufferOp, tile::BroadcastOp>([&](auto op) {
        return scalar(sizeOperand(op.getSizes(), view, dim));
      })
      .Case([&](tile::PermuteOp op) {
        return extentOf(op.getView(), op.getPermutation()[dim]);
      })
      .Case([&](tile::SplitDimOp op) {
        int64_t at = op.getDimension();
        if (dim < at || dim > at + 1)
          return extentOf(op.getView(), dim - (dim > at));
        return k.div(extentOf(op.getView(), at),
                     shapeOf(view)[2 * at + 1 - dim]);
      })
      .Case([&](tile::MergeDimsOp op) {
        int64_t at = op.getDimension();
        if (dim != at)
          return extentOf(op.getView(), dim + (dim > at));
        return k.mul(extentOf(op.getView(), at),
                     extentOf(op.getView(), at + 1));
      })
      .Case([&](tile::SliceOp op) { return extentOf(op.getView(), dim); });
}

Value TaskEmitter::strideOf(Value view, int64_t dim) {
  if (auto argument = dyn_cast<BlockArgument>(view))
    return k.loadI64(
        viewField(argument, offsetof(attn_rt_view, stride) + 8 * dim), 0);
  if (std::optional<int64_t> number =
          tile::asNumber(tile::strideExtent(view, dim)))
    return k.i64(*number);
  return llvm::TypeSwitch<Operation *, Value>(view.getDefiningOp())
      .Case([&](tile::BufferOp) {
        Value stride = k.i64(1);
        for (size_t inner = dim + 1; inner < shapeOf(view).size(); ++inner)
          stride = k.mul(stride, extentOf(view, inner));
        return stride;
      })
      .Case([&](tile::PermuteOp op) {
        return strideOf(op.getView(), op.getPermutation()[dim]);
      })
      .Case([&](tile::SplitDimOp op) {
        int64_t at = op.getDimension();
        if (dim < at || dim > at + 1)
          return strideOf(op.getView(), dim - (dim > at));
        Value inner = strideOf(op.getView(), at);
        return dim == at ? k.mul(inner, extentOf(view, at + 1)) : inner;
      })
      .Case([&](tile::MergeDimsOp op) {
        int64_t at = op.getDimension();
        // A single element behind has any stride.
        bool isOuter =
            dim < at || (dim == at && shapeOf(op.getView())[at + 1] == 1);
        return strideOf(op.getView(), isOuter ? dim : dim + 1);
      })
      .Case([&](tile::SliceOp op) { return strideOf(op.getView(), dim); })
      .Case([&](tile::BroadcastOp op) {
        int64_t added = shapeOf(view).size() - shapeOf(op.getView()).size();
        return strideOf(op.getView(), dim - added);
      });
}

/// `base` moved by elements of the view's type.
Value TaskEmitter::moveBy(Value view, Value base, Value elements) {
  return elementAt(k, storedType(view), base, elements);
}

Value TaskEmitter::dataOf(Value view) {
  if (auto argument = dyn_cast<BlockArgument>(view))
    return k.loadPtr(viewField(argument, offsetof(attn_rt_view, data)), 0);
  Operation *op = view.getDefiningOp();
  if (isa<tile::BufferOp>(op))
    return bufferOf(view);
  Value base = dataOf(op->getOperand(0));
  auto slice = dyn_cast<tile::SliceOp>(op);
  if (!slice)
    return base;
  Value stride = strideOf(slice.getView(), slice.getDimension());
  return moveBy(view, base, k.mul(stride, slice.getOffset()));
}

/// Where the frame's tokens begin in a buffer.
Value TaskEmitter::bufferOf(Value view) {
  Value places = k.loadPtr(frame, offsetof(attn_rt_frame, buffers));
  Value base = k.loadPtr(k.atByte(places, k.i64(8 * buffers.placeOf(view))), 0);
  if (!tile::isOfTokens(view))
    return base;
  Value token = k.loadI64(frame, offsetof(attn_rt_frame, first_token));
  return moveBy(view, base, k.mul(token, strideOf(view, 1)));
}

Value TaskEmitter::isAbsent(Value view) { return isNull(dataOf(view)); }

Value TaskEmitter::isNull(Value address) {
  Value number =
      LLVM::PtrToIntOp::create(k.builder(), k.loc(), k.i64Type, address);
  return k.equal(number, k.i64(0));
}

Value TaskEmitter::elementOf(Value view, ValueRange indices) {
  Value offset = k.i64(0);
  for (auto [dim, index] : llvm::enumerate(indices))
    offset = k.add(offset, k.mul(index, strideOf(view, dim)));
  return moveBy(view, dataOf(view), offset);
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

/// Dimensions before the last whose elements follow each other count as one.
RowAddress TaskEmitter::addressOf(Value view) {
  RowAddress address;
  address.view = view;
  address.data = dataOf(view);
  int64_t last = static_cast<int64_t>(shapeOf(view).size()) - 1;
  address.columnStride = strideOf(view, last);
  for (int64_t dim = last - 1; dim >= 0; --dim) {
    bool isOne = shapeOf(view)[dim] == 1;
    if (isOne)
      continue;
    bool follows = !address.extents.empty() && dim + 1 < last &&
                   shapeOf(view)[dim + 1] != 1 &&
                   tile::areNeighbours(view, dim);
    if (follows) {
      address.extents.back() =
          k.mul(address.extents.back(), extentOf(view, dim));
      continue;
    }
    address.extents.push_back(extentOf(view, dim));
    address.strides.push_back(strideOf(view, dim));
  }
  address.cache = tile::cacheOf(view);
  return address;
}

/// The index of row `row` along each of the address's dimensions.
SmallVector<Value> TaskEmitter::indicesOf(const RowAddress &address,
                                          Value row) {
  SmallVector<Value> indices;
  for (auto [dim, extent] : llvm::enumerate(address.extents)) {
    // Of the outermost dimension nothing is left over.
    bool isLast = dim + 1 == address.extents.size();
    indices.push_back(isLast ? row : k.rem(row, extent));
    if (!isLast)
      row = k.div(row, extent);
  }
  return indices;
}

/// The address of column `column` at `indices`, of which those that are left
/// out are 0.
Value TaskEmitter::columnAt(const RowAddress &address, ArrayRef<Value> indices,
                            Value column) {
  Value offset = k.mul(column, address.columnStride);
  for (auto [index, stride] : llvm::zip(indices, address.strides))
    offset = k.add(offset, k.mul(index, stride));
  return moveBy(address.view, address.data, offset);
}

/// The address of column `column` of row `row`.
Value TaskEmitter::rowAt(const RowAddress &address, Value row, Value column) {
  SmallVector<Value> indices = indicesOf(address, row);
  if (!address.cache)
    return columnAt(address, indices, column);
  Value batch = indices.pop_back_val(), place = indices.pop_back_val();
  Value offset =
      k.call(emitCacheRow(k), {viewField(address.cache, 0), batch, place});
  return moveBy(address.view, columnAt(address, indices, column), offset);
}

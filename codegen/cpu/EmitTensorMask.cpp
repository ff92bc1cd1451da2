//===- EmitTensorMask.cpp - scores under a mask that is a tensor ----------===//
//
// A row of scores meets the row of the mask that belongs to its query and head,
// up to the last valid key: what is behind is not read.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/TaskEmitter.h"

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

/// Rows [first, first + rows) of the task and columns [begin, end) of the block
/// of keys; `scores` begins at the first row.
void TaskEmitter::emitTensorMask(const RowSteps &steps, Value first, Value rows,
                                 Value begin, Value end) {
  tile::TensorMaskOp mask = steps.tensorMask;
  if (!mask)
    return;
  // Row blocks keep the scores of the columns from `begin` on, the streamed
  // form those of all columns.
  Value shift = isStreamed() ? begin : k.i64(0);
  Value width = k.sub(end, begin);
  Value key = k.add(scalar(mask.getKey()), begin);
  Value left = k.maximum(k.i64(0), k.sub(scalar(mask.getLength()), key));
  Value count = k.minimum(width, left);
  Value vectors = k.div(width, shape.kernel.lanes);
  Value head = k.mul(scalar(mask.getKvHead()), mask.getGroup());
  Type element = mask.getMask().getType().getElementType();
  auto function = emitTensorMaskRow(k, element);
  k.loop(k.i64(0), rows, 1, [&](Value row) {
    Value number = k.add(first, row);
    Value query =
        k.add(scalar(mask.getFirst()), k.div(number, mask.getGroup()));
    Value member = k.rem(number, k.i64(mask.getGroup()));
    Value place = elementOf(mask.getMask(), {scalar(mask.getBatch()),
                                             k.add(head, member), query, key});
    Value score =
        k.at(scores, k.add(k.mul(row, shape.kernel.scoreStride()), shift));
    k.call(function, {score, k.at(maxima, k.mul(row, shape.kernel.lanes)),
                      place, count, vectors});
  });
}

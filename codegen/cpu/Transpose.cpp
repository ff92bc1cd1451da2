//===- Transpose.cpp - square blocks in registers -------------------------===//
//
// 4 x 4 elements within 128-bit blocks, then the blocks: shuffles that every
// ISA of the table has as one instruction.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/Transpose.h"
#include "codegen/cpu/StoredElements.h"

using namespace mlir;
using namespace attn::cpu;

/// Elements of a 128-bit block of `vector`.
static int64_t blockOf(Value vector) {
  return 128 / cast<VectorType>(vector.getType()).getElementTypeBitWidth();
}

static int64_t lanesOf(Value vector) {
  return cast<VectorType>(vector.getType()).getNumElements();
}

/// Joins halves of two vectors in pieces of `width` lanes: within each 128-bit
/// block the low (or high) pieces of `a` and `b`, alternating.
static Value unpack(KernelBuilder &k, Value a, Value b, int64_t width,
                    bool high) {
  int64_t size = blockOf(a), lanes = lanesOf(a);
  SmallVector<int64_t> picks;
  for (int64_t block = 0; block < lanes; block += size)
    for (int64_t piece = 0; piece < size; piece += width) {
      int64_t from = block + (high ? size / 2 : 0) + piece / 2 / width * width;
      bool second = piece / width % 2;
      for (int64_t i = 0; i < width; ++i)
        picks.push_back(from + i + (second ? lanes : 0));
    }
  return k.shuffle(a, b, picks);
}

/// Every second 128-bit block of `a` followed by those of `b`.
static Value everySecondBlock(KernelBuilder &k, Value a, Value b, bool odd) {
  int64_t size = blockOf(a), blocks = 2 * lanesOf(a) / size;
  SmallVector<int64_t> picks;
  for (int64_t block = odd; block < blocks; block += 2)
    for (int64_t i = 0; i < size; ++i)
      picks.push_back(size * block + i);
  return k.shuffle(a, b, picks);
}

/// Transposes whole 128-bit blocks: out[j] holds block j of every row.
static SmallVector<Value> transposeBlocks(KernelBuilder &k,
                                          ArrayRef<Value> rows) {
  if (rows.size() == 1)
    return {rows[0]};
  SmallVector<Value> even, odd;
  for (size_t i = 0; i < rows.size(); i += 2) {
    even.push_back(everySecondBlock(k, rows[i], rows[i + 1], false));
    odd.push_back(everySecondBlock(k, rows[i], rows[i + 1], true));
  }
  SmallVector<Value> evens = transposeBlocks(k, even);
  SmallVector<Value> odds = transposeBlocks(k, odd);
  SmallVector<Value> result;
  for (auto [x, y] : llvm::zip_equal(evens, odds))
    result.append({x, y});
  return result;
}

/// Transposes squares within each 128-bit block of as many rows as it has
/// elements: out[c] holds element c of every row's block. Pieces of `width`
/// lanes are together already.
static SmallVector<Value> transposeWithinBlocks(KernelBuilder &k,
                                                ArrayRef<Value> rows,
                                                int64_t width = 1) {
  if (rows.size() == 1)
    return {rows[0]};
  SmallVector<Value> low, high;
  for (size_t i = 0; i < rows.size(); i += 2) {
    low.push_back(unpack(k, rows[i], rows[i + 1], width, false));
    high.push_back(unpack(k, rows[i], rows[i + 1], width, true));
  }
  SmallVector<Value> result = transposeWithinBlocks(k, low, 2 * width);
  result.append(transposeWithinBlocks(k, high, 2 * width));
  return result;
}

SmallVector<Value> attn::cpu::emitTranspose(KernelBuilder &k,
                                            ArrayRef<Value> rows) {
  int64_t lanes = rows.size(), size = blockOf(rows.front());
  SmallVector<SmallVector<Value>> squares(size);
  for (int64_t i = 0; i < lanes; i += size)
    for (auto [c, column] :
         llvm::enumerate(transposeWithinBlocks(k, rows.slice(i, size))))
      squares[c].push_back(column);
  SmallVector<Value> result(lanes);
  for (int64_t c = 0; c < size; ++c)
    for (auto [block, row] : llvm::enumerate(transposeBlocks(k, squares[c])))
      result[size * block + c] = row;
  return result;
}

/// Block b of the result: the first block of row `blockLanes` * b.
static Value loadBlocks(KernelBuilder &k, Value rows, int64_t stride,
                        Type stored) {
  SmallVector<Value> parts;
  for (int64_t row = 0; row < k.getTarget().lanes; row += blockLanes)
    parts.push_back(loadStored(
        k, stored, elementAt(k, stored, rows, row * stride), blockLanes));
  for (; parts.size() > 1; parts.resize(parts.size() / 2))
    for (size_t i = 0; i < parts.size() / 2; ++i)
      parts[i] = k.concat(parts[2 * i], parts[2 * i + 1]);
  return widen(k, stored, parts.front());
}

SmallVector<Value> attn::cpu::emitLoadColumns(KernelBuilder &k, Value rows,
                                              int64_t stride, Type stored) {
  SmallVector<Value> blocks;
  for (int64_t row = 0; row < blockLanes; ++row)
    blocks.push_back(loadBlocks(k, elementAt(k, stored, rows, row * stride),
                                stride, stored));
  return transposeWithinBlocks(k, blocks);
}

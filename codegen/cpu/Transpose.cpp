//===- Transpose.cpp - square blocks in registers -------------------------===//
//
// 4 x 4 elements within 128-bit blocks, then the blocks: shuffles that every
// ISA of the table has as one instruction.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/Transpose.h"

using namespace mlir;
using namespace attn::cpu;

/// Joins halves of two vectors in pieces of `width` lanes: within each 128-bit
/// block the low (or high) pieces of `a` and `b`, alternating.
static Value unpack(KernelBuilder &k, Value a, Value b, int64_t width,
                    bool high) {
  int64_t lanes = k.getTarget().lanes;
  SmallVector<int64_t> picks;
  for (int64_t block = 0; block < lanes; block += 4)
    for (int64_t piece = 0; piece < 4; piece += width) {
      int64_t from = block + (high ? 2 : 0) + piece / 2 / width * width;
      bool second = piece / width % 2;
      for (int64_t i = 0; i < width; ++i)
        picks.push_back(from + i + (second ? lanes : 0));
    }
  return k.shuffle(a, b, picks);
}

/// Every second 128-bit block of `a` followed by those of `b`.
static Value everySecondBlock(KernelBuilder &k, Value a, Value b, bool odd) {
  int64_t lanes = k.getTarget().lanes;
  SmallVector<int64_t> picks;
  for (int64_t block = odd; block < 2 * lanes / 4; block += 2)
    for (int64_t i = 0; i < 4; ++i)
      picks.push_back(4 * block + i);
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

/// Transposes 4 x 4 elements within each 128-bit block: out[c] holds element c
/// of every row's block.
static SmallVector<Value> transposeWithinBlocks(KernelBuilder &k,
                                                ArrayRef<Value> rows) {
  Value low01 = unpack(k, rows[0], rows[1], 1, false);
  Value high01 = unpack(k, rows[0], rows[1], 1, true);
  Value low23 = unpack(k, rows[2], rows[3], 1, false);
  Value high23 = unpack(k, rows[2], rows[3], 1, true);
  return {unpack(k, low01, low23, 2, false), unpack(k, low01, low23, 2, true),
          unpack(k, high01, high23, 2, false),
          unpack(k, high01, high23, 2, true)};
}

SmallVector<Value> attn::cpu::emitTranspose(KernelBuilder &k,
                                            ArrayRef<Value> rows) {
  int64_t lanes = rows.size();
  SmallVector<SmallVector<Value>> quads(blockLanes);
  for (int64_t i = 0; i < lanes; i += blockLanes)
    for (auto [c, column] :
         llvm::enumerate(transposeWithinBlocks(k, rows.slice(i, blockLanes))))
      quads[c].push_back(column);
  SmallVector<Value> result(lanes);
  for (int64_t c = 0; c < blockLanes; ++c)
    for (auto [block, row] : llvm::enumerate(transposeBlocks(k, quads[c])))
      result[blockLanes * block + c] = row;
  return result;
}

/// Block b of the result: the first block of row `blockLanes` * b.
static Value loadBlocks(KernelBuilder &k, Value rows, int64_t stride) {
  SmallVector<Value> parts;
  for (int64_t row = 0; row < k.getTarget().lanes; row += blockLanes)
    parts.push_back(k.loadBlock(k.at(rows, row * stride), blockLanes));
  for (; parts.size() > 1; parts.resize(parts.size() / 2))
    for (size_t i = 0; i < parts.size() / 2; ++i)
      parts[i] = k.concat(parts[2 * i], parts[2 * i + 1]);
  return parts.front();
}

SmallVector<Value> attn::cpu::emitLoadColumns(KernelBuilder &k, Value rows,
                                              int64_t stride) {
  SmallVector<Value> blocks;
  for (int64_t row = 0; row < blockLanes; ++row)
    blocks.push_back(loadBlocks(k, k.at(rows, row * stride), stride));
  return transposeWithinBlocks(k, blocks);
}

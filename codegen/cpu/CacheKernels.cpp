//===- CacheKernels.cpp - the rows of a cache -----------------------------===//
//
// Where a sequence's rows are in memory, as attn_rt_view says: in one piece, on
// pages, around a ring, or in the slots of appended rows.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/Microkernels.h"

#include "runtime/attn_rt.h"

#include <cstddef>
#include <limits>

using namespace mlir;
using namespace attn::cpu;

namespace {
/// An attn_rt_view of a cache.
struct CacheView {
  KernelBuilder &k;
  Value view;

  Value field(size_t offset) const {
    return k.loadI64(view, static_cast<int64_t>(offset));
  }
  Value stride(int64_t dimension) const {
    return field(offsetof(attn_rt_view, stride) + 8 * dimension);
  }
  Value pageRows() const { return field(offsetof(attn_rt_view, page_rows)); }
  Value isNull(size_t offset) const { return k.equal(field(offset), k.i64(0)); }

  Value page(Value batch, Value number) const;
  Value row(Value batch, Value row) const;
};
} // namespace

/// The number of the page that holds page `number` of a sequence.
Value CacheView::page(Value batch, Value number) const {
  auto start = [&] {
    return k.choose(
        isNull(offsetof(attn_rt_view, starts)),
        [&] { return k.mul(batch, field(offsetof(attn_rt_view, pitch))); },
        [&] {
          Value starts = k.loadPtr(view, offsetof(attn_rt_view, starts));
          return k.widen(k.loadI32(k.at(starts, batch)));
        });
  };
  return k.choose(
      isNull(offsetof(attn_rt_view, pages)), [&] { return k.i64(0); },
      [&] {
        Value pages = k.loadPtr(view, offsetof(attn_rt_view, pages));
        return k.widen(k.loadI32(k.at(pages, k.add(start(), number))));
      });
}

/// Elements from the first of the cache to row `row` of a sequence.
Value CacheView::row(Value batch, Value row) const {
  Value rows = pageRows(), number = page(batch, k.div(row, rows));
  Value pages = k.mul(number, field(offsetof(attn_rt_view, page_stride)));
  Value inPage = k.mul(k.rem(row, rows), stride(1));
  return k.add(k.add(k.mul(batch, stride(0)), pages), inPage);
}

func::FuncOp attn::cpu::emitCacheRow(KernelBuilder &k) {
  if (func::FuncOp known = k.lookup("cache_row"))
    return known;
  func::FuncOp function =
      k.begin("cache_row", {k.ptrType, k.i64Type, k.i64Type}, {k.i64Type},
              /*local=*/true);
  CacheView cache = {k, k.argument(0)};
  k.end({cache.row(k.argument(1), k.argument(2))});
  return function;
}

func::FuncOp attn::cpu::emitCacheRun(KernelBuilder &k) {
  if (func::FuncOp known = k.lookup("cache_run"))
    return known;
  func::FuncOp function =
      k.begin("cache_run", {k.ptrType, k.i64Type}, {k.i64Type}, /*local=*/true);
  CacheView cache = {k, k.argument(0)};
  Value rows = cache.pageRows();
  k.end({k.sub(rows, k.rem(k.argument(1), rows))});
  return function;
}

func::FuncOp attn::cpu::emitCopyRows(KernelBuilder &k, int64_t bytes) {
  std::string name = ("copy_rows_" + Twine(bytes)).str();
  if (func::FuncOp known = k.lookup(name))
    return known;
  func::FuncOp function =
      k.begin(name, {k.ptrType, k.i64Type, k.ptrType, k.i64Type, k.ptrType}, {},
              /*local=*/true);
  k.loop(k.i64(0), k.argument(3), 1, [&](Value row) {
    Value next = k.atByte(k.argument(4), k.mul(row, k.argument(1)));
    for (int64_t line = 0; line < bytes; line += ATTN_RT_CACHE_LINE)
      k.prefetch(k.atByte(next, k.i64(line)));
    LLVM::MemcpyInlineOp::create(
        k.builder(), k.loc(), k.atByte(k.argument(2), k.mul(row, bytes)),
        k.atByte(k.argument(0), k.mul(row, k.argument(1))),
        k.builder().getI64IntegerAttr(bytes), /*isVolatile=*/false);
  });
  k.end();
  return function;
}

func::FuncOp attn::cpu::emitCacheSlot(KernelBuilder &k) {
  if (func::FuncOp known = k.lookup("cache_slot"))
    return known;
  func::FuncOp function = k.begin(
      "cache_slot", {k.ptrType, k.i64Type, k.i64Type, k.i64Type}, {k.i64Type},
      /*local=*/true);
  CacheView cache = {k, k.argument(0)};
  Value batch = k.argument(1), row = k.argument(2), index = k.argument(3);
  auto inSlot = [&] {
    Value slots = k.loadPtr(cache.view, offsetof(attn_rt_view, slots));
    Value place =
        k.add(k.mul(batch, cache.field(offsetof(attn_rt_view, slot_pitch))),
              k.mul(index, cache.field(offsetof(attn_rt_view, slot_step))));
    Value slot = k.loadI64(k.atByte(slots, k.mul(place, 8)), 0);
    Value rows = cache.field(offsetof(attn_rt_view, slot_rows));
    Value stride = cache.field(offsetof(attn_rt_view, slot_stride));
    Value offset = k.add(k.mul(k.div(slot, rows), stride),
                         k.mul(k.rem(slot, rows), cache.stride(1)));
    offset = k.add(offset, cache.field(offsetof(attn_rt_view, slot_origin)));
    return k.select(k.less(slot, k.i64(0)), k.i64(kNoCacheSlot), offset);
  };
  k.end({k.choose(
      cache.isNull(offsetof(attn_rt_view, slots)),
      [&] { return cache.row(batch, row); }, inSlot)});
  return function;
}

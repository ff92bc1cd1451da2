//===- DocumentKernel.cpp - the documents that queries stand in -----------===//
//
// Queries ascend in position, so each begins its search where the last one's
// document ended. Numbers are compared a vector at a time: a decoding query
// looks at a whole document.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/Microkernels.h"

using namespace mlir;
using namespace attn::cpu;

namespace {
/// Walks along the numbers of one sequence while they are `id`.
struct DocumentWalk {
  KernelBuilder &k;
  Value ids, id;

  /// The first key of the run that reaches down from `from`.
  Value down(Value from) const {
    Value whole = k.advance(from, -lanes(), [&](Value key) {
      return within(k.less(k.i64(lanes() - 1), key),
                    [&] { return areSame(k.sub(key, k.i64(lanes()))); });
    });
    return k.advance(whole, -1, [&](Value key) {
      return within(k.less(k.i64(0), key),
                    [&] { return isSame(k.sub(key, k.i64(1))); });
    });
  }

  /// The key behind the run that reaches up from `from`, below `length`.
  Value up(Value from, Value length) const {
    Value last = k.sub(length, k.i64(lanes()));
    Value whole = k.advance(from, lanes(), [&](Value key) {
      return within(k.less(key, k.add(last, 1)), [&] { return areSame(key); });
    });
    return k.advance(whole, 1, [&](Value key) {
      return within(k.less(key, length), [&] { return isSame(key); });
    });
  }

private:
  int64_t lanes() const { return k.getTarget().lanes; }

  /// Numbers beyond the keys are not read.
  Value within(Value inside, function_ref<Value()> condition) const {
    return k.choose(inside, condition, [&] { return k.i1(false); });
  }
  Value isSame(Value key) const {
    return k.equal(k.loadI32(k.at(ids, key)), id);
  }
  Value areSame(Value key) const {
    Value numbers = LLVM::LoadOp::create(k.builder(), k.loc(), k.intVecType,
                                         k.at(ids, key), /*alignment=*/4);
    return k.all(k.equal(numbers, k.broadcast(id)));
  }
};
} // namespace

func::FuncOp attn::cpu::emitDocumentRuns(KernelBuilder &k) {
  if (func::FuncOp known = k.lookup("document_runs"))
    return known;
  func::FuncOp function = k.begin("document_runs",
                                  {k.ptrType, k.i64Type, k.i64Type, k.i64Type,
                                   k.i64Type, k.ptrType, k.ptrType},
                                  {},
                                  /*local=*/true);
  Value ids = k.argument(0), position = k.argument(1), count = k.argument(2);
  Value length = k.argument(3), origin = k.argument(4);
  auto step = [&](Value query, ValueRange run) {
    Value key = k.add(position, query);
    auto search = [&]() -> SmallVector<Value> {
      DocumentWalk walk = {k, ids, k.loadI32(k.at(ids, key))};
      return {walk.down(key), walk.up(key, length)};
    };
    auto behind = [&]() -> SmallVector<Value> { return {length, length}; };
    auto keep = [&]() -> SmallVector<Value> { return llvm::to_vector(run); };
    // Before key 0 the first run is still empty.
    Value isNew = k.both(k.less(k.i64(-1), key), k.less(run[1], k.add(key, 1)));
    SmallVector<Value> next = k.choose(
        isNew, run.getTypes(),
        [&] {
          return k.choose(k.less(key, length), run.getTypes(), search, behind);
        },
        keep);
    k.store(k.narrow(k.sub(next[0], origin)), k.at(k.argument(5), query));
    k.store(k.narrow(k.sub(next[1], origin)), k.at(k.argument(6), query));
    return next;
  };
  k.loop(k.i64(0), count, 1, {k.i64(0), k.i64(0)}, step);
  k.end();
  return function;
}

//===- FakeKernel.h - A kernel written by hand ------------------*- C++ -*-===//
//
// Stands for generated code in the runtime's tests: 4 query and 2 KV heads of
// size 8. Each task leaves a trace that shows who ran it with what.
//
//===----------------------------------------------------------------------===//

#ifndef TESTS_UNIT_FAKEKERNEL_H
#define TESTS_UNIT_FAKEKERNEL_H

#include "runtime/attn_rt.h"
#include "runtime/attn_rt_tail.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace attn::test {

/// The args structure of the fake kernel, as NAME.h writes it.
struct FakeArgs {
  uint32_t size = sizeof(FakeArgs), abi = ATTN_ABI_VERSION, layer = 0,
           flags = 0;
  const DLTensor *query = nullptr, *key = nullptr, *value = nullptr,
                 *kvLengths = nullptr, *sinks = nullptr, *output = nullptr,
                 *lse = nullptr;
  attn_rt_tail tail = {};
};

/// The descriptor. Programs: decode (1 row, 2 phases), short (4 rows, 2
/// phases), prefill. Layer 0 has constants row 1, layer 1 row 0, layer 2 none.
const attn_rt_kernel &fakeKernel();

/// A tensor that owns its shape, strides and elements.
struct OwnedTensor {
  OwnedTensor() = default;
  OwnedTensor(std::vector<int64_t> shape, uint8_t code = kDLFloat);
  OwnedTensor(OwnedTensor &&) = default;
  OwnedTensor &operator=(OwnedTensor &&) = default;

  std::vector<int64_t> shape, strides;
  std::vector<uint32_t> elements;
  DLTensor tensor = {};
};

/// Sound arguments and a context for one call; tests spoil one thing each.
struct FakeCall {
  explicit FakeCall(int64_t batch = 2, int64_t queries = 3, int64_t keys = 5,
                    int64_t workers = 1);
  FakeCall(const FakeCall &) = delete;

  /// Of the same tensors as the fake one.
  void useKernel(const attn_rt_kernel &other);

  const attn_rt_kernel *kernel = &fakeKernel();
  OwnedTensor query, key, value, lengths, sinks, output, lse;
  FakeArgs args;
  attn_maxima maxima = ATTN_MAXIMA_INIT;
  std::vector<char> memory;
  std::array<char, 256> text = {};
  attn_context context = ATTN_CONTEXT_INIT;

  std::string message() const { return text.data(); }
  attn_status run(uint32_t kinds = 7);
  attn_status canRun(uint32_t kinds = 7);
  /// The elements of the output, which the tasks trace.
  std::vector<uint32_t> trace() const { return output.elements; }
};

/// A context's parallel_for: a pool of two threads.
void inParallel(void *pool, int64_t tasks, attn_body body, void *closure);

/// A tensor of int32 numbers.
struct Numbers : OwnedTensor {
  Numbers(std::vector<int64_t> extents, std::vector<int32_t> values)
      : OwnedTensor(std::move(extents), kDLInt) {
    std::ranges::copy(values, elements.begin());
    tensor.data = elements.data();
    tensor.shape = shape.data();
    tensor.strides = strides.data();
  }
};

/// A call of the fake kernel whose sequences have the rows that `offsets` say.
struct RaggedCall : FakeCall {
  explicit RaggedCall(std::vector<int32_t> offsets, int64_t keys = 5,
                      int64_t workers = 1)
      : FakeCall(static_cast<int64_t>(offsets.size()) - 1, 9, keys, workers),
        offsets({static_cast<int64_t>(offsets.size())}, offsets) {
    int64_t tokens = offsets.back();
    query = OwnedTensor({tokens, 4, 8});
    output = OwnedTensor({tokens, 4, 8});
    lse = OwnedTensor({tokens, 4});
    for (OwnedTensor *tensor : {&query, &output, &lse}) {
      tensor->tensor.data = tensor->elements.data();
      tensor->tensor.shape = tensor->shape.data();
      tensor->tensor.strides = tensor->strides.data();
    }
    args.tail.q_indptr = &this->offsets.tensor;
  }

  Numbers offsets;
};

} // namespace attn::test

#endif // TESTS_UNIT_FAKEKERNEL_H

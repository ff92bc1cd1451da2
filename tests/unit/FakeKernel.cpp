//===- FakeKernel.cpp - A kernel written by hand --------------------------===//
//
// Its tasks use scratch and states as generated code does: scratch from any
// earlier task may be in it, and every state is written before it is read.
//
//===----------------------------------------------------------------------===//

#include "tests/unit/FakeKernel.h"

#include <cstring>
#include <functional>
#include <numeric>
#include <thread>

using namespace attn::test;

static constexpr int64_t kKvHeads = 2, kStateBytes = 64;

static int64_t pairs(const attn_rt_frame *frame) {
  return frame->views[0].extent[0] * kKvHeads;
}

static void gridOfOne(const attn_rt_frame *frame, int64_t *tasks) {
  tasks[0] = pairs(frame);
}

static void gridOfTwo(const attn_rt_frame *frame, int64_t *tasks) {
  tasks[0] = tasks[1] = pairs(frame);
}

/// What a task of phase 0 finds: its constants and whether there is a sink.
static uint32_t traceOf(const attn_rt_frame *frame, char *scratch,
                        int64_t task) {
  // Another task in the same scratch would change the word under our feet.
  uint32_t trace = static_cast<uint32_t>(task) * 16 + 1;
  trace += *reinterpret_cast<const uint32_t *>(frame->constants) * 1000;
  trace += frame->views[4].data ? 8 : 0;
  for (int round = 0; round < 64; ++round) {
    std::memcpy(scratch, &trace, sizeof(trace));
    uint32_t seen;
    std::memcpy(&seen, scratch, sizeof(seen));
    if (seen != trace)
      return 0;
  }
  return trace;
}

static void write(const attn_rt_frame *frame, int64_t task, uint32_t trace) {
  const attn_rt_view &output = frame->views[5];
  int64_t batch = task / kKvHeads, head = task % kKvHeads * 2;
  for (int64_t s = 0; s < output.extent[1]; ++s)
    for (int64_t h = head; h < head + 2; ++h)
      for (int64_t d = 0; d < output.extent[3]; ++d)
        static_cast<uint32_t *>(
            output.data)[batch * output.stride[0] + s * output.stride[1] +
                         h * output.stride[2] + d] = trace;
}

static void attend(const attn_rt_frame *frame, char *scratch, int64_t task) {
  write(frame, task, traceOf(frame, scratch, task));
}

static void save(const attn_rt_frame *frame, char *scratch, int64_t task) {
  uint32_t trace = traceOf(frame, scratch, task);
  std::memcpy(frame->partials + task * kStateBytes, &trace, sizeof(trace));
}

static void merge(const attn_rt_frame *frame, char *, int64_t task) {
  uint32_t trace;
  std::memcpy(&trace, frame->partials + task * kStateBytes, sizeof(trace));
  write(frame, task, trace);
}

static constexpr attn_rt_phase onePhase[] = {attend};
static constexpr attn_rt_phase twoPhases[] = {save, merge};

static constexpr attn_rt_program programs[] = {
    {"decode", ATTN_RT_DECODE, 1, 2, 0, gridOfTwo, twoPhases, 100, kStateBytes,
     1, 1024, 32, 0, nullptr},
    {"short", ATTN_RT_SHORT, 4, 2, 0, gridOfTwo, twoPhases, 1000, kStateBytes,
     4, 1024, 32, 0, nullptr},
    {"prefill", ATTN_RT_PREFILL, INT64_MAX, 1, 0, gridOfOne, onePhase, 5000, 0,
     4, 1024, 32, 0, nullptr}};

/// Two rows of one parameter each, 7 and 3.
alignas(8) static constexpr char constants[] = "\7\0\0\0\0\0\0\0\3\0\0\0\0\0\0";

static constexpr attn_rt_target targets[] = {
    {"impossible", uint64_t(1) << 62, 3, programs, constants, 8, 0, nullptr, 0,
     0},
    {"fake", 0, 3, programs, constants, 8, 0, nullptr, 0, 0}};

static constexpr DLDataType f32 = {kDLFloat, 32, 1}, i32 = {kDLInt, 32, 1};
static constexpr int64_t B = ATTN_RT_BATCH, S = ATTN_RT_QUERY_LENGTH,
                         T = ATTN_RT_KV_CAPACITY, no = ATTN_RT_NO_SYMBOL;

static constexpr attn_rt_tensor tensors[] = {
    {"query",
     0,
     4,
     f32,
     {-1, -1, 4, 8},
     {B, S, no, no},
     {"batch", "query", "head", "dim"}},
    {"key",
     ATTN_RT_CACHE,
     4,
     f32,
     {-1, -1, 2, 8},
     {B, T, no, no},
     {"batch", "key", "head", "dim"}},
    {"value",
     ATTN_RT_CACHE,
     4,
     f32,
     {-1, -1, 2, 8},
     {B, T, no, no},
     {"batch", "key", "head", "dim"}},
    {"kv_lengths",
     ATTN_RT_OPTIONAL | ATTN_RT_KV_LENGTHS,
     1,
     i32,
     {-1},
     {B},
     {"batch"}},
    {"sinks", ATTN_RT_SINKS, 1, f32, {4}, {no}, {"head"}},
    {"output",
     ATTN_RT_OUTPUT,
     4,
     f32,
     {-1, -1, 4, 8},
     {B, S, no, no},
     {"batch", "query", "head", "dim"}},
    {"lse",
     ATTN_RT_OUTPUT | ATTN_RT_OPTIONAL,
     3,
     f32,
     {-1, -1, 4},
     {B, S, no},
     {"batch", "query", "head"}}};

static constexpr int32_t layerRows[] = {1, 0, -1};
/// The second layer has a window of 4 keys.
static constexpr int64_t layerReach[] = {INT32_MAX, 4, INT32_MAX};
/// Its chunks are of 4 keys too.
static constexpr int64_t layerPartStep[] = {1, 4, 0};

const attn_rt_kernel &attn::test::fakeKernel() {
  static constexpr attn_rt_kernel kernel = {
      "fake_core", ATTN_ABI_VERSION, kKvHeads,      7, tensors, 3,
      layerRows,   layerReach,       layerPartStep, 2, targets};
  return kernel;
}

OwnedTensor::OwnedTensor(std::vector<int64_t> extents, uint8_t code)
    : shape(std::move(extents)), strides(shape.size(), 1) {
  for (size_t d = shape.size(); d-- > 1;)
    strides[d - 1] = strides[d] * shape[d];
  elements.resize(std::accumulate(shape.begin(), shape.end(), int64_t(1),
                                  std::multiplies<>()) +
                  1);
  tensor.data = elements.data();
  tensor.device = {kDLCPU, 0};
  tensor.ndim = static_cast<int32_t>(shape.size());
  tensor.dtype = {code, 32, 1};
  tensor.shape = shape.data();
  tensor.strides = strides.data();
}

FakeCall::FakeCall(int64_t batch, int64_t queries, int64_t keys,
                   int64_t workers)
    : query({batch, queries, 4, 8}), key({batch, keys, 2, 8}),
      value({batch, keys, 2, 8}), lengths({batch}, kDLInt), sinks({4}),
      output({batch, queries, 4, 8}), lse({batch, queries, 4}) {
  args.query = &query.tensor;
  args.key = &key.tensor;
  args.value = &value.tensor;
  args.kvLengths = &lengths.tensor;
  args.sinks = &sinks.tensor;
  args.output = &output.tensor;
  args.lse = &lse.tensor;
  maxima.batch = batch;
  maxima.query_length = queries;
  maxima.workers = workers;
  context.workers = workers;
  context.text = text.data();
  context.text_bytes = text.size();
  useKernel(fakeKernel());
}

void FakeCall::useKernel(const attn_rt_kernel &other) {
  kernel = &other;
  uint64_t bytes = attn_rt_workspace(kernel, 7, &maxima);
  memory.assign(bytes + 64, '\xa5');
  context.workspace =
      memory.data() +
      (64 - reinterpret_cast<uintptr_t>(memory.data()) % 64) % 64;
  context.workspace_bytes = bytes;
}

attn_status FakeCall::run(uint32_t kinds) {
  return attn_rt_run(kernel, kinds, &args, &context);
}

attn_status FakeCall::canRun(uint32_t kinds) {
  return attn_rt_can_run(kernel, kinds, &args, &context);
}

void attn::test::inParallel(void *, int64_t tasks, attn_body body,
                            void *closure) {
  auto every = [&](int64_t first) {
    for (int64_t task = first; task < tasks; task += 2)
      body(closure, task);
  };
  std::thread other(every, 1);
  every(0);
  other.join();
}

//===- RuntimeSpansTest.cpp - Tokens of several sequences at once ---------===//
//
// A kernel whose first and last phase treat tokens one by one: what they and
// the phases between them see of the call, of each other's tensors and of the
// states of sequences.
//
//===----------------------------------------------------------------------===//

#include "tests/unit/FakeKernel.h"

#include <gtest/gtest.h>

#include <memory>
#include <numeric>
#include <random>
#include <thread>

using namespace attn::test;

/// Tokens of a task, and of their rows in a buffer.
static constexpr int64_t kBlock = 4, kRowBytes = 4, kStateBytes = 64;

static void grid(const attn_rt_frame *frame, int64_t *tasks) {
  int64_t tokens = frame->views[0].extent[0] * frame->views[0].extent[1];
  tasks[0] = tasks[3] = (tokens + kBlock - 1) / kBlock;
  tasks[1] = tasks[2] = frame->views[0].extent[0];
}

/// Row `token` of the frame in tensor `number` between the phases.
static uint32_t &rowOf(const attn_rt_frame *frame, int number, int64_t token) {
  char *rows = frame->buffers[number] + frame->first_token * kRowBytes;
  return reinterpret_cast<uint32_t *>(rows)[token];
}

static uint32_t *elementsOf(const attn_rt_view &view, int64_t token) {
  int64_t batch = token / view.extent[1], row = token % view.extent[1];
  return static_cast<uint32_t *>(view.data) + batch * view.stride[0] +
         row * view.stride[1];
}

template <typename Body>
static void eachToken(const attn_rt_frame *frame, int64_t task, Body body) {
  int64_t tokens = frame->views[0].extent[0] * frame->views[0].extent[1];
  for (int64_t token = task * kBlock;
       token < std::min(tokens, (task + 1) * kBlock); ++token)
    body(token);
}

static void doubleTokens(const attn_rt_frame *frame, char *, int64_t task) {
  eachToken(frame, task, [&](int64_t token) {
    rowOf(frame, 0, token) = 2 * *elementsOf(frame->views[0], token);
  });
}

static uint32_t &stateOf(const attn_rt_frame *frame, int64_t task) {
  return *reinterpret_cast<uint32_t *>(frame->partials + task * kStateBytes);
}

/// A sequence's state is the sum of its tokens.
static void sumSequence(const attn_rt_frame *frame, char *, int64_t task) {
  int64_t rows = frame->views[0].extent[1];
  uint32_t sum = 0;
  for (int64_t row = 0; row < rows; ++row)
    sum += rowOf(frame, 0, task * rows + row);
  if (rows)
    stateOf(frame, task) = sum;
}

/// Every token becomes its sequence's sum.
static void spreadSums(const attn_rt_frame *frame, char *, int64_t task) {
  int64_t rows = frame->views[0].extent[1];
  for (int64_t row = 0; row < rows; ++row)
    rowOf(frame, 1, task * rows + row) = stateOf(frame, task);
}

static void storeTokens(const attn_rt_frame *frame, char *, int64_t task) {
  eachToken(frame, task, [&](int64_t token) {
    *elementsOf(frame->views[5], token) = rowOf(frame, 1, token);
  });
}

static constexpr attn_rt_phase phases[] = {doubleTokens, sumSequence,
                                           spreadSums, storeTokens};
static constexpr attn_rt_buffer buffers[] = {{64, {1, 1, 0}}, {64, {1, 1, 0}}};
static constexpr attn_rt_program programs[] = {
    {"decode", ATTN_RT_DECODE, 1, 4, 9, grid, phases, 64, kStateBytes, 1, 1024,
     32, 2, buffers},
    {"prefill", ATTN_RT_PREFILL, INT64_MAX, 4, 9, grid, phases, 64, kStateBytes,
     4, 1024, 32, 2, buffers}};

static const attn_rt_kernel &tokenKernel() {
  static const attn_rt_target target = {
      "fake", 0, 2,       programs, fakeKernel().targets[0].constants,
      8,      0, nullptr, 0,        0};
  static const attn_rt_kernel kernel = [] {
    attn_rt_kernel own = fakeKernel();
    own.target_count = 1;
    own.targets = &target;
    return own;
  }();
  return kernel;
}

namespace {
/// Sequences of so many rows, whose elements are numbered.
struct TokenCall : RaggedCall {
  explicit TokenCall(const std::vector<int64_t> &rows, int64_t workers = 1)
      : RaggedCall(offsetsOf(rows), 20, workers), rows(rows) {
    maxima.query_length = 20;
    // Without keys there are no states.
    args.kvLengths = nullptr;
    useKernel(tokenKernel());
    std::iota(query.elements.begin(), query.elements.end(), 1);
  }

  static std::vector<int32_t> offsetsOf(const std::vector<int64_t> &rows) {
    std::vector<int32_t> offsets = {0};
    for (int64_t count : rows)
      offsets.push_back(offsets.back() + static_cast<int32_t>(count));
    return offsets;
  }

  /// The first element of each token's output, as it should be.
  std::vector<uint32_t> expected() const {
    std::vector<uint32_t> sums;
    int64_t token = 0;
    for (int64_t count : rows) {
      uint32_t sum = 0;
      for (int64_t row = 0; row < count; ++row)
        sum += 2 * query.elements[(token + row) * 32];
      sums.insert(sums.end(), count, sum);
      token += count;
    }
    return sums;
  }
  std::vector<uint32_t> found() const {
    std::vector<uint32_t> firsts;
    for (size_t element = 0; element + 1 < output.elements.size();
         element += 32)
      firsts.push_back(output.elements[element]);
    return firsts;
  }
  attn_plan plan() {
    attn_plan plan = {};
    EXPECT_EQ(attn_rt_plan(kernel, 7, &args, &context, &plan), ATTN_OK)
        << message();
    return plan;
  }

  std::vector<int64_t> rows;
};
} // namespace

TEST(RuntimeSpansTest, SequencesOfOneProgramShareTokenPhases) {
  TokenCall decode({1, 1, 1, 1, 1, 1});
  attn_plan plan = decode.plan();
  EXPECT_EQ(plan.phases, 4);
  EXPECT_EQ(plan.tasks[0], 2) << "six tokens, four to a task";
  EXPECT_EQ(plan.tasks[1], 6);
  EXPECT_EQ(plan.tasks[3], 2);
  TokenCall prefill({3, 2, 9});
  EXPECT_EQ(prefill.plan().tasks[0], 4) << "fourteen tokens";
  TokenCall mixed({1, 1, 5, 7, 1, 0, 1});
  EXPECT_EQ(mixed.plan().tasks[0], 1 + 3 + 1);
  EXPECT_EQ(mixed.plan().tasks[1], 7);
}

TEST(RuntimeSpansTest, EachPhaseSeesItsTokens) {
  for (const std::vector<int64_t> &rows :
       std::vector<std::vector<int64_t>>{{1},
                                         {7},
                                         {1, 1, 1, 1, 1, 1},
                                         {3, 2, 9},
                                         {0, 0},
                                         {1, 1, 5, 7, 1, 0, 1},
                                         {5, 1, 5, 1, 5}}) {
    TokenCall call(rows);
    EXPECT_EQ(call.run(), ATTN_OK) << call.message();
    EXPECT_EQ(call.found(), call.expected());
  }
}

TEST(RuntimeSpansTest, TasksInAnyOrderFindTheirSpan) {
  TokenCall call({1, 1, 5, 7, 1, 0, 1, 20, 3});
  attn_plan plan = call.plan();
  std::mt19937 random(1);
  for (int64_t phase = 0; phase < plan.phases; ++phase) {
    std::vector<int64_t> tasks(plan.tasks[phase]);
    std::iota(tasks.begin(), tasks.end(), 0);
    std::shuffle(tasks.begin(), tasks.end(), random);
    for (int64_t task : tasks)
      EXPECT_EQ(
          attn_rt_task(call.kernel, 7, &call.args, &call.context, phase, task),
          ATTN_OK)
          << call.message();
  }
  EXPECT_EQ(call.found(), call.expected());
}

TEST(RuntimeSpansTest, TasksInParallelFindTheirSpan) {
  for (int round = 0; round < 20; ++round) {
    TokenCall call({1, 1, 5, 7, 1, 0, 1, 20, 3}, 4);
    call.context.parallel_for = inParallel;
    EXPECT_EQ(call.run(), ATTN_OK) << call.message();
    EXPECT_EQ(call.found(), call.expected());
  }
}

/// Each thread makes the table of a phase for itself, or finds another's.
TEST(RuntimeSpansTest, TasksOfSeveralThreadsShareATable) {
  for (int round = 0; round < 20; ++round) {
    TokenCall call({1, 1, 5, 7, 1, 0, 1, 20, 3}, 4);
    attn_plan plan = call.plan();
    call.context.text = nullptr;
    for (int64_t phase = 0; phase < plan.phases; ++phase) {
      std::vector<std::thread> threads;
      for (int64_t first = 0; first < 4; ++first)
        threads.emplace_back([&, first] {
          for (int64_t task = first; task < plan.tasks[phase]; task += 4)
            EXPECT_EQ(attn_rt_task(call.kernel, 7, &call.args, &call.context,
                                   phase, task),
                      ATTN_OK);
        });
      for (std::thread &thread : threads)
        thread.join();
    }
    EXPECT_EQ(call.found(), call.expected());
  }
}

TEST(RuntimeSpansTest, DenseRowsAreOnePiece) {
  FakeCall call(2, 3);
  call.args.kvLengths = nullptr;
  call.useKernel(tokenKernel());
  std::iota(call.query.elements.begin(), call.query.elements.end(), 1);
  EXPECT_EQ(call.run(), ATTN_OK) << call.message();
  for (int64_t token = 0; token < 6; ++token) {
    uint32_t sum = 0;
    for (int64_t row = 0; row < 3; ++row)
      sum += 2 * call.query.elements[(token / 3 * 3 + row) * 32];
    EXPECT_EQ(call.output.elements[token * 32], sum);
  }
}

TEST(RuntimeSpansTest, KernelsWithOtherBuffersRunSequenceBySequence) {
  attn_rt_program alone[] = {programs[0], programs[1]};
  alone[0].token_phases = alone[1].token_phases = 0;
  attn_rt_target target = tokenKernel().targets[0];
  target.programs = alone;
  attn_rt_kernel kernel = tokenKernel();
  kernel.targets = &target;
  TokenCall call({1, 1, 5, 7});
  call.useKernel(kernel);
  EXPECT_EQ(call.plan().tasks[0], 1 + 1 + 2 + 2);
  EXPECT_EQ(call.run(), ATTN_OK) << call.message();
  EXPECT_EQ(call.found(), call.expected());
}

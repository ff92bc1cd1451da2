//===- RuntimeBatchTest.cpp - Packed rows, pages, rings, slots ------------===//
//
// What generated code sees of a call whose sequences and caches are spread, and
// what is refused before it sees anything.
//
//===----------------------------------------------------------------------===//

#include "tests/unit/FakeKernel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <thread>

using namespace attn::test;

static void expectRefusal(FakeCall &call, attn_status status,
                          const std::string &message) {
  attn_plan plan;
  EXPECT_EQ(call.run(), status);
  EXPECT_EQ(call.message(), "fake_core: " + message);
  EXPECT_EQ(call.canRun(), status);
  EXPECT_EQ(attn_rt_plan(&fakeKernel(), 7, &call.args, &call.context, &plan),
            status);
}

static attn_plan planOf(FakeCall &call) {
  attn_plan plan;
  EXPECT_EQ(attn_rt_plan(&fakeKernel(), 7, &call.args, &call.context, &plan),
            ATTN_OK)
      << call.message();
  return plan;
}

/// What a sequence of `rows` rows leaves in its output when it is alone.
static std::vector<uint32_t> traceOf(int64_t rows) {
  FakeCall alone(1, rows);
  EXPECT_EQ(alone.run(), ATTN_OK) << alone.message();
  std::vector<uint32_t> trace = alone.trace();
  trace.pop_back();
  return trace;
}

/// The traces of sequences, one behind the other.
static std::vector<uint32_t> tracesOf(const std::vector<int64_t> &rows) {
  std::vector<uint32_t> traces;
  for (int64_t count : rows) {
    std::vector<uint32_t> trace = traceOf(count);
    traces.insert(traces.end(), trace.begin(), trace.end());
  }
  traces.push_back(0);
  return traces;
}

//===----------------------------------------------------------------------===//
// Packed rows
//===----------------------------------------------------------------------===//

TEST(RuntimeBatchTest, PackedSequencesAreAlone) {
  RaggedCall call({0, 1, 8, 8, 10});
  EXPECT_EQ(call.run(), ATTN_OK) << call.message();
  EXPECT_EQ(call.trace(), tracesOf({1, 7, 0, 2}));
}

TEST(RuntimeBatchTest, PlansTheTasksOfAllSequences) {
  RaggedCall call({0, 1, 8, 8, 10});
  attn_plan plan = planOf(call);
  EXPECT_EQ(plan.phases, 2);
  EXPECT_EQ(plan.tasks[0], 8);
  EXPECT_EQ(plan.tasks[1], 6) << "a prefill has one phase";
  EXPECT_STREQ(plan.schedule, "mixed");
  RaggedCall tokens({0, 1, 2});
  EXPECT_STREQ(planOf(tokens).schedule, "decode");
  RaggedCall nothing({0});
  EXPECT_EQ(planOf(nothing).phases, 0);
  EXPECT_EQ(nothing.run(), ATTN_OK) << nothing.message();
}

TEST(RuntimeBatchTest, PackedTasksInAnyOrderGiveEqualBits) {
  RaggedCall call({0, 1, 8, 8, 10});
  attn_plan plan = planOf(call);
  for (int64_t phase = 0; phase < plan.phases; ++phase)
    for (int64_t task = plan.tasks[phase]; task-- > 0;)
      ASSERT_EQ(attn_rt_task(&fakeKernel(), 7, &call.args, &call.context, phase,
                             task),
                ATTN_OK)
          << call.message();
  EXPECT_EQ(call.trace(), tracesOf({1, 7, 0, 2}));
}

extern "C" {
attn_status attn_rt_measure(const attn_rt_kernel *kernel, uint32_t kinds,
                            const void *args, const attn_context *context,
                            uint64_t *bytes);
}

TEST(RuntimeBatchTest, WorkspaceForTokensServesHoweverTheyArePacked) {
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {
    std::vector<int32_t> offsets = {0};
    attn_maxima maxima = ATTN_MAXIMA_INIT;
    maxima.batch = 1 + random() % 12;
    for (int64_t b = 0; b < maxima.batch; ++b) {
      int32_t rows = random() % (random() % 2 ? 3 : 40);
      offsets.push_back(offsets.back() + rows);
      maxima.query_length = std::max<int64_t>(maxima.query_length, rows);
    }
    maxima.tokens = std::max(offsets.back(), 1);
    RaggedCall call(offsets);
    uint64_t needed = 0;
    ASSERT_EQ(
        attn_rt_measure(&fakeKernel(), 7, &call.args, &call.context, &needed),
        ATTN_OK)
        << call.message();
    EXPECT_LE(needed, attn_rt_workspace(&fakeKernel(), 7, &maxima));
  }
}

TEST(RuntimeBatchTest, WorkspaceGoesByTokensIfTheyAreFew) {
  attn_maxima maxima = ATTN_MAXIMA_INIT;
  maxima.batch = 64;
  maxima.query_length = 512;
  uint64_t dense = attn_rt_workspace(&fakeKernel(), 7, &maxima);
  maxima.tokens = 64 * 512;
  EXPECT_EQ(attn_rt_workspace(&fakeKernel(), 7, &maxima), dense);
  uint64_t before = 0;
  for (int64_t tokens : {64, 575, 5000}) {
    maxima.tokens = tokens;
    uint64_t bytes = attn_rt_workspace(&fakeKernel(), 7, &maxima);
    EXPECT_LE(bytes, dense);
    EXPECT_GE(bytes, before);
    before = bytes;
  }
}

static attn_status runTask(RaggedCall &call, int64_t phase, int64_t task) {
  return attn_rt_task(&fakeKernel(), 7, &call.args, &call.context, phase, task);
}

/// Runs all tasks of a call by hand, each where `before` has seen to.
template <typename Before>
static void runTasks(RaggedCall &call, Before before) {
  attn_plan plan = planOf(call);
  std::ranges::fill(call.output.elements, 0);
  for (int64_t phase = 0; phase < plan.phases; ++phase)
    for (int64_t task = 0; task < plan.tasks[phase]; ++task) {
      before();
      ASSERT_EQ(runTask(call, phase, task), ATTN_OK) << call.message();
    }
}

// Tasks leave a table of where the sequences are in the workspace.
TEST(RuntimeBatchTest, TasksTrustTheTableOfTheirOwnArgumentsAlone) {
  RaggedCall call({0, 1, 8, 8, 10});
  runTasks(call, [] {});
  EXPECT_EQ(call.trace(), tracesOf({1, 7, 0, 2}));
  std::vector<int32_t> offsets = {0, 2, 8, 9, 10};
  std::ranges::copy(offsets, call.offsets.elements.begin());
  runTasks(call, [] {});
  EXPECT_EQ(call.trace(), tracesOf({2, 6, 1, 1}));
}

TEST(RuntimeBatchTest, TasksTrustNoTableThatWasWrittenOver) {
  RaggedCall call({0, 1, 8, 8, 10});
  const std::vector<uint32_t> expected = tracesOf({1, 7, 0, 2});
  // Behind a line of claims: 5 rows of 24 bytes.
  auto *table = reinterpret_cast<uint64_t *>(
      static_cast<char *>(call.context.workspace) + 64);
  for (int word = 0; word < 15; ++word)
    for (uint64_t other : {uint64_t(0), table[word] + 1, ~uint64_t(0)}) {
      runTasks(call, [&] { table[word] = other; });
      ASSERT_EQ(call.trace(), expected) << "word " << word;
    }
}

TEST(RuntimeBatchTest, NoTaskBeyondTheTable) {
  RaggedCall call({0, 1, 8, 8, 10});
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(runTask(call, 0, 8), ATTN_BAD_TASK);
    EXPECT_EQ(call.message(),
              "fake_core: there is no task 8, phase 0 has 8 tasks");
    EXPECT_EQ(runTask(call, 0, -1), ATTN_BAD_TASK);
    EXPECT_EQ(runTask(call, 2, 0), ATTN_BAD_TASK);
    for (int64_t far : {int64_t(1) << 32, -(int64_t(1) << 32), int64_t(64)})
      EXPECT_EQ(runTask(call, far, 0), ATTN_BAD_TASK) << far;
    EXPECT_EQ(runTask(call, 0, 7), ATTN_OK) << call.message();
  }
  call.context.workspace_bytes = 5000;
  EXPECT_EQ(runTask(call, 0, 7), ATTN_BAD_WORKSPACE);
}

TEST(RuntimeBatchTest, TasksOfSeveralThreadsShareATable) {
  for (int round = 0; round < 20; ++round) {
    RaggedCall call({0, 1, 8, 8, 10}, 5, 2);
    attn_plan plan = planOf(call);
    call.context.text = nullptr;
    for (int64_t phase = 0; phase < plan.phases; ++phase)
      inParallel(
          nullptr, plan.tasks[phase],
          [](void *closure, int64_t task) {
            auto &[call, phase] =
                *static_cast<std::pair<RaggedCall *, int64_t> *>(closure);
            EXPECT_EQ(runTask(*call, phase, task), ATTN_OK);
          },
          std::make_unique<std::pair<RaggedCall *, int64_t>>(&call, phase)
              .get());
    EXPECT_EQ(call.trace(), tracesOf({1, 7, 0, 2}));
  }
}

TEST(RuntimeBatchTest, PackedTasksInParallelGiveEqualBits) {
  RaggedCall call({0, 1, 8, 8, 10}, 5, 2);
  call.context.parallel_for = inParallel;
  EXPECT_EQ(call.run(), ATTN_OK) << call.message();
  EXPECT_EQ(call.trace(), tracesOf({1, 7, 0, 2}));
}

// What another call does that was given the same workspace.
TEST(RuntimeBatchTest, TablesThatOthersWriteOverEndTheCall) {
  static RaggedCall *spoiled;
  RaggedCall call({0, 1, 8, 8, 10}, 5, 2);
  spoiled = &call;
  call.context.parallel_for = [](void *, int64_t tasks, attn_body body,
                                 void *closure) {
    auto *memory = static_cast<char *>(spoiled->context.workspace);
    std::fill_n(memory, 512, '\x5a');
    for (int64_t task = 0; task < tasks; ++task)
      body(closure, task);
  };
  EXPECT_EQ(call.run(), ATTN_BAD_WORKSPACE);
  EXPECT_EQ(call.message(), "fake_core: the workspace or the arguments have "
                            "changed while tasks run");
}

TEST(RuntimeBatchTest, RowsBehindTheLastSequenceAreLeftAlone) {
  RaggedCall call({0, 3, 5});
  call.offsets.elements[2] = 4;
  EXPECT_EQ(call.run(), ATTN_OK) << call.message();
  std::vector<uint32_t> expected = tracesOf({3, 1});
  expected.insert(expected.end(), 32, 0);
  EXPECT_EQ(call.trace(), expected);
}

TEST(RuntimeBatchTest, RefusesOffsetsThatDoNotAscend) {
  RaggedCall call({0, 3, 5});
  call.offsets.elements = {1, 3, 5, 0};
  call.offsets.tensor.data = call.offsets.elements.data();
  expectRefusal(call, ATTN_BAD_LENGTH, "q_indptr[0] is 1, expected 0");
  call.offsets.elements[0] = 0;
  call.offsets.elements[2] = 2;
  expectRefusal(call, ATTN_BAD_LENGTH,
                "q_indptr[2] is 2, expected at least the 3 before it");
  call.offsets.elements[2] = 6;
  expectRefusal(call, ATTN_BAD_LENGTH, "q_indptr[2] is 6, expected at most 5");
}

TEST(RuntimeBatchTest, RefusesShapesOfPackedRows) {
  RaggedCall call({0, 3, 5});
  call.output.shape[0] = 4;
  expectRefusal(call, ATTN_BAD_SHAPE,
                "output has extent 4 in dimension 0 (tokens), but the tokens "
                "of the tensors before it is 5");
  call.output.shape[0] = 5;
  call.offsets.shape[0] = 0;
  expectRefusal(call, ATTN_BAD_SHAPE,
                "q_indptr has extent 0, expected 1 or more");
  call.offsets.shape[0] = 2;
  expectRefusal(call, ATTN_BAD_SHAPE,
                "key has extent 2 in dimension 0 (batch), but the batch of the "
                "tensors before it is 1; caches on pages need page_table");
  call.query.tensor.ndim = 4;
  expectRefusal(call, ATTN_BAD_RANK, "query has rank 4, expected 3");
}

TEST(RuntimeBatchTest, PhasesTakeTheRowsOfEverySequence) {
  RaggedCall call({0, 1, 8});
  EXPECT_EQ(call.run(ATTN_RT_DECODE | ATTN_RT_SHORT), ATTN_UNSUPPORTED);
  EXPECT_EQ(call.message(), "fake_core: a sequence has 7 query rows, this "
                            "phase takes at most 4");
  EXPECT_EQ(call.run(ATTN_RT_PREFILL), ATTN_OK) << call.message();
}

//===----------------------------------------------------------------------===//
// Pages
//===----------------------------------------------------------------------===//

namespace {
/// Two sequences on pages of two rows.
struct PagedCall : FakeCall {
  PagedCall() : FakeCall(2, 3, 2), table({2, 3}, {4, 0, 1, 3, 2, -1}) {
    key = OwnedTensor({5, 2, 2, 8});
    value = OwnedTensor({5, 2, 2, 8});
    for (OwnedTensor *tensor : {&key, &value}) {
      tensor->tensor.data = tensor->elements.data();
      tensor->tensor.shape = tensor->shape.data();
      tensor->tensor.strides = tensor->strides.data();
    }
    lengths.elements = {5, 4};
    lengths.tensor.data = lengths.elements.data();
    args.tail.page_table = &table.tensor;
  }

  Numbers table;
};
} // namespace

TEST(RuntimeBatchTest, PagesAreCheckedAsFarAsKeysReach) {
  PagedCall call;
  EXPECT_EQ(call.run(), ATTN_OK) << call.message();
  call.lengths.elements[1] = 5;
  expectRefusal(call, ATTN_BAD_LENGTH,
                "page 2 of sequence 1 is -1 in page_table, expected 0 to 4");
  call.table.elements[5] = 5;
  expectRefusal(call, ATTN_BAD_LENGTH,
                "page 2 of sequence 1 is 5 in page_table, expected 0 to 4");
  call.lengths.elements[1] = 7;
  expectRefusal(call, ATTN_BAD_LENGTH,
                "kv_lengths [1] is 7, expected 0 to 6 (3 pages of 2 rows)");
}

TEST(RuntimeBatchTest, ListsOfPagesHaveACapacityEach) {
  PagedCall call;
  Numbers list({5}, {4, 0, 1, 3, 2}), starts({3}, {0, 3, 5});
  call.args.tail.page_table = &list.tensor;
  call.args.tail.page_indptr = &starts.tensor;
  EXPECT_EQ(call.run(), ATTN_OK) << call.message();
  call.lengths.elements[1] = 5;
  expectRefusal(call, ATTN_BAD_LENGTH,
                "kv_lengths [1] is 5, expected 0 to 4 (2 pages of 2 rows)");
  starts.elements[2] = 6;
  expectRefusal(call, ATTN_BAD_LENGTH,
                "page_indptr[2] is 6, expected at most 5");
  starts.shape[0] = 2;
  expectRefusal(call, ATTN_BAD_SHAPE,
                "query has extent 2 in dimension 0 (batch), but the batch of "
                "the tensors before it is 1");
  call.args.tail.page_table = nullptr;
  expectRefusal(call, ATTN_MISSING_TENSOR,
                "page_table is NULL, but page_indptr is not");
}

TEST(RuntimeBatchTest, PagesNeedLengthsAndRows) {
  PagedCall call;
  call.args.kvLengths = nullptr;
  expectRefusal(call, ATTN_MISSING_TENSOR,
                "kv_lengths is NULL, which a call with a page_table needs");
  call.key.shape[1] = 0;
  expectRefusal(call, ATTN_BAD_SHAPE,
                "key has pages of 0 rows, expected 1 or more");
}

TEST(RuntimeBatchTest, NumbersHave32Bits) {
  RaggedCall packed({0, 3, 5});
  packed.offsets.tensor.dtype.bits = 64;
  expectRefusal(packed, ATTN_BAD_DTYPE, "q_indptr has type i64, expected i32");
  PagedCall paged;
  paged.table.tensor.dtype.bits = 64;
  expectRefusal(paged, ATTN_BAD_DTYPE, "page_table has type i64, expected i32");
}

//===----------------------------------------------------------------------===//
// Rings and slots
//===----------------------------------------------------------------------===//

TEST(RuntimeBatchTest, RingsHoldAWindowAndTheRowsOfTheCall) {
  FakeCall call(2, 3, 6);
  call.args.flags = ATTN_FLAG_RING;
  call.args.layer = 1; // Looks back at 4 keys.
  call.lengths.elements = {900, 6};
  call.lengths.tensor.data = call.lengths.elements.data();
  EXPECT_EQ(call.run(), ATTN_OK) << call.message();
  FakeCall small(2, 3, 5);
  small.args.flags = ATTN_FLAG_RING;
  small.args.layer = 1;
  small.lengths.elements = {5, 6};
  small.lengths.tensor.data = small.lengths.elements.data();
  expectRefusal(small, ATTN_BAD_LENGTH,
                "kv_lengths [1] is 6, beyond a ring of 5 rows: a layer that "
                "looks back at 4 keys needs 6 rows for 3 new ones");
}

/// Functions that no layer declared read their keys in one piece.
TEST(RuntimeBatchTest, PagesAndRingsAreForCachesOfLayers) {
  attn_rt_kernel kernel = fakeKernel();
  std::vector<attn_rt_tensor> tensors(kernel.tensors,
                                      kernel.tensors + kernel.tensor_count);
  for (attn_rt_tensor &tensor : tensors)
    tensor.role &= ~int64_t(ATTN_RT_CACHE);
  kernel.tensors = tensors.data();
  auto refuse = [&](FakeCall &call, attn_status status, const char *message) {
    EXPECT_EQ(attn_rt_run(&kernel, 7, &call.args, &call.context), status);
    EXPECT_NE(call.message().find(message), std::string::npos)
        << call.message();
  };
  FakeCall ring;
  ring.args.flags = ATTN_FLAG_RING;
  refuse(ring, ATTN_BAD_FLAGS,
         "args.flags has ATTN_FLAG_RING, but this kernel has no caches of a "
         "layer");
  PagedCall paged;
  refuse(paged, ATTN_BAD_ARGS,
         "expected NULL: this kernel has no caches of a layer");
}

TEST(RuntimeBatchTest, RingsHaveNoPages) {
  PagedCall call;
  call.args.flags = ATTN_FLAG_RING;
  expectRefusal(
      call, ATTN_BAD_FLAGS,
      "args.flags has ATTN_FLAG_RING, but the caches have a page_table");
}

/// A graph may keep a tensor with a row for each of a cache.
TEST(RuntimeBatchTest, RingsAreForKernelsThatExpandNoCaches) {
  attn_rt_buffer buffer = {.bytes = 64, .power = {}};
  buffer.power[ATTN_RT_KV_CAPACITY] = 1;
  attn_rt_kernel kernel = fakeKernel();
  std::vector<attn_rt_target> targets(kernel.targets,
                                      kernel.targets + kernel.target_count);
  std::vector<std::vector<attn_rt_program>> programs;
  for (attn_rt_target &target : targets) {
    auto &own = programs.emplace_back(target.programs,
                                      target.programs + target.program_count);
    own.front().buffer_count = 1;
    own.front().buffers = &buffer;
    target.programs = own.data();
  }
  kernel.targets = targets.data();
  FakeCall call;
  call.args.flags = ATTN_FLAG_RING;
  EXPECT_EQ(attn_rt_run(&kernel, 7, &call.args, &call.context), ATTN_BAD_FLAGS);
  EXPECT_NE(call.message().find("this kernel expands all rows of its caches"),
            std::string::npos)
      << call.message();
}

TEST(RuntimeBatchTest, OnlyKernelsThatAppendTakeSlots) {
  FakeCall call;
  call.args.tail.slot_mapping = reinterpret_cast<const DLTensor *>(0xbad);
  expectRefusal(call, ATTN_BAD_ARGS,
                "args.slot_mapping is 0xbad, expected NULL: this kernel has no "
                "caches to append to");
}

//===- Replay.cpp - A trace against a compiled kernel ---------------------===//
//
// Numbers of queries, keys and values follow from sequence and position alone,
// so that every layout gets the same ones.
//
//===----------------------------------------------------------------------===//

#include "compiler/replay/Replay.h"

#include "compiler/CallSizes.h"
#include "compiler/bench/Crew.h"
#include "compiler/replay/ReferenceRow.h"
#include "compiler/replay/StepTensor.h"
#include "compiler/verify/Accuracy.h"
#include "llvm/ADT/STLExtras.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <fmt/format.h>
#include <map>

using namespace attn;
using namespace attn::replay;
using llvm::ArrayRef;
using llvm::Error;
using llvm::Expected;
using llvm::StringRef;

//===----------------------------------------------------------------------===//
// State
//===----------------------------------------------------------------------===//

namespace {
/// A sequence that has a slot of the caches.
struct Live {
  int64_t slot = 0, length = 0;
};

/// One call: how many new rows each slot has, from which row on.
struct Step {
  /// [slots + 1] and [slots].
  std::vector<int32_t> offsets, lengths;
  /// Of each slot with new rows.
  std::vector<int64_t> sequences;
};
} // namespace

static constexpr DLDataType i32 = {kDLInt, 32, 1};

//===----------------------------------------------------------------------===//
// One layout
//===----------------------------------------------------------------------===//

namespace {
/// Runs the trace with caches in one layout.
class LayoutRun {
public:
  LayoutRun(const verify::Subject &subject, ArrayRef<KernelTensor> tensors,
            const Trace &trace, const CacheLayout &layout,
            const ReplayOptions &options, ReplayReport &report);

  /// Results of each step go to `results`, or are compared with them.
  Error run(std::vector<std::vector<uint8_t>> &results);

private:
  Error takeStep(const TraceStep &step);
  Step begin(const TraceStep &step);
  void append(const TraceStep &step);
  Expected<double> call(const Step &step, std::vector<StepTensor> &outputs);
  Expected<double> callAlone(const Step &step,
                             const std::vector<StepTensor> &together);
  void compare(StringRef what, ArrayRef<uint8_t> expected,
               ArrayRef<uint8_t> got);
  std::vector<StepTensor> makeOutputs(int64_t tokens) const;
  StepTensor makeQueries(const KernelTensor &query, const Step &step) const;
  struct Call {
    std::vector<StepTensor> owned;
    std::unique_ptr<KernelArgs> args;
  };
  Call bind(const Step &step, std::vector<StepTensor> &outputs);
  attn_context contextFor(const Step &step, llvm::MutableArrayRef<char> text);
  void check(const TraceStep &step, const std::vector<StepTensor> &outputs);
  void checkRow(const NewTokens &entry, int64_t row, int64_t token,
                const std::vector<StepTensor> &outputs);

  const verify::Subject &subject;
  const LibraryKernel &kernel;
  const Trace &trace;
  const ReplayOptions &options;
  ReplayReport &report;
  LayoutReport own;
  Crew crew;
  ArrayRef<KernelTensor> tensors;
  int64_t slots, capacity;
  ServingCache cache;
  std::unique_ptr<HugeBuffer> workspace;
  std::map<int64_t, Live> live;
  std::vector<int64_t> freeSlots;
  int64_t stepNumber = 0;
  /// Rows so far.
  int64_t seen = 0;
  std::vector<std::vector<uint8_t>> *results = nullptr;
};
} // namespace

LayoutRun::LayoutRun(const verify::Subject &subject,
                     ArrayRef<KernelTensor> tensors, const Trace &trace,
                     const CacheLayout &layout, const ReplayOptions &options,
                     ReplayReport &report)
    : subject(subject), kernel(*subject.kernel), trace(trace), options(options),
      report(report), crew(options.threads), tensors(tensors),
      slots(trace.countLive()), capacity(std::max<int64_t>(trace.longest(), 1)),
      cache(layout, tensors, slots, capacity) {
  own.layout = layout;
  for (int64_t slot = slots; slot-- > 0;)
    freeSlots.push_back(slot);
}

Error LayoutRun::run(std::vector<std::vector<uint8_t>> &shared) {
  results = &shared;
  if (!cache.isUsable())
    return llvm::createStringError(
        fmt::format("no memory for caches '{}' of {} sequences of {} tokens",
                    own.layout.name(), slots, capacity));
  for (const TraceStep &step : trace.steps) {
    if (Error error = takeStep(step))
      return error;
    ++stepNumber;
  }
  report.layouts.push_back(std::move(own));
  return Error::success();
}

/// Slots and lengths with the step's tokens.
Step LayoutRun::begin(const TraceStep &step) {
  std::vector<int64_t> rows(slots);
  Step call;
  call.sequences.assign(slots, -1);
  call.lengths.assign(slots, 0);
  for (const NewTokens &entry : step.entries) {
    auto [found, isNew] = live.try_emplace(entry.sequence);
    if (isNew) {
      found->second.slot = freeSlots.back();
      freeSlots.pop_back();
    }
    found->second.length += entry.tokens;
    rows[found->second.slot] = entry.tokens;
    call.sequences[found->second.slot] = entry.sequence;
    cache.reserve(found->second.slot, found->second.length);
  }
  for (const auto &[sequence, state] : live)
    call.lengths[state.slot] = static_cast<int32_t>(state.length);
  call.offsets.assign(1, 0);
  for (int64_t count : rows)
    call.offsets.push_back(call.offsets.back() + static_cast<int32_t>(count));
  return call;
}

/// Keys and values of the step's tokens, as an engine's projections leave them.
void LayoutRun::append(const TraceStep &step) {
  std::vector<double> row;
  for (const NewTokens &entry : step.entries) {
    const Live &state = live[entry.sequence];
    for (int64_t j = state.length - entry.tokens; j < state.length; ++j)
      for (CacheTensor &tensor : cache.tensors()) {
        row.resize(tensor.description().width);
        fillRow(tensor.description(), entry.sequence, j, row);
        auto [outer, within] = cache.place(state.slot, j);
        tensor.put(outer, within, row);
      }
  }
}

StepTensor LayoutRun::makeQueries(const KernelTensor &query,
                                  const Step &step) const {
  StepTensor queries(query.type(), query.shape({step.offsets.back()}));
  std::vector<double> row(query.width);
  uint8_t *to = queries.data();
  for (int64_t slot = 0; slot < slots; ++slot) {
    int64_t count = step.offsets[slot + 1] - step.offsets[slot];
    for (int64_t i = 0; i < count; ++i) {
      fillRow(query, step.sequences[slot], step.lengths[slot] - count + i, row);
      for (double value : row) {
        uint32_t bits = verify::encode(query.elements, value);
        std::memcpy(to, &bits, query.elementBytes());
        to += query.elementBytes();
      }
    }
  }
  return queries;
}

std::vector<StepTensor> LayoutRun::makeOutputs(int64_t tokens) const {
  std::vector<StepTensor> outputs;
  for (const KernelTensor &tensor : tensors)
    if (tensor.role == TensorRole::Output)
      outputs.emplace_back(tensor.type(), tensor.shape({tokens}));
  return outputs;
}

/// The tensors of a call, and the args that point to them.
LayoutRun::Call LayoutRun::bind(const Step &step,
                                std::vector<StepTensor> &outputs) {
  Call call;
  call.owned.reserve(4);
  auto numbers = [&](std::vector<int64_t> shape, ArrayRef<int32_t> values) {
    StepTensor &tensor = call.owned.emplace_back(i32, std::move(shape));
    llvm::copy(values, tensor.as<int32_t>());
    return tensor.get();
  };
  attn_rt_tail spread = {};
  spread.q_indptr = numbers({slots + 1}, step.offsets);
  if (own.layout.pageRows)
    spread.page_table = numbers({slots, cache.pagesPerSlot()}, cache.table());
  uint32_t flags = 0;
  std::vector<const DLTensor *> given;
  auto *nextCache = cache.tensors().begin();
  auto nextOutput = outputs.begin();
  for (const KernelTensor &tensor : tensors)
    switch (tensor.role) {
    case TensorRole::Query:
      call.owned.push_back(makeQueries(tensor, step));
      given.push_back(call.owned.back().get());
      break;
    case TensorRole::Cache:
      given.push_back((nextCache++)->get());
      break;
    case TensorRole::Lengths:
      given.push_back(numbers({slots}, step.lengths));
      break;
    case TensorRole::Sinks:
      // A sink belongs to no part of the keys; engines merge it in.
      flags = ATTN_FLAG_NO_SINK;
      given.push_back(nullptr);
      break;
    case TensorRole::Output:
      given.push_back((nextOutput++)->get());
      break;
    }
  call.args = std::make_unique<KernelArgs>(subject.index, given, flags, spread);
  return call;
}

/// A context with a workspace that serves the step.
attn_context LayoutRun::contextFor(const Step &step,
                                   llvm::MutableArrayRef<char> text) {
  CallSizes sizes = {.batch = slots, .queryLength = 0, .keys = capacity};
  for (int64_t slot = 0; slot < slots; ++slot)
    sizes.queryLength = std::max<int64_t>(
        sizes.queryLength, step.offsets[slot + 1] - step.offsets[slot]);
  uint64_t needed = workspaceBytes(kernel, sizes, crew.size());
  if (!workspace || workspace->size() < needed)
    workspace = std::make_unique<HugeBuffer>(needed);
  attn_context context = ATTN_CONTEXT_INIT;
  context.workspace = workspace->data();
  context.workspace_bytes = workspace->size();
  context.text = text.data();
  context.text_bytes = text.size();
  if (crew.size() > 1)
    crew.serve(context);
  return context;
}

/// Milliseconds of the call.
Expected<double> LayoutRun::call(const Step &step,
                                 std::vector<StepTensor> &outputs) {
  Call bound = bind(step, outputs);
  char text[512] = "";
  attn_context context = contextFor(step, text);
  attn_plan plan = {};
  if (report.target.empty() &&
      kernel.plan(bound.args->data(), &context, &plan) == ATTN_OK)
    report.target = plan.target;
  auto start = std::chrono::steady_clock::now();
  attn_status status = kernel.run(bound.args->data(), &context);
  auto end = std::chrono::steady_clock::now();
  if (status != ATTN_OK)
    return llvm::createStringError(
        fmt::format("step {}: {}", stepNumber + 1, text));
  return std::chrono::duration<double, std::milli>(end - start).count();
}

void LayoutRun::compare(StringRef what, ArrayRef<uint8_t> expected,
                        ArrayRef<uint8_t> got) {
  if (expected == got)
    return;
  if (report.differences++ == 0)
    report.firstDifference =
        fmt::format("step {}, {}: {} differ in a bit", stepNumber + 1,
                    own.layout.name(), std::string_view(what));
}

/// The sequences of a step, each in a call of its own: milliseconds of all.
Expected<double> LayoutRun::callAlone(const Step &step,
                                      const std::vector<StepTensor> &together) {
  double sum = 0;
  for (int64_t slot = 0; slot < slots; ++slot) {
    int64_t first = step.offsets[slot];
    int64_t count = step.offsets[slot + 1] - first;
    if (count == 0)
      continue;
    Step alone = step;
    for (int64_t i = 0; i <= slots; ++i)
      alone.offsets[i] = static_cast<int32_t>(i > slot ? count : 0);
    std::vector<StepTensor> outputs = makeOutputs(count);
    Expected<double> milliseconds = call(alone, outputs);
    if (!milliseconds)
      return milliseconds.takeError();
    sum += *milliseconds;
    for (auto [whole, part] : llvm::zip_equal(together, outputs)) {
      size_t row = part.bytes().size() / count;
      compare(fmt::format("results of sequence {} alone", step.sequences[slot]),
              whole.bytes().slice(first * row, count * row), part.bytes());
    }
  }
  return sum;
}

Error LayoutRun::takeStep(const TraceStep &step) {
  Step packed = begin(step);
  append(step);
  std::vector<StepTensor> outputs = makeOutputs(packed.offsets.back());
  Expected<double> milliseconds = call(packed, outputs);
  if (!milliseconds)
    return milliseconds.takeError();
  Expected<double> parts = callAlone(packed, outputs);
  if (!parts)
    return parts.takeError();
  own.steps.push_back(*milliseconds);
  own.parts.push_back(*parts);
  std::vector<uint8_t> bytes;
  for (const StepTensor &output : outputs)
    llvm::append_range(bytes, output.bytes());
  if (report.layouts.empty()) {
    check(step, outputs);
    results->push_back(std::move(bytes));
  } else {
    compare("results", (*results)[stepNumber], bytes);
  }
  for (int64_t sequence : step.ended) {
    const Live &state = live[sequence];
    cache.reserve(state.slot, 0);
    freeSlots.push_back(state.slot);
    live.erase(sequence);
  }
  return Error::success();
}

//===----------------------------------------------------------------------===//
// The reference
//===----------------------------------------------------------------------===//

/// A row of the step as a call of its own: it is the last of the keys that
/// there are for it.
void LayoutRun::checkRow(const NewTokens &entry, int64_t row, int64_t token,
                         const std::vector<StepTensor> &outputs) {
  int64_t keys = live[entry.sequence].length - entry.tokens + row + 1;
  report.checked.cases.push_back(verify::compareWithReference(
      subject,
      fmt::format("step {}, sequence {}, row {} of {}", stepNumber + 1,
                  entry.sequence, row + 1, entry.tokens),
      inputsOf(tensors, entry.sequence, keys, kernel.queryHeads),
      outcomeOf(tensors, outputs, token)));
}

/// Every n-th row of the trace.
void LayoutRun::check(const TraceStep &step,
                      const std::vector<StepTensor> &outputs) {
  int64_t every = std::max<int64_t>(
      report.tokens / std::max<int64_t>(options.checkedRows, 1), 1);
  std::vector<std::pair<int64_t, const NewTokens *>> bySlot;
  for (const NewTokens &entry : step.entries)
    bySlot.emplace_back(live[entry.sequence].slot, &entry);
  llvm::sort(bySlot);
  int64_t token = 0;
  for (auto [slot, entry] : bySlot)
    for (int64_t row = 0; row < entry->tokens; ++row, ++token) {
      bool isChosen = seen++ % every == every / 2;
      if (isChosen && options.checkedRows > 0)
        checkRow(*entry, row, token, outputs);
    }
}

//===----------------------------------------------------------------------===//
// All layouts
//===----------------------------------------------------------------------===//

/// Rows are checked one by one: what a row sees must not depend on later ones.
static Error checkSubject(const verify::Subject &subject) {
  const LibraryKernel &kernel = *subject.kernel;
  std::optional<KeyInterval> interval = verify::intervalOf(subject.op);
  if (!interval || interval->right != 1 ||
      interval->alignment != Alignment::BottomRight)
    return llvm::createStringError(
        fmt::format("kernel '{}' is not causal, aligned at the bottom right: a "
                    "replay serves decoders' layers",
                    kernel.symbol));
  return Error::success();
}

Expected<ReplayReport> replay::replayTrace(const verify::Subject &subject,
                                           const Trace &trace,
                                           ArrayRef<CacheLayout> layouts,
                                           const ReplayOptions &options) {
  Expected<std::vector<KernelTensor>> tensors =
      describeTensors(*subject.kernel);
  if (!tensors)
    return tensors.takeError();
  if (Error error = checkSubject(subject))
    return std::move(error);
  ReplayReport report;
  report.kernel = subject.kernel->symbol;
  report.layer = subject.layer;
  report.threads = options.threads;
  report.sequences = trace.countSequences();
  report.live = trace.countLive();
  report.tokens = trace.countTokens();
  report.longest = trace.longest();
  std::vector<std::vector<uint8_t>> results;
  for (const CacheLayout &layout : layouts)
    if (Error error =
            LayoutRun(subject, *tensors, trace, layout, options, report)
                .run(results))
      return std::move(error);
  return report;
}

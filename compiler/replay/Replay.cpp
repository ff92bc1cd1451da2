//===- Replay.cpp - A trace against a compiled kernel ---------------------===//
//
// Numbers of queries, keys and values follow from sequence and position alone,
// so that every layout gets the same ones.
//
//===----------------------------------------------------------------------===//

#include "compiler/replay/Replay.h"

#include "compiler/bench/Crew.h"
#include "compiler/verify/Accuracy.h"
#include "compiler/verify/Random.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSwitch.h"

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
using verify::Elements;

//===----------------------------------------------------------------------===//
// Tensors of a call
//===----------------------------------------------------------------------===//

namespace {
/// A row-major tensor of bytes that a call reads or writes.
class StepTensor {
public:
  StepTensor(DLDataType type, std::vector<int64_t> extents)
      : shape(std::move(extents)) {
    size_t bytes = type.bits / 8;
    for (int64_t extent : shape)
      bytes *= static_cast<size_t>(extent);
    // Never NULL, for that is an absent tensor.
    memory.resize(bytes + 8);
    tensor = {.data = memory.data(),
              .device = {kDLCPU, 0},
              .ndim = static_cast<int32_t>(shape.size()),
              .dtype = type,
              .shape = shape.data(),
              .strides = nullptr,
              .byte_offset = 0};
  }
  StepTensor(StepTensor &&) = default;

  template <typename T>
  T *as() {
    return reinterpret_cast<T *>(memory.data());
  }
  const DLTensor *get() const { return &tensor; }
  ArrayRef<uint8_t> bytes() const { return ArrayRef(memory).drop_back(8); }
  uint8_t *data() { return memory.data(); }

private:
  std::vector<int64_t> shape;
  std::vector<uint8_t> memory;
  DLTensor tensor = {};
};

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

/// The numbers of a row: of a tensor, a sequence, a position.
static void fillRow(uint64_t tensor, int64_t sequence, int64_t position,
                    llvm::MutableArrayRef<double> values) {
  verify::Random random(tensor << 58 ^ static_cast<uint64_t>(sequence) << 32 ^
                        static_cast<uint64_t>(position));
  random.next();
  for (double &value : values)
    value = random.uniform();
}

/// The number that a tensor's rows follow from.
static uint64_t numberOf(StringRef name) {
  return llvm::StringSwitch<uint64_t>(name)
      .Case("query", 1)
      .Cases({"key", "latent"}, 2)
      .Cases({"value", "rope_key"}, 3)
      .Default(4);
}

static bool isCache(const LibraryTensor &tensor) {
  return tensor.shape.size() > 2 && tensor.shape[1] == "kv_capacity";
}

//===----------------------------------------------------------------------===//
// One layout
//===----------------------------------------------------------------------===//

namespace {
/// Runs the trace with caches in one layout.
class LayoutRun {
public:
  LayoutRun(const verify::Subject &subject, const Trace &trace,
            const CacheLayout &layout, const ReplayOptions &options,
            ReplayReport &report);

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
  StepTensor makeQueries(const Step &step) const;
  void check(const TraceStep &step, const std::vector<StepTensor> &outputs);
  void checkRow(const NewTokens &entry, int64_t row, int64_t token,
                const std::vector<StepTensor> &outputs);
  reference::Tensor rowsOf(const LibraryTensor &tensor, int64_t sequence,
                           int64_t begin, int64_t end) const;

  const verify::Subject &subject;
  const LibraryKernel &kernel;
  const Trace &trace;
  const ReplayOptions &options;
  ReplayReport &report;
  LayoutReport own;
  Crew crew;
  std::vector<const LibraryTensor *> cacheTensors;
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

static std::vector<const LibraryTensor *>
cachesOf(const LibraryKernel &kernel) {
  std::vector<const LibraryTensor *> caches;
  for (const LibraryTensor &tensor : kernel.tensors)
    if (isCache(tensor))
      caches.push_back(&tensor);
  return caches;
}

LayoutRun::LayoutRun(const verify::Subject &subject, const Trace &trace,
                     const CacheLayout &layout, const ReplayOptions &options,
                     ReplayReport &report)
    : subject(subject), kernel(*subject.kernel), trace(trace), options(options),
      report(report), crew(options.threads), cacheTensors(cachesOf(kernel)),
      slots(trace.countLive()), capacity(std::max<int64_t>(trace.longest(), 1)),
      cache(layout, cacheTensors, slots, capacity) {
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
      for (auto [wanted, tensor] :
           llvm::zip_equal(cacheTensors, cache.tensors())) {
        row.resize(tensor.rowElements());
        fillRow(numberOf(wanted->name), entry.sequence, j, row);
        auto [outer, within] = cache.place(state.slot, j);
        tensor.put(outer, within, row);
      }
  }
}

StepTensor LayoutRun::makeQueries(const Step &step) const {
  Elements elements = verify::elementsOf(kernel.tensors.front().type);
  DLDataType type = verify::dlTypeOf(elements);
  StepTensor queries(type,
                     {step.offsets.back(), kernel.queryHeads, kernel.headDim});
  std::vector<double> row(kernel.queryHeads * kernel.headDim);
  uint8_t *to = queries.data();
  for (int64_t slot = 0; slot < slots; ++slot) {
    int64_t count = step.offsets[slot + 1] - step.offsets[slot];
    for (int64_t i = 0; i < count; ++i) {
      fillRow(numberOf("query"), step.sequences[slot],
              step.lengths[slot] - count + i, row);
      for (double value : row) {
        uint32_t bits = verify::encode(elements, value);
        std::memcpy(to, &bits, type.bits / 8);
        to += type.bits / 8;
      }
    }
  }
  return queries;
}

std::vector<StepTensor> LayoutRun::makeOutputs(int64_t tokens) const {
  std::vector<StepTensor> outputs;
  for (const LibraryTensor &tensor : kernel.tensors) {
    if (!tensor.output)
      continue;
    std::vector<int64_t> shape = {tokens};
    for (const std::string &extent : llvm::drop_begin(tensor.shape, 2))
      shape.push_back(std::stoll(extent));
    outputs.emplace_back(verify::dlTypeOf(verify::elementsOf(tensor.type)),
                         std::move(shape));
  }
  return outputs;
}

/// Milliseconds of the call.
Expected<double> LayoutRun::call(const Step &step,
                                 std::vector<StepTensor> &outputs) {
  StepTensor queries = makeQueries(step), offsets(i32, {slots + 1}),
             lengths(i32, {slots}),
             table(i32, {slots, std::max<int64_t>(cache.pagesPerSlot(), 1)});
  llvm::copy(step.offsets, offsets.as<int32_t>());
  llvm::copy(step.lengths, lengths.as<int32_t>());
  llvm::copy(cache.table(), table.as<int32_t>());
  std::vector<const DLTensor *> tensors;
  auto nextCache = cache.tensors().begin();
  auto nextOutput = outputs.begin();
  for (const LibraryTensor &tensor : kernel.tensors) {
    if (tensor.output)
      tensors.push_back((nextOutput++)->get());
    else if (isCache(tensor))
      tensors.push_back((nextCache++)->get());
    else if (tensor.name == "query")
      tensors.push_back(queries.get());
    else if (tensor.name == "kv_lengths")
      tensors.push_back(lengths.get());
    else
      tensors.push_back(nullptr);
  }
  CallSpread spread = {.qIndptr = offsets.get()};
  if (own.layout.pageRows)
    spread.pageTable = table.get();
  // A sink belongs to no part of the keys; engines merge it in.
  bool hasSinks = subject.find(verify::Role::Sinks) >= 0;
  KernelArgs args(subject.index, tensors, hasSinks ? ATTN_FLAG_NO_SINK : 0,
                  spread);

  attn_maxima maxima = ATTN_MAXIMA_INIT;
  maxima.batch = slots;
  for (int64_t slot = 0; slot < slots; ++slot)
    maxima.query_length = std::max<int64_t>(
        maxima.query_length, step.offsets[slot + 1] - step.offsets[slot]);
  maxima.kv_length = capacity;
  maxima.workers = crew.size();
  uint64_t needed = kernel.workspace(&maxima);
  if (!workspace || workspace->size() < needed)
    workspace = std::make_unique<HugeBuffer>(needed);
  char text[512] = "";
  attn_context context = ATTN_CONTEXT_INIT;
  context.workspace = workspace->data();
  context.workspace_bytes = workspace->size();
  context.text = text;
  context.text_bytes = sizeof(text);
  if (crew.size() > 1)
    crew.serve(context);
  attn_plan plan = {};
  if (report.target.empty() &&
      kernel.plan(args.data(), &context, &plan) == ATTN_OK)
    report.target = plan.target;
  auto start = std::chrono::steady_clock::now();
  attn_status status = kernel.run(args.data(), &context);
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

/// Rows [begin, end) of a sequence, as they are stored.
reference::Tensor LayoutRun::rowsOf(const LibraryTensor &tensor,
                                    int64_t sequence, int64_t begin,
                                    int64_t end) const {
  llvm::SmallVector<int64_t> shape = {1, end - begin};
  int64_t width = 1;
  for (const std::string &extent : llvm::drop_begin(tensor.shape, 2)) {
    shape.push_back(std::stoll(extent));
    width *= shape.back();
  }
  reference::Tensor rows(shape);
  for (int64_t j = begin; j < end; ++j)
    fillRow(numberOf(tensor.name), sequence, j,
            rows.data().slice((j - begin) * width, width));
  verify::store(verify::elementsOf(tensor.type), rows);
  return rows;
}

/// A row of the step as a call of its own: it is the last of the keys that
/// there are for it.
void LayoutRun::checkRow(const NewTokens &entry, int64_t row, int64_t token,
                         const std::vector<StepTensor> &outputs) {
  int64_t keys = live[entry.sequence].length - entry.tokens + row + 1;
  llvm::SmallVector<reference::Tensor> inputs;
  for (const LibraryTensor &tensor : kernel.tensors) {
    if (tensor.output)
      continue;
    if (isCache(tensor))
      inputs.push_back(rowsOf(tensor, entry.sequence, 0, keys));
    else if (tensor.name == "query")
      inputs.push_back(rowsOf(tensor, entry.sequence, keys - 1, keys));
    else if (tensor.name == "kv_lengths")
      inputs.emplace_back(ArrayRef<int64_t>{1}, static_cast<double>(keys));
    else // The sink that is left out.
      inputs.emplace_back(ArrayRef<int64_t>{kernel.queryHeads},
                          -std::numeric_limits<double>::infinity());
  }
  verify::Outcome outcome;
  auto next = outputs.begin();
  for (const LibraryTensor &tensor : kernel.tensors) {
    if (!tensor.output)
      continue;
    Elements elements = verify::elementsOf(tensor.type);
    const StepTensor &whole = *next++;
    int64_t bytes = verify::dlTypeOf(elements).bits / 8;
    llvm::SmallVector<int64_t> shape = {1, 1};
    int64_t width = 1;
    for (const std::string &extent : llvm::drop_begin(tensor.shape, 2)) {
      shape.push_back(std::stoll(extent));
      width *= shape.back();
    }
    reference::Tensor values(shape);
    for (int64_t i = 0; i < width; ++i) {
      uint32_t bits = 0;
      std::memcpy(&bits, &whole.bytes()[(token * width + i) * bytes], bytes);
      values.data()[i] = verify::decode(elements, bits);
    }
    outcome.outputs.emplace_back(values, elements, verify::Layout::Contiguous);
  }
  report.checked.cases.push_back(verify::compareWithReference(
      subject,
      fmt::format("step {}, sequence {}, row {} of {}", stepNumber + 1,
                  entry.sequence, row + 1, entry.tokens),
      inputs, outcome));
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
  for (const LibraryTensor &tensor : kernel.tensors)
    if (!tensor.output && !isCache(tensor) && tensor.name != "query" &&
        tensor.name != "kv_lengths" && tensor.name != "sinks")
      return llvm::createStringError(
          fmt::format("kernel '{}' takes '{}', which a replay has not: it "
                      "serves decoders' layers",
                      kernel.symbol, tensor.name));
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
  if (Error error = checkSubject(subject))
    return std::move(error);
  ReplayReport report;
  report.kernel = subject.kernel->symbol;
  report.threads = options.threads;
  report.sequences = trace.countSequences();
  report.live = trace.countLive();
  report.tokens = trace.countTokens();
  report.longest = trace.longest();
  std::vector<std::vector<uint8_t>> results;
  for (const CacheLayout &layout : layouts)
    if (Error error =
            LayoutRun(subject, trace, layout, options, report).run(results))
      return std::move(error);
  return report;
}

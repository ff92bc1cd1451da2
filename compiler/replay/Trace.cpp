//===- Trace.cpp - Steps of a serving engine ------------------------------===//
//
// See Trace.h.
//
//===----------------------------------------------------------------------===//

#include "compiler/replay/Trace.h"

#include "compiler/verify/Random.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <fmt/format.h>
#include <map>
#include <set>
#include <tuple>

using namespace attn;
using namespace attn::replay;
using llvm::StringRef;

//===----------------------------------------------------------------------===//
// Numbers
//===----------------------------------------------------------------------===//

/// The lengths of live sequences after each step, before its ends count.
template <typename Body>
static void followLengths(const Trace &trace, Body body) {
  std::map<int64_t, int64_t> lengths;
  for (const TraceStep &step : trace.steps) {
    for (const NewTokens &entry : step.entries)
      lengths[entry.sequence] += entry.tokens;
    body(lengths);
    for (int64_t sequence : step.ended)
      lengths.erase(sequence);
  }
}

int64_t Trace::countLive() const {
  size_t most = 0;
  followLengths(*this,
                [&](const auto &live) { most = std::max(most, live.size()); });
  return static_cast<int64_t>(most);
}

int64_t Trace::longest() const {
  int64_t most = 0;
  followLengths(*this, [&](const auto &live) {
    for (const auto &[sequence, length] : live)
      most = std::max(most, length);
  });
  return most;
}

int64_t Trace::countSequences() const {
  std::set<int64_t> seen;
  for (const TraceStep &step : steps)
    for (const NewTokens &entry : step.entries)
      seen.insert(entry.sequence);
  return static_cast<int64_t>(seen.size());
}

int64_t Trace::countTokens() const {
  int64_t count = 0;
  for (const TraceStep &step : steps)
    for (const NewTokens &entry : step.entries)
      count += entry.tokens;
  return count;
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

/// Of a sequence, and of a step: lengths are int32; nobody's are longer.
static constexpr int64_t kMostTokens = int64_t(1) << 24;

static bool readNumber(StringRef text, int64_t &number) {
  return !text.empty() && !text.getAsInteger(10, number) && number >= 0;
}

/// Adds what `word` says to `step`; what is wrong with it, or nothing.
static std::string readWord(StringRef word,
                            const std::map<int64_t, int64_t> &live,
                            TraceStep &step) {
  NewTokens entry;
  if (word.consume_front("-")) {
    if (!readNumber(word, entry.sequence))
      return "expected SEQUENCE:TOKENS or -SEQUENCE";
    bool isNew = llvm::any_of(step.entries, [&](const NewTokens &other) {
      return other.sequence == entry.sequence;
    });
    if (llvm::is_contained(step.ended, entry.sequence) ||
        (!isNew && !live.count(entry.sequence)))
      return "ends a sequence that there is not";
    step.ended.push_back(entry.sequence);
    return {};
  }
  auto [sequence, tokens] = word.split(':');
  if (!readNumber(sequence, entry.sequence) ||
      !readNumber(tokens, entry.tokens))
    return "expected SEQUENCE:TOKENS or -SEQUENCE";
  auto known = live.find(entry.sequence);
  int64_t before = known == live.end() ? 0 : known->second, inStep = 0;
  for (const NewTokens &other : step.entries) {
    if (other.sequence == entry.sequence)
      return "its sequence stands on the line already";
    inStep += other.tokens;
  }
  if (entry.tokens > kMostTokens - std::max(before, inStep))
    return fmt::format("more than {} tokens of a sequence or a step",
                       kMostTokens);
  if (llvm::is_contained(step.ended, entry.sequence))
    return "its sequence has ended before it on the line";
  step.entries.push_back(entry);
  return {};
}

llvm::Expected<Trace> replay::parseTrace(StringRef text) {
  Trace trace;
  std::map<int64_t, int64_t> live;
  int64_t number = 0;
  while (!text.empty()) {
    StringRef line;
    std::tie(line, text) = text.split('\n');
    ++number;
    TraceStep step;
    llvm::SmallVector<StringRef> words;
    line.split('#').first.split(words, ' ', -1, /*KeepEmpty=*/false);
    for (StringRef word : words) {
      word = word.trim();
      if (word.empty())
        continue;
      std::string problem = readWord(word, live, step);
      if (!problem.empty())
        return llvm::createStringError(fmt::format(
            "line {}: '{}': {}", number, std::string_view(word), problem));
    }
    if (step.entries.empty() && step.ended.empty())
      continue;
    for (const NewTokens &entry : step.entries)
      live[entry.sequence] += entry.tokens;
    for (int64_t sequence : step.ended)
      live.erase(sequence);
    trace.steps.push_back(std::move(step));
  }
  if (trace.steps.empty())
    return llvm::createStringError("there is no step in it");
  return trace;
}

std::string replay::spell(const Trace &trace) {
  std::string text = "# one call a line: SEQUENCE:NEW_TOKENS ..., -SEQUENCE "
                     "ends one\n";
  for (const TraceStep &step : trace.steps) {
    std::string line;
    for (const NewTokens &entry : step.entries)
      line += fmt::format("{}{}:{}", line.empty() ? "" : " ", entry.sequence,
                          entry.tokens);
    for (int64_t sequence : step.ended)
      line += fmt::format("{}-{}", line.empty() ? "" : " ", sequence);
    text += line + "\n";
  }
  return text;
}

//===----------------------------------------------------------------------===//
// Making
//===----------------------------------------------------------------------===//

namespace {
/// A request on its way through the engine.
struct Request {
  int64_t sequence, prompt, answer;
};

class Engine {
public:
  explicit Engine(const TraceShape &shape) : shape(shape), random(shape.seed) {}

  TraceStep step();

private:
  double fraction() { return (random.uniform() + 1) / 2; }
  /// A length around `median`, now and then a multiple of it.
  int64_t length(double median, int64_t most);
  void arrive();
  void answer(TraceStep &step);
  void readPrompts(TraceStep &step);

  const TraceShape &shape;
  verify::Random random;
  int64_t arrived = 0, left = 0;
  std::deque<Request> waiting;
  std::vector<Request> answering;
};
} // namespace

int64_t Engine::length(double median, int64_t most) {
  // Log-normal, of a sum of uniform numbers.
  double normal = 0;
  for (int i = 0; i < 4; ++i)
    normal += random.uniform();
  auto tokens = static_cast<int64_t>(median * std::exp(normal * 0.9));
  return std::clamp<int64_t>(tokens, 1, most);
}

/// About one request a step, as long as there is room for it.
void Engine::arrive() {
  while (static_cast<int64_t>(waiting.size() + answering.size()) <
             shape.sequences &&
         (arrived == 0 || fraction() < 0.5)) {
    int64_t prompt = length(192, 4 * shape.tokens);
    waiting.push_back({arrived++, prompt, length(24, shape.steps)});
  }
}

void Engine::answer(TraceStep &step) {
  for (Request &request : answering) {
    if (left == 0)
      break;
    step.entries.push_back({request.sequence, 1});
    --left;
    if (--request.answer == 0)
      step.ended.push_back(request.sequence);
  }
  llvm::erase_if(answering,
                 [](const Request &request) { return request.answer == 0; });
}

void Engine::readPrompts(TraceStep &step) {
  while (left > 0 && !waiting.empty()) {
    Request &request = waiting.front();
    int64_t tokens = std::min(left, request.prompt);
    step.entries.push_back({request.sequence, tokens});
    left -= tokens;
    request.prompt -= tokens;
    if (request.prompt > 0)
      return;
    answering.push_back(request);
    waiting.pop_front();
  }
}

TraceStep Engine::step() {
  TraceStep step;
  left = shape.tokens;
  arrive();
  answer(step);
  readPrompts(step);
  return step;
}

Trace replay::makeTrace(const TraceShape &shape) {
  Engine engine(shape);
  Trace trace;
  while (static_cast<int64_t>(trace.steps.size()) < shape.steps) {
    TraceStep step = engine.step();
    if (!step.entries.empty())
      trace.steps.push_back(std::move(step));
  }
  return trace;
}

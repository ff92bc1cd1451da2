//===- StageDiff.cpp - What a stage changed -------------------------------===//
//
// A longest common subsequence of each function's lines (Hunt and McIlroy
// 1976), in quadratic time up to a limit that no dump of a model reaches.
//
//===----------------------------------------------------------------------===//

#include "compiler/report/StageDiff.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"

using namespace attn;
using namespace attn::report;
using llvm::StringRef;

//===----------------------------------------------------------------------===//
// Lines
//===----------------------------------------------------------------------===//

static bool isNameCharacter(char c) {
  return llvm::isAlnum(c) || c == '_' || c == '$' || c == '.' || c == '-';
}

/// "maximum_0" -> "maximum", "12" -> "".
static StringRef withoutNumber(StringRef name) {
  StringRef stem = name.rtrim("0123456789");
  if (stem.empty())
    return stem;
  return stem != name && stem.ends_with("_") ? stem.drop_back() : name;
}

std::string report::normalizeLine(StringRef line) {
  std::string text;
  while (!line.empty()) {
    char next = line.front();
    line = line.drop_front();
    if (next == '\n') {
      line = line.ltrim();
      next = ' ';
    }
    text += next;
    if (next != '%')
      continue;
    StringRef name = line.take_while(isNameCharacter);
    text += withoutNumber(name).str();
    line = line.drop_front(name.size());
  }
  return text;
}

//===----------------------------------------------------------------------===//
// Sequences
//===----------------------------------------------------------------------===//

namespace {
/// The lines of one symbol in one stage: their keys, and where they stand.
struct Sequence {
  /// The operation that has the symbol.
  StringRef op;
  std::vector<std::string> keys;
  std::vector<size_t> places;
};
} // namespace

using Sequences = llvm::MapVector<StringRef, Sequence>;

/// Cells of the table of a comparison.
static constexpr size_t kMostCells = size_t(1) << 24;
/// Pairs of symbols that are compared to find a former name.
static constexpr size_t kMostPairs = 4096;

static Sequences splitBySymbol(const StageText &text) {
  Sequences sequences;
  for (auto [place, line] : llvm::enumerate(text.lines)) {
    Sequence &sequence = sequences[line.symbol];
    if (sequence.op.empty())
      sequence.op = line.op;
    sequence.keys.push_back(normalizeLine(line.text));
    sequence.places.push_back(place);
  }
  return sequences;
}

/// Whether each of `keys` is anywhere among `others`.
static std::vector<bool> findAnywhere(llvm::ArrayRef<std::string> keys,
                                      llvm::ArrayRef<std::string> others) {
  llvm::StringMap<char> known;
  for (const std::string &other : others)
    known[other];
  std::vector<bool> found;
  for (const std::string &key : keys)
    found.push_back(known.contains(key));
  return found;
}

/// Calls `match` with the indices of each pair of a longest common
/// subsequence.
static void matchInOrder(llvm::ArrayRef<std::string> before,
                         llvm::ArrayRef<std::string> after,
                         llvm::function_ref<void(size_t, size_t)> match) {
  // lengths[i][j]: of the best match of what follows i and j.
  size_t width = after.size() + 1;
  std::vector<uint32_t> lengths((before.size() + 1) * width);
  for (size_t i = before.size(); i-- > 0;)
    for (size_t j = after.size(); j-- > 0;)
      lengths[i * width + j] = before[i] == after[j]
                                   ? lengths[(i + 1) * width + j + 1] + 1
                                   : std::max(lengths[(i + 1) * width + j],
                                              lengths[i * width + j + 1]);
  for (size_t i = 0, j = 0; i < before.size() && j < after.size();) {
    if (before[i] == after[j])
      match(i++, j++);
    else if (lengths[(i + 1) * width + j] >= lengths[i * width + j + 1])
      ++i;
    else
      ++j;
  }
}

static void compare(const Sequence &before, const Sequence &after,
                    StageDiff &diff) {
  if ((before.keys.size() + 1) * (after.keys.size() + 1) > kMostCells) {
    for (auto [place, found] :
         llvm::zip_equal(before.places, findAnywhere(before.keys, after.keys)))
      diff.isGone[place] = !found;
    for (auto [place, found] :
         llvm::zip_equal(after.places, findAnywhere(after.keys, before.keys)))
      diff.isNew[place] = !found;
    return;
  }
  matchInOrder(before.keys, after.keys, [&](size_t i, size_t j) {
    diff.isGone[before.places[i]] = false;
    diff.isNew[after.places[j]] = false;
  });
}

/// The sequences of `some` whose symbol `others` do not have.
static llvm::SmallVector<const Sequence *>
withoutNamesake(const Sequences &some, const Sequences &others) {
  llvm::SmallVector<const Sequence *> alone;
  for (const auto &[symbol, sequence] : some)
    if (!others.count(symbol))
      alone.push_back(&sequence);
  return alone;
}

/// Which of `gone` became `sequence` under another name, most likely: the first
/// that shares most lines with it, if those are more than half.
static const Sequence *findFormer(const Sequence &sequence,
                                  llvm::ArrayRef<const Sequence *> gone) {
  const Sequence *best = nullptr;
  size_t most = sequence.keys.size() / 2;
  for (const Sequence *former : gone) {
    if (former->op != sequence.op)
      continue;
    size_t shared =
        llvm::count(findAnywhere(sequence.keys, former->keys), true);
    if (shared <= most)
      continue;
    best = former;
    most = shared;
  }
  return best;
}

StageDiff report::compareStages(const StageText &before,
                                const StageText &after) {
  StageDiff diff = {std::vector<bool>(before.lines.size(), true),
                    std::vector<bool>(after.lines.size(), true)};
  Sequences old = splitBySymbol(before), present = splitBySymbol(after);
  for (const auto &[symbol, sequence] : present)
    if (const auto *found = old.find(symbol); found != old.end())
      compare(found->second, sequence, diff);
  auto gone = withoutNamesake(old, present);
  auto fresh = withoutNamesake(present, old);
  if (gone.size() * fresh.size() > kMostPairs)
    return diff;
  for (const Sequence *sequence : fresh)
    if (const Sequence *former = findFormer(*sequence, gone))
      compare(*former, *sequence, diff);
  return diff;
}

//===- DumpStages.cpp - One file per stage --------------------------------===//
//
// Files are numbered in the order of the stages; each is input for the passes
// of the next.
//
//===----------------------------------------------------------------------===//

#include "compiler/StageText.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

#include <fmt/format.h>

using namespace attn;
using namespace mlir;

static OutputFile dump(const StageView &stage) {
  OutputFile file = {.name = fmt::format("{:02}-{}.mlir", stage.number,
                                         std::string_view(stage.name)),
                     .bytes = {}};
  llvm::raw_string_ostream out(file.bytes);
  write(printStage(stage), out);
  return file;
}

/// Whether the file at `path` is one that `dump` made.
static bool isDump(StringRef path) {
  StringRef name = llvm::sys::path::filename(path);
  unsigned number;
  if (name.consumeInteger(10, number) || !name.starts_with("-") ||
      !name.ends_with(".mlir"))
    return false;
  auto buffer = llvm::MemoryBuffer::getFile(path);
  return buffer && (*buffer)->getBuffer().starts_with(kStageTitle);
}

static std::string whyNotDump(StringRef directory) {
  std::string foreign = findForeign(directory, isDump);
  if (foreign.empty())
    return {};
  return fmt::format("holds '{}', which is no dump of a stage; choose another, "
                     "or move that away",
                     foreign);
}

OutputFolder attn::dumpFolder(StringRef path) { return {path, whyNotDump}; }

LogicalResult StageDump::check() const {
  return success(dir.empty() || succeeded(dumpFolder(dir).check()));
}

StageObserver StageDump::observer() {
  if (dir.empty())
    return nullptr;
  return [this](const StageView &stage) {
    files.push_back(dump(stage));
    return success();
  };
}

LogicalResult StageDump::write() const {
  return success(files.empty() || succeeded(dumpFolder(dir).write(files)));
}

StageObserver attn::both(StageObserver first, StageObserver second) {
  if (!first || !second)
    return first ? std::move(first) : std::move(second);
  return [first = std::move(first),
          second = std::move(second)](const StageView &stage) {
    if (failed(first(stage)))
      return LogicalResult::failure();
    return second(stage);
  };
}

//===- DumpStages.cpp - One file per stage --------------------------------===//
//
// Files are numbered in the order of the stages; each is input for the passes
// of the next.
//
//===----------------------------------------------------------------------===//

#include "compiler/Diagnostics.h"
#include "compiler/StageText.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

#include <fmt/format.h>

using namespace attn;
using namespace mlir;

static LogicalResult fail(StringRef path, std::error_code problem) {
  reportError(fmt::format("{}: cannot be written: {}", std::string_view(path),
                          problem.message()));
  return failure();
}

static LogicalResult dump(StringRef dir, const StageView &stage) {
  if (std::error_code problem = llvm::sys::fs::create_directories(dir))
    return fail(dir, problem);
  llvm::SmallString<128> path(dir);
  llvm::sys::path::append(path, fmt::format("{:02}-{}.mlir", stage.number,
                                            std::string_view(stage.name)));
  std::error_code problem;
  llvm::raw_fd_ostream out(path, problem);
  if (problem)
    return fail(path, problem);
  write(printStage(stage), out);
  out.flush();
  if (!out.has_error())
    return success();
  problem = out.error();
  out.clear_error();
  return fail(path, problem);
}

StageObserver attn::dumpStages(StringRef dir) {
  if (dir.empty())
    return nullptr;
  return [dir = dir.str()](const StageView &stage) { return dump(dir, stage); };
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

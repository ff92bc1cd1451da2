//===- StageDiff.h - What a stage changed -----------------------*- C++ -*-===//
//
// Compares the printed lines of two successive stages, function by function:
// functions may move or change their names, and the numbers of values do not
// count.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_REPORT_STAGEDIFF_H
#define COMPILER_REPORT_STAGEDIFF_H

#include "compiler/StageText.h"

#include <vector>

namespace attn::report {

struct StageDiff {
  /// By line of the stage before: the line is not in the stage after.
  std::vector<bool> isGone;
  /// By line of the stage after: the line was not in the stage before.
  std::vector<bool> isNew;
};

StageDiff compareStages(const StageText &before, const StageText &after);

/// `line` without what only the printer chose: numbers of values and breaks.
std::string normalizeLine(llvm::StringRef line);

} // namespace attn::report

#endif // COMPILER_REPORT_STAGEDIFF_H

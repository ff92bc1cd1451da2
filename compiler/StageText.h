//===- StageText.h - A stage as text ----------------------------*- C++ -*-===//
//
// The IR line by line, with what each line is about: dumps write it, the page
// of --report compares it.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_STAGETEXT_H
#define COMPILER_STAGETEXT_H

#include "compiler/Stages.h"

#include <string>
#include <vector>

namespace attn {

/// What the printer puts on one line.
struct StageLine {
  /// Broken into pieces of at most 100 columns, where there is a place to.
  std::string text;
  /// The name of the operation that begins here; empty if none does.
  std::string op = {};
  /// The function, program or declaration that the line belongs to; empty for
  /// the lines around them.
  std::string symbol = {};
  /// Of the operation.
  mlir::LocationAttr location = {};
};

struct StageText {
  /// Comments: number, name, passes. Ends with a newline.
  std::string title;
  std::vector<StageLine> lines;
};

/// What the text of a stage begins with.
inline constexpr llvm::StringLiteral kStageTitle = "// Stage ";

StageText printStage(const StageView &stage);

/// Writes what a parser reads back.
void write(const StageText &text, llvm::raw_ostream &out);

} // namespace attn

#endif // COMPILER_STAGETEXT_H

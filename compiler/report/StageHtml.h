//===- StageHtml.h - Stages as HTML -----------------------------*- C++ -*-===//
//
// A list of lines per stage, in which operations that are new, or gone
// afterwards, are marked and remarks stand below theirs.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_REPORT_STAGEHTML_H
#define COMPILER_REPORT_STAGEHTML_H

#include "compiler/report/StageRecorder.h"

namespace attn::report {

/// A link to each stage, with how much it changed.
std::string stageLinks(llvm::ArrayRef<RecordedStage> stages);

/// The stages in at most `mostBytes`: none is cut as long as others take more.
std::string renderStages(llvm::ArrayRef<RecordedStage> stages,
                         size_t mostBytes);

} // namespace attn::report

#endif // COMPILER_REPORT_STAGEHTML_H

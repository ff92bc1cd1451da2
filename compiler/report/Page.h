//===- Page.h - The page of --report ----------------------------*- C++ -*-===//
//
// One HTML file that needs no other and no network: equal compilations give
// equal bytes, and there is a limit to how many.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_REPORT_PAGE_H
#define COMPILER_REPORT_PAGE_H

#include "compiler/explain/Report.h"
#include "compiler/report/StageRecorder.h"

namespace attn::report {

/// What the page is about.
struct PageContent {
  /// "1 kernel, 32 layers".
  std::string summary;
  llvm::ArrayRef<RecordedStage> stages;
  llvm::ArrayRef<RecordedAttention> attentions;
  /// As --print-schedule prints them, a table each.
  llvm::ArrayRef<std::string> schedules;
  /// The declared layers; its remarks are not read.
  const Explanation &layers;
};

/// The largest page that a browser still opens at once.
inline constexpr size_t kMostPageBytes = size_t(4) << 20;

/// Whether `bytes` begin as every page does: no other file may be replaced.
bool isPage(llvm::StringRef bytes);

/// The page, in at most `mostBytes`, of which the empty page takes some 20000.
/// Each stage gets its share; what is left out is said where it is missing.
std::string renderPage(const PageContent &content,
                       size_t mostBytes = kMostPageBytes);

} // namespace attn::report

#endif // COMPILER_REPORT_PAGE_H

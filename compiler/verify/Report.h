//===- Report.h - What a verification found ---------------------*- C++ -*-===//
//
// One line per case for people, one JSON document for scripts.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_VERIFY_REPORT_H
#define COMPILER_VERIFY_REPORT_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/raw_ostream.h"
#include <cstdint>
#include <string>
#include <vector>

namespace attn::verify {

struct CaseShape {
  int64_t batch = 0, queryLength = 0, kvLength = 0;
  int64_t queryHeads = 0, kvHeads = 0, headDim = 0, valueDim = 0;
};

struct CaseReport {
  std::string kernel;
  /// Which of the kernel's targets ran.
  std::string target = {};
  int64_t layer = 0;
  std::string name;
  CaseShape shape;
  double maxAbsError = 0;
  double tolerance = 0;
  bool ok = true;
  /// What went wrong, and where; empty if nothing did.
  std::string detail;
};

struct Report {
  std::vector<CaseReport> cases;

  int64_t passed() const;
  int64_t failed() const {
    return static_cast<int64_t>(cases.size()) - passed();
  }
};

void printCases(llvm::ArrayRef<CaseReport> cases, llvm::raw_ostream &stream);
void printCounts(const Report &report, llvm::raw_ostream &stream);
void printJson(const Report &report, llvm::raw_ostream &stream);

} // namespace attn::verify

#endif // COMPILER_VERIFY_REPORT_H

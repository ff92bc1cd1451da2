//===- RemarkCollector.cpp - What the passes say they did -----------------===//
//
// A streamer of MLIR's remark engine that keeps what it is given.
//
//===----------------------------------------------------------------------===//

#include "compiler/RemarkCollector.h"

#include "mlir/IR/Remarks.h"
#include "llvm/ADT/STLExtras.h"

using namespace attn;
using namespace mlir;

static std::string kindOf(const remark::detail::Remark &remark) {
  switch (remark.getRemarkType()) {
  case llvm::remarks::Type::Passed:
    return "done";
  case llvm::remarks::Type::Missed:
    return "missed";
  case llvm::remarks::Type::Failure:
    return "failed";
  case llvm::remarks::Type::Unknown:
  case llvm::remarks::Type::Analysis:
  case llvm::remarks::Type::AnalysisFPCommute:
  case llvm::remarks::Type::AnalysisAliasing:
    return "analysis";
  }
  llvm_unreachable("unknown remark type");
}

/// What the pass wrote into the remark, values and words alike.
static std::string textOf(const remark::detail::Remark &remark) {
  std::string text;
  for (const remark::detail::Remark::Arg &part : remark.getArgs()) {
    if (!text.empty() && text.back() != ' ')
      text += ' ';
    text += part.key == "Remark" ? part.val : part.key + "=" + part.val;
  }
  return text;
}

namespace {
class Streamer : public remark::detail::MLIRRemarkStreamerBase {
public:
  explicit Streamer(RemarkListener listener) : listener(std::move(listener)) {}

  void streamOptimizationRemark(const remark::detail::Remark &remark) override {
    StringRef function = remark.getFunction();
    // What MLIR says where the pass has set none.
    if (function == "<unknown function>")
      function = "";
    listener({remark.getCategoryName().str(), kindOf(remark), textOf(remark)},
             function, remark.getLocation());
  }

private:
  RemarkListener listener;
};
} // namespace

void attn::listenToRemarks(MLIRContext &context, RemarkListener listener) {
  // "all" alone lets nothing through.
  remark::RemarkCategories everything;
  everything.passed = everything.missed = everything.analysis =
      everything.failed = ".*";
  LogicalResult enabled = remark::enableOptimizationRemarks(
      context, std::make_unique<Streamer>(std::move(listener)),
      std::make_unique<remark::RemarkEmittingPolicyAll>(), everything);
  assert(succeeded(enabled) && "a fresh engine accepts any streamer");
  (void)enabled;
}

void attn::collectRemarks(MLIRContext &context,
                          std::vector<PassRemark> &remarks) {
  listenToRemarks(context, [&](PassRemark remark, StringRef, Location) {
    if (!llvm::is_contained(remarks, remark))
      remarks.push_back(std::move(remark));
  });
}

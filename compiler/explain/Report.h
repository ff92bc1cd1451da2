//===- Report.h - What attnc explain says -----------------------*- C++ -*-===//
//
// One collection of facts, told as text or as one JSON document.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_EXPLAIN_REPORT_H
#define COMPILER_EXPLAIN_REPORT_H

#include "compiler/RemarkCollector.h"
#include "compiler/explain/Roofline.h"
#include "dialects/attn/AttnAttributes.h"
#include "mlir/IR/BuiltinOps.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/raw_ostream.h"

namespace attn {

/// Layers with one declaration.
struct ExplainedGroup {
  llvm::SmallVector<int64_t> layers;
  /// "32 heads over 8 key/value heads of 128, causal", or why not compiled.
  std::string description;
  /// Of one layer; nothing for layers that are not compiled.
  std::optional<LayerCosts> costs = std::nullopt;
  /// "f16", or "f16 keys and bf16 values"; empty for layers not compiled.
  std::string cacheTypes = "";
  /// Of a latent layer.
  std::optional<LatentForms> forms = std::nullopt;
  /// Of the core kernels: a prefill, and one token.
  std::vector<RooflinePoint> roofline = {};
  /// The rotation of heads of that size, null without one: who calls a core
  /// kernel rotates. Of a latent layer, that of the rotated part.
  RopeAttr rope = {};
  int64_t rotatedSize = 0;
};

struct Explanation {
  std::string name;
  CostQuestion question;
  std::vector<ExplainedGroup> groups;
  std::vector<PassRemark> remarks;

  /// Of all layers; nothing if one of them is not compiled, or none declared.
  std::optional<LayerCosts> total() const;
  /// The sums over all layers, under the same condition.
  std::vector<RooflinePoint> totalRoofline() const;
  /// The forms of the first latent layer.
  std::optional<LatentForms> forms() const;
};

/// The layers that `module` declares and what they cost.
Explanation explainLayers(mlir::ModuleOp module, const CostQuestion &question);

/// "41 943 040": digits in groups, as people count.
std::string groupDigits(double count, llvm::StringRef separator = " ");

void printText(const Explanation &explanation, llvm::raw_ostream &out);
void printJson(const Explanation &explanation, llvm::raw_ostream &out);

} // namespace attn

#endif // COMPILER_EXPLAIN_REPORT_H

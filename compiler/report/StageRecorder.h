//===- StageRecorder.h - What --report shows of the stages ------*- C++ -*-===//
//
// Keeps the text of every stage while a module is compiled, the remarks that
// led to it, and the attention that was found.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_REPORT_STAGERECORDER_H
#define COMPILER_REPORT_STAGERECORDER_H

#include "compiler/explain/Roofline.h"
#include "compiler/report/RemarkPlaces.h"

namespace attn::report {

struct RecordedStage {
  unsigned number;
  std::string name, passes, about;
  StageText text;
  /// By line: it was not in the stage before; it is not in the stage after.
  std::vector<bool> isNew = {}, isGone = {};
  /// By line, what is shown at it; at the end what has no place.
  std::vector<std::vector<PassRemark>> remarks = {};
};

/// A function that became one attention, and its calls on the roofline.
struct RecordedAttention {
  std::string function;
  /// Of the model; empty if the input is a function.
  std::vector<int64_t> layers;
  /// Values are a part of the keys.
  bool isAbsorbed = false;
  std::string mask = {};
  std::vector<RooflinePoint> points;
  /// The kernel that computes it; empty as long as that is not known.
  std::string kernel = {};
};

class StageRecorder {
public:
  explicit StageRecorder(const CostQuestion &question) : question(question) {}

  /// From now on keeps the remarks of `context`, which this has to outlive.
  void listen(mlir::MLIRContext &context);
  /// Keeps the stages that it is called for; this has to outlive it.
  StageObserver observer();

  const CostQuestion &getQuestion() const { return question; }

  std::vector<RecordedStage> stages;
  std::vector<RecordedAttention> attentions;

private:
  void record(const StageView &stage);

  CostQuestion question;
  /// Those that no stage has taken yet.
  std::vector<SitedRemark> pending;
};

} // namespace attn::report

#endif // COMPILER_REPORT_STAGERECORDER_H

//===- VerifyEachNumeric.cpp - Which pass changed the function ------------===//
//
// Functions that a pass takes below the fused level have no interpretation
// any more and are left alone from there on.
//
//===----------------------------------------------------------------------===//

#include "compiler/verify/VerifyEachNumeric.h"

#include "compiler/reference/Interpreter.h"
#include "compiler/verify/Compare.h"
#include "mlir/Pass/Pass.h"
#include <cmath>
#include <fmt/format.h>

using namespace mlir;
using namespace attn;
using namespace attn::verify;
using attn::reference::Tensor;

// Constants inside score_mod regions are float32: rewriting one as its
// reciprocal moves results by a few 2^-24. A wrong rewrite moves them more.
static constexpr double kRelativeTolerance = 1e-5;

/// The name that a declared layer shares with the function it expands to.
static StringRef nameOf(Operation *subject) {
  StringRef name = SymbolTable::getSymbolName(subject).getValue();
  name.consume_back("_core");
  return name;
}

/// Calls body for every declared layer and function.
static void forEachSubject(Operation *root,
                           function_ref<void(Operation *)> body) {
  root->walk<WalkOrder::PreOrder>([&](Operation *op) {
    bool isFunction = isa<func::FuncOp>(op);
    if (isFunction || isa<GroupedOp>(op))
      body(op);
    return isFunction ? WalkResult::skip() : WalkResult::advance();
  });
}

static bool isInterpretable(Operation *subject) {
  auto function = dyn_cast<func::FuncOp>(subject);
  return !function || reference::isInterpretable(function);
}

static FailureOr<SmallVector<Tensor>>
interpretSubject(Operation *subject, ArrayRef<Tensor> inputs) {
  if (auto layer = dyn_cast<GroupedOp>(subject))
    return reference::interpret(layer, inputs);
  return reference::interpret(cast<func::FuncOp>(subject), inputs);
}

void NumericCheck::record(Operation *root) {
  // A hand-written function's static sizes may not fit a case: no error.
  ScopedDiagnosticHandler quiet(root->getContext(), [](Diagnostic &) {});
  forEachSubject(root, [&](Operation *subject) {
    Cases &cases = recorded[nameOf(subject)];
    if (!cases.empty() || !isInterpretable(subject))
      return;
    for (SmallInputs &inputs : makeSmallInputs(subject)) {
      FailureOr<SmallVector<Tensor>> results =
          interpretSubject(subject, inputs.tensors);
      if (succeeded(results))
        cases.push_back({std::move(inputs), std::move(*results)});
    }
  });
}

/// Whether the finite elements are close and the others the same.
static bool isClose(const Difference &difference) {
  return !difference.inPattern &&
         difference.error <=
             kRelativeTolerance * (1 + std::fabs(difference.expected));
}

bool NumericCheck::isUnchanged(Operation *subject, const Cases &cases,
                               StringRef pass) {
  for (const Recorded &recordedCase : cases) {
    FailureOr<SmallVector<Tensor>> results =
        interpretSubject(subject, recordedCase.inputs.tensors);
    if (failed(results) || results->size() != recordedCase.results.size()) {
      subject->emitError() << "pass '" << pass << "' changed the signature of '"
                           << nameOf(subject) << "'";
      return false;
    }
    for (auto [i, result] : llvm::enumerate(*results)) {
      const Tensor &expected = recordedCase.results[i];
      Difference worst = worstDifference(expected, result);
      if (isClose(worst))
        continue;
      InFlightDiagnostic diagnostic = subject->emitError();
      diagnostic << "pass '" << pass << "' changed '" << nameOf(subject)
                 << "': result " << i << " at " << describe(worst, expected);
      diagnostic.attachNote()
          << "inputs are those of case '" << recordedCase.inputs.name << "'";
      return false;
    }
  }
  return true;
}

void NumericCheck::check(Operation *root, StringRef pass) {
  passes.insert(pass);
  forEachSubject(root, [&](Operation *subject) {
    StringRef name = nameOf(subject);
    auto entry = recorded.find(name);
    if (entry == recorded.end() || entry->second.empty() ||
        changed.contains(name) || !isInterpretable(subject))
      return;
    comparedPasses.insert(pass);
    if (isUnchanged(subject, entry->second, pass))
      ++unchanged;
    else
      changed.insert(name);
  });
}

Coverage NumericCheck::coverage() const {
  Coverage coverage = {.passes = passes, .comparedPasses = comparedPasses};
  for (const auto &entry : recorded)
    ++(entry.second.empty() ? coverage.leftOut : coverage.functions);
  return coverage;
}

void Coverage::add(const Coverage &other) {
  functions += other.functions;
  leftOut += other.leftOut;
  for (const auto &pass : other.passes)
    passes.insert(pass.getKey());
  for (const auto &pass : other.comparedPasses)
    comparedPasses.insert(pass.getKey());
}

static std::string count(unsigned number, std::string_view what) {
  return fmt::format("{} {}{}", number, what, number == 1 ? "" : "s");
}

std::string Coverage::describe() const {
  std::string text = "compared nothing";
  if (!comparedPasses.empty())
    text = fmt::format("compared {} after {} of {}",
                       count(functions, "function"), comparedPasses.size(),
                       passes.size() == 1
                           ? "1 pass"
                           : fmt::format("{} passes", passes.size()));
  if (leftOut)
    text += fmt::format(", left out {}", count(leftOut, "function"));
  return text;
}

namespace {
/// The pass manager calls instrumentations one at a time.
class NumericInstrumentation : public PassInstrumentation {
public:
  explicit NumericInstrumentation(NumericCheck &check) : check(check) {}

  void runBeforePass(Pass *, Operation *op) override { check.record(op); }

  void runAfterPass(Pass *pass, Operation *op) override {
    StringRef name = pass->getArgument();
    // The adaptor around nested pipelines, whose passes were checked.
    if (pass->getName().contains("OpToOpPassAdaptor"))
      return;
    check.check(op, name.empty() ? pass->getName() : name);
  }

private:
  NumericCheck &check;
};
} // namespace

std::unique_ptr<PassInstrumentation>
verify::createNumericInstrumentation(NumericCheck &check) {
  return std::make_unique<NumericInstrumentation>(check);
}

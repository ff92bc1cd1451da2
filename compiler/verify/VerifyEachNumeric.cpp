//===- VerifyEachNumeric.cpp - Which pass changed the function ------------===//
//
// Functions that a pass takes below the fused level have no interpretation
// any more and are left alone from there on. Nor has linalg one: functions in
// it are compared from the pass that converts them on, and that pass itself by
// tests/numeric/test_linalg.py.
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

/// A declared layer, in one form if it is latent, or a function, with the name
/// that a layer shares with the function it expands to.
struct NumericCheck::Named {
  std::string name;
  Operation *op;
  LatentForm form = LatentForm::Expanded;

  bool isInterpretable() const {
    auto function = dyn_cast<func::FuncOp>(op);
    return !function || reference::isInterpretable(function);
  }
  FailureOr<SmallVector<Tensor>> interpret(ArrayRef<Tensor> inputs) const {
    if (auto layer = dyn_cast<GroupedOp>(op))
      return reference::interpret(layer, inputs);
    if (auto layer = dyn_cast<LatentOp>(op))
      return reference::interpret(layer, form, inputs);
    return reference::interpret(cast<func::FuncOp>(op), inputs);
  }
  Spelling spelling() const {
    Spelling steps;
    op->walk([&](Operation *step) {
      if (isa<SoftmaxOp, MaskedSoftmaxOp, MaskOp, MaskedFillOp, WhereOp, AddOp,
              MulOp, DivOp>(step))
        steps.push_back(step->getName().getStringRef());
    });
    llvm::sort(steps);
    return steps;
  }
};

/// Calls body for every declared layer and function.
void NumericCheck::forEach(Operation *root,
                           function_ref<void(const Named &)> body) {
  root->walk<WalkOrder::PreOrder>([&](Operation *op) {
    auto function = dyn_cast<func::FuncOp>(op);
    auto symbol =
        op->getAttrOfType<StringAttr>(SymbolTable::getSymbolAttrName());
    StringRef name = symbol ? symbol.getValue() : StringRef();
    if (isa<LatentOp>(op)) {
      body({(name + "_expanded").str(), op, LatentForm::Expanded});
      body({(name + "_absorbed").str(), op, LatentForm::Absorbed});
    } else if (isa<GroupedOp>(op) || function) {
      name.consume_back("_core");
      body({name.str(), op});
    }
    return function ? WalkResult::skip() : WalkResult::advance();
  });
}

void NumericCheck::record(Operation *root) {
  // A hand-written function's static sizes may not fit a case: no error.
  ScopedDiagnosticHandler quiet(root->getContext(), [](Diagnostic &) {});
  forEach(root, [&](const Named &subject) {
    spellings[subject.name] = subject.spelling();
    Cases &cases = recorded[subject.name];
    if (!cases.empty() || !subject.isInterpretable())
      return;
    for (SmallInputs &inputs : makeSmallInputs(subject.op, subject.form)) {
      FailureOr<SmallVector<Tensor>> results =
          subject.interpret(inputs.tensors);
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

static bool hasNan(const Tensor &tensor) {
  return llvm::any_of(tensor.data(), [](double x) { return std::isnan(x); });
}

/// Attention spelled out makes NaNs that attention does not have, inf - inf of
/// a score under a mask that is added, a score of NaN under one, and 0 / 0 of
/// weights that all vanish: where it is spelled otherwise they may get values,
/// which hold from there. Other NaNs are those of the inputs.
static void adoptNans(const SmallInputs &inputs, ArrayRef<Tensor> results,
                      MutableArrayRef<Tensor> expected) {
  if (!inputs.areScoresNan && llvm::any_of(inputs.tensors, hasNan))
    return;
  for (auto [result, old] : llvm::zip(results, expected))
    for (auto [got, was] : llvm::zip(result.data(), old.data()))
      if (std::isnan(was))
        was = got;
}

/// Whether the function had a softmax apart from its mask, and has other steps
/// now. Attention that is one step means its NaNs.
bool NumericCheck::isRespelled(const Named &subject) const {
  Spelling before = spellings.lookup(subject.name);
  return llvm::is_contained(before, SoftmaxOp::getOperationName()) &&
         before != subject.spelling();
}

bool NumericCheck::isUnchanged(const Named &subject, Cases &cases,
                               StringRef pass) {
  for (Recorded &recordedCase : cases) {
    FailureOr<SmallVector<Tensor>> results =
        subject.interpret(recordedCase.inputs.tensors);
    if (failed(results) || results->size() != recordedCase.results.size()) {
      subject.op->emitError()
          << "pass '" << pass << "' changed the signature of '" << subject.name
          << "'";
      return false;
    }
    if (isRespelled(subject))
      adoptNans(recordedCase.inputs, *results, recordedCase.results);
    for (auto [i, result] : llvm::enumerate(*results)) {
      const Tensor &expected = recordedCase.results[i];
      Difference worst = worstDifference(expected, result);
      if (isClose(worst))
        continue;
      InFlightDiagnostic diagnostic = subject.op->emitError();
      diagnostic << "pass '" << pass << "' changed '" << subject.name
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
  forEach(root, [&](const Named &subject) {
    auto entry = recorded.find(subject.name);
    if (entry == recorded.end() || entry->second.empty() ||
        changed.contains(subject.name) || !subject.isInterpretable())
      return;
    comparedPasses.insert(pass);
    if (isUnchanged(subject, entry->second, pass))
      ++unchanged;
    else
      changed.insert(subject.name);
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
  // Tile programs and what is below them.
  if (comparedPasses.size() != passes.size() && !comparedPasses.empty())
    text += " (what the others left is not interpreted)";
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

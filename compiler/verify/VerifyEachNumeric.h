//===- VerifyEachNumeric.h - Which pass changed the function ----*- C++ -*-===//
//
// Interprets every function before a pipeline and after each of its passes,
// and names the first pass, function and element that came out different.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_VERIFY_VERIFYEACHNUMERIC_H
#define COMPILER_VERIFY_VERIFYEACHNUMERIC_H

#include "compiler/verify/SmallInputs.h"
#include "mlir/Pass/PassInstrumentation.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include <memory>
#include <string>

namespace attn::verify {

/// What a check looked at: where nothing could be compared, nothing is proved.
struct Coverage {
  /// Functions and layers that were interpreted, and others.
  unsigned functions = 0, leftOut = 0;
  /// Flags of the passes that ran, and of those after which some function was
  /// interpreted again.
  llvm::StringSet<> passes, comparedPasses;

  void add(const Coverage &other);
  /// "compared 2 functions after 5 of 6 passes (what the others left is not
  /// interpreted), left out 1 function"
  std::string describe() const;
};

/// Remembers what each function computed when it was first seen. Outlives the
/// pass managers whose passes it checks; one serves a whole compilation.
class NumericCheck {
public:
  /// Records the results of the functions and declared layers in `root` that
  /// were not seen before. A layer and the function that it expands to, which
  /// is named after it, are one; a latent layer is two, one for each form.
  void record(mlir::Operation *root);

  /// Compares the functions in `root` with what was recorded; reports the
  /// first element that `pass` changed as an error at the function. A NaN of
  /// spelled-out attention may become what attention has in its place, where
  /// the pass spelled it otherwise.
  void check(mlir::Operation *root, llvm::StringRef pass);

  bool hasFailed() const { return !changed.empty(); }
  /// How many times a function was found unchanged.
  unsigned comparisons() const { return unchanged; }
  Coverage coverage() const;

private:
  struct Recorded {
    SmallInputs inputs;
    llvm::SmallVector<reference::Tensor> results;
  };
  using Cases = llvm::SmallVector<Recorded, 0>;

  /// How attention is spelled: the names of its steps from scores to weights,
  /// sorted.
  using Spelling = llvm::SmallVector<llvm::StringRef, 0>;

  struct Named;
  static void forEach(mlir::Operation *root,
                      llvm::function_ref<void(const Named &)> body);
  bool isRespelled(const Named &subject) const;
  bool isUnchanged(const Named &subject, Cases &cases, llvm::StringRef pass);

  /// No cases: a function that cannot be interpreted, at least for now.
  llvm::StringMap<Cases> recorded;
  /// How each function was spelled before the pass.
  llvm::StringMap<Spelling> spellings;
  /// Functions reported already: later passes are not to blame.
  llvm::StringSet<> changed;
  unsigned unchanged = 0;
  llvm::StringSet<> passes, comparedPasses;
};

/// Runs `check` around every pass of a pass manager.
std::unique_ptr<mlir::PassInstrumentation>
createNumericInstrumentation(NumericCheck &check);

} // namespace attn::verify

#endif // COMPILER_VERIFY_VERIFYEACHNUMERIC_H

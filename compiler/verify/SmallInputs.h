//===- SmallInputs.h - Tensors that tell functions apart --------*- C++ -*-===//
//
// Small random and adversarial inputs for a declared layer or a function:
// sizes that the IR leaves open are odd, sequences are empty, short and full,
// and what must not be read holds NaN.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_VERIFY_SMALLINPUTS_H
#define COMPILER_VERIFY_SMALLINPUTS_H

#include "compiler/reference/Tensor.h"
#include "dialects/attn/AttnOps.h"
#include "mlir/IR/Operation.h"
#include <string>

namespace attn::verify {

struct SmallInputs {
  std::string name;
  llvm::SmallVector<reference::Tensor> tensors;
  /// A value that holds a NaN is used for something else too: for scores.
  bool areScoresNan = false;
};

/// Inputs for a declared layer, a latent one in this form, or a func.func, one
/// tensor per argument. What an argument of a function is (query, lengths ...)
/// is seen from the operations that use it.
llvm::SmallVector<SmallInputs>
makeSmallInputs(mlir::Operation *subject,
                LatentForm form = LatentForm::Expanded);

} // namespace attn::verify

#endif // COMPILER_VERIFY_SMALLINPUTS_H

//===- RemarkCollector.h - What the passes say they did ---------*- C++ -*-===//
//
// Remarks are for the user: what was rewritten, what was not, and the number
// that decided.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_REMARKCOLLECTOR_H
#define COMPILER_REMARKCOLLECTOR_H

#include "mlir/IR/Location.h"
#include "mlir/IR/MLIRContext.h"

#include <functional>
#include <string>
#include <vector>

namespace attn {

struct PassRemark {
  /// The flag of the pass.
  std::string pass;
  /// "done", "missed", "failed" or "analysis".
  std::string kind;
  std::string text;

  bool operator==(const PassRemark &) const = default;
};

/// Called with a remark, the function that it is about (empty: none) and where
/// in it.
using RemarkListener = std::function<void(
    PassRemark remark, llvm::StringRef function, mlir::Location location)>;

/// From now on gives every remark of `context` to `listener`.
void listenToRemarks(mlir::MLIRContext &context, RemarkListener listener);

/// From now on puts every remark of `context` into `remarks`, which has to
/// outlive the context; a remark that is already there is left out.
void collectRemarks(mlir::MLIRContext &context,
                    std::vector<PassRemark> &remarks);

} // namespace attn

#endif // COMPILER_REMARKCOLLECTOR_H

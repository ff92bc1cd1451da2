//===- Arguments.h - What a function's arguments stand for ------*- C++ -*-===//
//
// The role of each argument of a declared layer or a function, seen from the
// operations that use it: hand-written functions may name theirs as they like.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_VERIFY_ARGUMENTS_H
#define COMPILER_VERIFY_ARGUMENTS_H

#include "dialects/attn/AttnOps.h"
#include "mlir/IR/Operation.h"
#include "llvm/ADT/SmallVector.h"

namespace attn::verify {

/// A latent is key and value at once. Booleans show keys, or hide them, where
/// they are true; other masks are added to scores.
enum class Role {
  Other,
  Query,
  Key,
  Value,
  Latent,
  Score,
  Lengths,
  Prefix,
  Documents,
  Sinks,
  Table,
  Showing,
  Hiding,
  Added,
  Positions
};

inline bool isKey(Role role) {
  return role == Role::Key || role == Role::Latent;
}
inline bool isValue(Role role) {
  return role == Role::Value || role == Role::Latent;
}
inline bool isMask(Role role) {
  return role == Role::Showing || role == Role::Added;
}
/// The argument holds int32.
bool isInteger(Role role);

struct Argument {
  Role role = Role::Other;
  /// Open sizes are ShapedType::kDynamic.
  llvm::SmallVector<int64_t> shape;
};

/// The sizes that a case chooses.
struct OpenSizes {
  int64_t batch = 1, queries = 1, keys = 1;
};

/// Arguments of a declared layer, a latent one in this form, or of a func.func,
/// in order.
llvm::SmallVector<Argument> argumentsOf(mlir::Operation *subject,
                                        LatentForm form = LatentForm::Expanded);

/// Fills the open sizes of all arguments in.
void close(llvm::MutableArrayRef<Argument> arguments, const OpenSizes &sizes);

} // namespace attn::verify

#endif // COMPILER_VERIFY_ARGUMENTS_H

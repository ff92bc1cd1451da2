//===- TailFields.h - What follows the tensors in args ----------*- C++ -*-===//
//
// The fields of runtime/attn_rt_tail.h, for the header and the names in it.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_ARTIFACT_TAILFIELDS_H
#define COMPILER_ARTIFACT_TAILFIELDS_H

#include "runtime/attn_rt_tail.h"
#include "llvm/ADT/StringRef.h"

namespace attn::artifact {

/// A tensor, or a number of 32 bits.
struct TailField {
  llvm::StringLiteral name;
  bool isTensor;
};

#define ATTN_TENSOR(name) {#name, true},
#define ATTN_NUMBER(name) {#name, false},
inline constexpr TailField kTailFields[] = {
    ATTN_RT_TAIL(ATTN_TENSOR, ATTN_NUMBER, ATTN_TENSOR)};
#undef ATTN_TENSOR
#undef ATTN_NUMBER

} // namespace attn::artifact

#endif // COMPILER_ARTIFACT_TAILFIELDS_H

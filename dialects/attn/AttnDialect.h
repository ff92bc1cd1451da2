//===- AttnDialect.h - the attn dialect -------------------------*- C++ -*-===//
//
// Declares the dialect class; operations are in AttnOps.h.
//
//===----------------------------------------------------------------------===//

#ifndef DIALECTS_ATTN_ATTNDIALECT_H
#define DIALECTS_ATTN_ATTNDIALECT_H

#include "mlir/IR/Dialect.h"

#include "dialects/attn/AttnDialect.h.inc"

namespace attn {

/// Discardable attributes that the dialect defines on functions: the name a
/// tensor has for users, the model's layers that a function stands for, and how
/// much of them it covers.
inline constexpr llvm::StringLiteral kNameAttr = "attn.name";
inline constexpr llvm::StringLiteral kLayersAttr = "attn.layers";
/// On a function that is one of several for a kernel: the kernel's name, and up
/// to how many queries of a sequence it serves; without the latter any number.
inline constexpr llvm::StringLiteral kKernelAttr = "attn.kernel";
inline constexpr llvm::StringLiteral kMaxQueriesAttr = "attn.max_queries";
/// On a result: the name of the argument whose place it takes.
inline constexpr llvm::StringLiteral kUpdatesAttr = "attn.updates";
inline constexpr llvm::StringLiteral kScopeAttr = "attn.scope";

} // namespace attn

#endif // DIALECTS_ATTN_ATTNDIALECT_H

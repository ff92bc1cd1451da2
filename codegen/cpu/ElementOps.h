//===- ElementOps.h - functions of elements as vector code ------*- C++ -*-===//
//
// Turns a region of arith and math operations on single elements into the same
// operations on as many elements as a vector has lanes.
//
//===----------------------------------------------------------------------===//

#ifndef CODEGEN_CPU_ELEMENTOPS_H
#define CODEGEN_CPU_ELEMENTOPS_H

#include "codegen/cpu/KernelBuilder.h"

#include <optional>
#include <string>

namespace attn::cpu {

/// What `body` yields for one vector per argument: of f32, i32 or i1.
Value emitElements(KernelBuilder &k, mlir::Block &body, ValueRange arguments);

/// Why `body` cannot be emitted by emitElements, or nothing.
std::optional<std::string> whyNotElements(mlir::Block &body);

} // namespace attn::cpu

#endif // CODEGEN_CPU_ELEMENTOPS_H

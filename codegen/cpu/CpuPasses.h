//===- CpuPasses.h - the CPU back end's passes ------------------*- C++ -*-===//
//
// Declares every pass of CpuPasses.td.
//
//===----------------------------------------------------------------------===//

#ifndef CODEGEN_CPU_CPUPASSES_H
#define CODEGEN_CPU_CPUPASSES_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Pass/Pass.h"

namespace attn::cpu {

#define GEN_PASS_DECL
#include "codegen/cpu/CpuPasses.h.inc"

#define GEN_PASS_REGISTRATION
#include "codegen/cpu/CpuPasses.h.inc"

} // namespace attn::cpu

#endif // CODEGEN_CPU_CPUPASSES_H

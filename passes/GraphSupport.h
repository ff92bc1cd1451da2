//===- GraphSupport.h - what a graph program is made of ---------*- C++ -*-===//
//
// See GraphSupport.cpp.
//
//===----------------------------------------------------------------------===//

#ifndef PASSES_GRAPHSUPPORT_H
#define PASSES_GRAPHSUPPORT_H

#include "passes/GraphSizes.h"

#include <optional>

namespace attn {

/// Why a function cannot become a tile program, at an operation or (null) as a
/// whole; nothing if it can.
std::optional<GraphSizes::Problem> whyNotGraph(mlir::func::FuncOp function);

} // namespace attn

#endif // PASSES_GRAPHSUPPORT_H

//===- RowSteps.h - the chain of steps on a block of scores -----*- C++ -*-===//
//
// Recognises the consecutive row-parallel steps of a key loop, which the CPU
// runs row block by row block so that scores stay in the first-level cache.
//
//===----------------------------------------------------------------------===//

#ifndef CODEGEN_CPU_ROWSTEPS_H
#define CODEGEN_CPU_ROWSTEPS_H

#include "dialects/attn_tile/AttnTileOps.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

#include <string>

namespace attn::cpu {

/// contract, [map], [tensor_mask], [if (partial) mask], softmax_step,
/// accumulate.
struct RowSteps {
  tile::ContractOp contract;
  tile::MapOp map;
  tile::TensorMaskOp tensorMask;
  tile::MaskOp mask;
  /// When the mask counts; none: always.
  mlir::Value partial;
  tile::SoftmaxStepOp softmax;
  tile::AccumulateOp accumulate;

  explicit operator bool() const { return bool(contract); }
};

/// The op works on scores, row by row.
bool isRowStep(mlir::Operation &op);

/// The chain of a block; an empty one where the block has no such step. Says
/// why if the steps are no such chain.
mlir::FailureOr<RowSteps> findRowSteps(mlir::Block &block, std::string &why);

} // namespace attn::cpu

#endif // CODEGEN_CPU_ROWSTEPS_H

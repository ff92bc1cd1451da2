//===- BufferPlan.h - where a program's buffers lie -------------*- C++ -*-===//
//
// Gives buffers places in the workspace; two that no phase needs at the same
// time may share one.
//
//===----------------------------------------------------------------------===//

#ifndef CODEGEN_CPU_BUFFERPLAN_H
#define CODEGEN_CPU_BUFFERPLAN_H

#include "dialects/attn_tile/AttnTileOps.h"
#include "dialects/attn_tile/ViewLayout.h"
#include "llvm/ADT/DenseMap.h"

namespace attn::cpu {

/// The places of a program, one after the other. A size counts bytes, a
/// multiple of a cache line.
class BufferPlan {
public:
  explicit BufferPlan(tile::ProgramOp program);

  llvm::ArrayRef<tile::Extent> getPlaces() const { return places; }
  /// The place of a buffer.
  unsigned placeOf(mlir::Value buffer) const { return numbers.lookup(buffer); }

private:
  /// A place that is free from `phase` on and can hold, or grow to, `size`.
  unsigned findPlace(const tile::Extent &size, int64_t phase);

  llvm::SmallVector<tile::Extent> places;
  /// The last phase that needs what a place holds.
  llvm::SmallVector<int64_t> busyUntil;
  llvm::DenseMap<mlir::Value, unsigned> numbers;
};

} // namespace attn::cpu

#endif // CODEGEN_CPU_BUFFERPLAN_H

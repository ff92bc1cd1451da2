//===- TaskEmitter.h - one phase of a tile program as code ------*- C++ -*-===//
//
// Gives every tile of a task a place in its scratch memory and turns the tile
// steps into calls of microkernels.
//
//===----------------------------------------------------------------------===//

#ifndef CODEGEN_CPU_TASKEMITTER_H
#define CODEGEN_CPU_TASKEMITTER_H

#include "codegen/cpu/Microkernels.h"
#include "codegen/cpu/RowSteps.h"
#include "dialects/attn_tile/AttnTileOps.h"

#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/DenseMap.h"

namespace attn::cpu {

/// Sizes of a program that its tiles do not name.
struct ProgramShape {
  KernelShape kernel;
  int64_t group;
  /// Rows of the largest task.
  int64_t maxRows;

  static ProgramShape of(tile::ProgramOp program, const CpuTarget &target);
};

/// Where a running softmax is kept. In scratch, maxima and denominators stand
/// in one slot per row block; a state between phases is one record per row.
struct StatePlace {
  Value maximum, denominator, sum;
  Value rows;
  bool isRecord;
};

/// Where a block's values are kept, from its first key on: key by key within a
/// panel of columns, or within a row that is all panels in a line.
struct ValuePlace {
  Value first, keyStride;
  int64_t panelStride;
};

/// Emits the grid function and the phase functions of one program.
class TaskEmitter {
public:
  TaskEmitter(KernelBuilder &k, tile::ProgramOp program);

  /// Emits <symbol>_grid, which carries the program's footprint, and
  /// <symbol>_phase<N>.
  void emit();

private:
  // Structure: TaskEmitter.cpp.
  mlir::func::FuncOp emitGrid();
  void emitPhase(tile::PhaseOp phase, int64_t number);
  void emitPrologue();
  void emitCoordinates(tile::PhaseOp phase, Value task);
  void emitBlock(mlir::Block &block);
  void emitOp(mlir::Operation &op);
  void emitFor(mlir::scf::ForOp loop);
  void emitIf(mlir::scf::IfOp branch);

  // Index arithmetic: EmitIndices.cpp.
  bool emitIndexOp(mlir::Operation &op);
  void emitArith(mlir::Operation &op);
  void emitLength(tile::LengthOp op);
  void emitMaxLength(tile::MaxLengthOp op);
  void emitSplitSize(tile::SplitSizeOp op);
  void emitKeyRanges(tile::KeyRangesOp op);
  /// The keys [first, second) that a row at `position` sees; the ends do not
  /// descend with it.
  template <typename OpT>
  std::pair<Value, Value> visibleKeys(OpT op, Value position);
  Value entryOf(Value view, Value batch);
  Value lengthOf(Value key, Value lengths, Value batch);

  // Loads, stores and states: EmitTiles.cpp.
  bool emitTileOp(mlir::Operation &op);
  void emitLoadQueries(tile::LoadQueriesOp op);
  void emitLoadKeys(tile::LoadKeysOp op);
  void emitStore(tile::StoreOp op);
  void emitStart(tile::StartOp op);
  void emitSaveState(tile::SaveStateOp op);
  void emitLoadState(tile::LoadStateOp op);
  StatePlace recordsOf(Value workspace, mlir::ValueRange indices, Value rows);
  void emitMerge(tile::MergeOp op);
  Value sinkOf(Value sinks, Value head);
  void emitFinish(tile::FinishOp op);

  // Steps on scores, one row block after the other: EmitRowBlocks.cpp.
  struct RowBlock;
  void emitRowSteps(const RowSteps &steps);
  void emitColumns(const RowSteps &steps, RowBlock &block);
  void emitScores(const RowSteps &steps, const RowBlock &block);
  void emitMap(const RowSteps &steps, const RowBlock &block);
  void emitMask(const RowSteps &steps, const RowBlock &block);
  void emitSums(const RowSteps &steps, const RowBlock &block);
  void emitExactSums(const RowSteps &steps, const RowBlock &block);
  void keepScores(Value rows);
  void emitExactRow(Value row, Value lo, Value hi, const ValuePlace &values,
                    Value sum);
  std::pair<Value, Value> columnsOf(const RowSteps &steps, Value row);
  std::pair<Value, Value> columnsWithin(const RowSteps &steps,
                                        const RowBlock &block, Value row);
  mlir::func::FuncOp emitMapFunction(const RowSteps &steps);
  llvm::SmallVector<Value, 3> placeOf(tile::MapOp map, Value row, Value begin);
  using EmitVariant = mlir::func::FuncOp (*)(KernelBuilder &,
                                             const KernelShape &, int64_t);
  void callVariant(EmitVariant emitVariant, Value count, ValueRange arguments);

  // The same for one query and a few rows, unpacked: EmitStream.cpp.
  struct StreamBlock;
  bool isStreamed() const;
  void emitStreamSteps(const RowSteps &steps);
  void emitStreamScores(const RowSteps &steps, const StreamBlock &block);
  void emitStreamMaps(const RowSteps &steps, const StreamBlock &block);
  void emitStreamSums(const RowSteps &steps, const StreamBlock &block);
  Value seesWeightlessKey(const StreamBlock &block);

  // Views.
  Value viewField(Value view, int64_t byteOffset);
  Value dataOf(Value view);
  Value extentOf(Value view, int64_t dim);
  Value strideOf(Value view, int64_t dim);
  Value isAbsent(Value view);
  /// The address of an element of a view; missing indices are 0.
  Value elementOf(Value view, ValueRange indices);

  // Scratch.
  Value allocate(int64_t elements);
  StatePlace allocateState(Value rows);
  StatePlace startState(Value rows);
  void bindState(ValueRange tiles, const StatePlace &place);
  const StatePlace &stateOf(Value tile) const;
  Value maximumAt(const StatePlace &state, Value row);
  Value denominatorAt(const StatePlace &state, Value row);
  Value sumAt(const StatePlace &state, Value row);
  Value slotOf(Value row);
  int64_t recordElements() const;

  /// The emitted i64 (or i1) for a scalar of the program.
  Value scalar(Value value) const { return scalars.lookup(value); }

  KernelBuilder &k;
  tile::ProgramOp program;
  ProgramShape shape;
  Value frame, scratch;
  mlir::IRMapping scalars;
  llvm::SmallVector<StatePlace> states;
  llvm::DenseMap<Value, unsigned> stateNumbers;
  /// Scratch of gathered queries and packed blocks; finiteness of values.
  llvm::DenseMap<Value, Value> packed, finite;
  int64_t mapCount = 0;
  /// Scratch of one row block. `keptScores` are the scores of a block whose
  /// sums have to be exact, before they became weights.
  Value scores, maxima, alpha, keptScores;
  int64_t scratchElements = 0;
  int64_t scratchBytes = 0, stateBytes = 0;
};

} // namespace attn::cpu

#endif // CODEGEN_CPU_TASKEMITTER_H

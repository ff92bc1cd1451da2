//===- TaskEmitter.h - one phase of a tile program as code ------*- C++ -*-===//
//
// Gives every tile of a task a place in its scratch memory and turns the tile
// steps into calls of microkernels.
//
//===----------------------------------------------------------------------===//

#ifndef CODEGEN_CPU_TASKEMITTER_H
#define CODEGEN_CPU_TASKEMITTER_H

#include "codegen/cpu/BufferPlan.h"
#include "codegen/cpu/GraphSteps.h"
#include "codegen/cpu/Microkernels.h"
#include "codegen/cpu/RowSteps.h"
#include "codegen/cpu/RowTiles.h"
#include "codegen/cpu/WeightPlan.h"
#include "dialects/attn_tile/AttnTileOps.h"

#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/DenseMap.h"

namespace attn::cpu {

/// Sizes of a phase that its tiles do not name.
struct PhaseShape {
  KernelShape kernel;
  int64_t group;
  /// Rows of the largest task.
  int64_t maxRows;
  /// Keys stand in several views, or are made of what stands there.
  bool joinsViews;
  /// A tensor hides keys.
  bool hidesKeys;

  static PhaseShape of(tile::PhaseOp phase, const CpuTarget &target);
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
  Type element;
};

/// Rows of keys or values as they are: the first, and their stride in elements.
struct KeyPlace {
  Value first, stride;
};

/// A block of keys or values that is read as it is: run by run, each of rows
/// that follow each other in memory.
struct StreamedBlock {
  tile::LoadKeysOp load;
  Value stride;
  /// Runs begin at each multiple of so many rows of the sequence.
  Value runRows;
  /// i1: the whole block is in `room`, scratch for it.
  Value isCopied, room;
};

/// What the elements of a view are stored in.
inline Type storedType(Value view) {
  return mlir::cast<tile::ViewType>(view.getType()).getElementType();
}

/// How the rows of a view are found: dimensions before the last, the fastest
/// first, in elements.
struct RowAddress {
  Value view, data, columnStride;
  llvm::SmallVector<Value> extents, strides;
  /// Null unless the last two of them are the rows and sequences of a cache.
  mlir::BlockArgument cache;
};

/// Emits the grid function and the phase functions of one program.
class TaskEmitter {
public:
  /// `weights` is the plan of the program's kernel.
  TaskEmitter(KernelBuilder &k, tile::ProgramOp program,
              const WeightPlan &weights);

  /// Emits <symbol>_grid, which carries the program's footprint, and
  /// <symbol>_phase<N>.
  void emit();

private:
  // Structure: TaskEmitter.cpp.
  mlir::func::FuncOp emitGrid();
  void emitPhase(tile::PhaseOp phase, int64_t number);
  void emitPrologue();
  void allocateRowBlock();
  void emitCoordinates(tile::PhaseOp phase, Value task);
  void emitBlock(mlir::Block &block);
  void emitOp(mlir::Operation &op);
  void emitFor(mlir::scf::ForOp loop);
  void emitLoop(mlir::scf::ForOp loop);
  void emitIf(mlir::scf::IfOp branch);

  // Index arithmetic: EmitIndices.cpp.
  bool emitIndexOp(mlir::Operation &op);
  void emitArith(mlir::Operation &op);
  void emitLength(tile::LengthOp op);
  void emitMaxLength(tile::MaxLengthOp op);
  void emitSplitSize(tile::SplitSizeOp op);
  void emitDocuments(tile::DocumentsOp op);
  void emitKeyRanges(tile::KeyRangesOp op);
  /// The keys [first, second) that query `query` of the task sees; the ends do
  /// not descend with it.
  template <typename OpT>
  std::pair<Value, Value> visibleKeys(OpT op, Value query);
  Value entryOf(Value view, Value batch);
  Value widenI32(Value place);
  Value lengthOf(Value key, Value lengths, Value batch);

  // Loads, stores and states: EmitTiles.cpp.
  bool emitTileOp(mlir::Operation &op);
  void emitLoadQueries(tile::LoadQueriesOp op);
  void emitStore(tile::StoreOp op);
  void emitStart(tile::StartOp op);
  void emitSaveState(tile::SaveStateOp op);
  void emitLoadState(tile::LoadStateOp op);
  StatePlace recordsOf(Value workspace, mlir::ValueRange indices, Value rows);
  void emitMerge(tile::MergeOp op);
  Value sinkOf(Value sinks, Value head);
  void emitFinish(tile::FinishOp op);

  // Blocks of keys, and appended rows: EmitCaches.cpp.
  void emitLoadKeys(tile::LoadKeysOp op);
  void packBlock(tile::LoadKeysOp op, llvm::ArrayRef<KeyPlace> places,
                 bool isKey);
  KeyPlace keysOf(tile::LoadKeysOp op, unsigned part);
  Value allocateCopy(tile::LoadKeysOp op, unsigned part);
  KeyPlace copyKeys(tile::LoadKeysOp op, unsigned part, Value room);
  KeyPlace placeOfKeys(tile::LoadKeysOp op, unsigned part, Value room,
                       Value isCopied);
  Value crossesPages(tile::LoadKeysOp op, mlir::BlockArgument cache);
  Value keyCount(tile::LoadKeysOp op);
  Value pageRows(mlir::BlockArgument cache);
  Value rowOf(tile::LoadKeysOp op, unsigned part, Value row);
  void prefetchKeys(tile::LoadKeysOp op, Value begin, Value end);
  Value appendedRow(mlir::BlockArgument cache, Value batch, Value row);
  Value slotOfRow(mlir::BlockArgument cache, Value batch, Value row);

  // Keys and values that are products of stored rows: EmitProjections.cpp.
  void emitLoadWeight(tile::LoadRowsOp op);
  void gatherRows(tile::LoadKeysOp op, const KeyPlace &place);
  int64_t blockRows() const;
  void emitProject(tile::ProjectOp op);
  void packProduct(tile::ProjectOp op);
  void packColumns(Value tile, Value buffer, int64_t column);
  void emitJoin(tile::JoinOp op);

  // Steps on scores, one row block after the other: EmitRowBlocks.cpp.
  struct RowBlock;
  void emitRowSteps(const RowSteps &steps);
  void prefetchShare(const RowSteps &steps, Value row, Value rows);
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
  void packTables(tile::PhaseOp phase);
  llvm::SmallVector<Value> placeOf(tile::MapOp map, Value row, Value begin);
  using EmitVariant = llvm::function_ref<mlir::func::FuncOp(
      KernelBuilder &, const KernelShape &, int64_t)>;
  void callVariant(EmitVariant emitVariant, Value count, ValueRange arguments);
  void callVariant(EmitVariant emitVariant, const KernelShape &kernel,
                   int64_t mostRows, Value count, ValueRange arguments);

  // The same for one query and a few rows, unpacked: EmitStream.cpp.
  struct StreamBlock;
  bool isStreamed() const;
  void emitStreamSteps(const RowSteps &steps);
  void emitStreamScores(const RowSteps &steps, const StreamBlock &block);
  void emitStreamMaps(const RowSteps &steps, const StreamBlock &block);
  void emitStreamSums(const RowSteps &steps, const StreamBlock &block);
  Value seesWeightlessKey(const StreamBlock &block);
  StreamedBlock streamedBlock(tile::LoadKeysOp op);
  KeyPlace wholeBlock(const StreamedBlock &block);
  struct StreamRun;
  void forRuns(const StreamedBlock &block, Value begin, Value end,
               llvm::function_ref<void(const StreamRun &)> body);
  Value aheadOf(const StreamedBlock &block, Value row, int64_t keys);

  // Masks that are tensors, in both forms: EmitTensorMask.cpp.
  void emitTensorMask(const RowSteps &steps, Value first, Value rows,
                      Value begin, Value end);
  Value maskRowOf(tile::TensorMaskOp mask, Value number, Value key);
  Value maskedColumns(tile::TensorMaskOp mask, Value key, Value width);
  Value seesBlock(mlir::scf::ForOp loop);

  // Rows of graphs: EmitRows.cpp.
  struct RowGroup;
  void emitRowOps(mlir::Block &block);
  void emitRowGroup(RowGroup &group);
  void emitQueryRows(mlir::Operation &last);
  void keepRow(RowGroup &group);
  void emitRowOp(mlir::Operation &op, RowGroup &group);
  RowValue emitLoadRow(tile::LoadRowsOp op, RowGroup &group);
  void emitStoreRow(tile::StoreRowsOp op, RowGroup &group);
  void emitAppendRow(tile::StoreRowsOp op, Value number, const RowValue &row,
                     RowGroup &group);
  RowValue emitCoordinate(tile::CoordinatesOp op, RowGroup &group);
  RowValue emitMapRows(tile::MapRowsOp op, RowGroup &group);
  RowValue emitRotate(tile::RotateOp op, RowGroup &group);
  RowValue rowOf(Value tile, RowGroup &group);
  Value memoryOf(const RowValue &row, Value tile, RowGroup &group);
  Value rowRoom(Value tile, RowGroup &group);

  // Products: EmitProducts.cpp.
  struct WeightBlock;
  struct SumPlace;
  void emitProductLoop(mlir::scf::ForOp loop);
  void emitMultiply(tile::MultiplyOp op);
  void emitProduct(tile::MultiplyOp op, const SumPlace &sum,
                   llvm::function_ref<void()> packed);
  void emitStreamedProduct(tile::MultiplyOp op, const SumPlace &sum);
  void emitPackedProduct(tile::MultiplyOp op);
  void emitBlockProduct(tile::MultiplyOp op, int64_t inner);
  void packWeight(const WeightBlock &block);
  Value panelsAt(Value weight);
  Value panelsFrom(tile::LoadRowsOp load, const WeightPanels &panels);
  unsigned startProduct(tile::FillOp op);

  // Views: EmitViews.cpp.
  Value viewField(mlir::BlockArgument view, int64_t byteOffset);
  Value dataOf(Value view);
  Value extentOf(Value view, int64_t dim);
  Value strideOf(Value view, int64_t dim);
  Value isAbsent(Value view);
  Value isNull(Value address);
  /// The address of an element of a view; missing indices are 0.
  Value elementOf(Value view, ValueRange indices);
  Value moveBy(Value view, Value base, Value elements);
  Value bufferOf(Value view);
  RowAddress addressOf(Value view);
  llvm::SmallVector<Value> indicesOf(const RowAddress &address, Value row);
  Value rowAt(const RowAddress &address, Value row, Value column);
  Value columnAt(const RowAddress &address, llvm::ArrayRef<Value> indices,
                 Value column);

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
  PhaseShape shape;
  BufferPlan buffers;
  const WeightPlan &weights;
  Value frame, scratch;
  mlir::IRMapping scalars;
  llvm::SmallVector<StatePlace> states;
  llvm::DenseMap<Value, unsigned> stateNumbers;
  /// Scratch of gathered queries, packed blocks, tables and documents;
  /// finiteness of values.
  llvm::DenseMap<Value, Value> packed, packedValues, finite;
  llvm::DenseMap<Value, StreamedBlock> streamed;
  /// Where blocks of rows lie that keys and values are packed from.
  llvm::DenseMap<Value, KeyPlace> blockPlaces;
  /// Blocks of rows that keys and values are made of.
  llvm::DenseMap<Value, Value> projectedRows;
  int64_t mapCount = 0;
  /// Sums of products: scratch, rows of `columns` elements.
  struct SumPlace {
    Value base, ones;
    int64_t stride;
  };
  llvm::SmallVector<SumPlace> sums;
  llvm::DenseMap<Value, unsigned> sumNumbers;
  /// Scratch of one row block. `keptScores` are the scores of a block whose
  /// sums have to be exact, before they became weights.
  Value scores, maxima, alpha, keptScores;
  int64_t scratchElements = 0;
  int64_t scratchBytes = 0, stateBytes = 0;
};

} // namespace attn::cpu

#endif // CODEGEN_CPU_TASKEMITTER_H

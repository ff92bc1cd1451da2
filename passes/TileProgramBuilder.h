//===- TileProgramBuilder.h - writes one tile program -----------*- C++ -*-===//
//
// The online softmax over key blocks (Milakov and Gimelshein 2018; Dao et al.
// 2022), with the keys in splits (Dao et al. 2023).
//
//===----------------------------------------------------------------------===//

#ifndef PASSES_TILEPROGRAMBUILDER_H
#define PASSES_TILEPROGRAMBUILDER_H

#include "dialects/attn/AttnOps.h"
#include "dialects/attn_tile/AttnTileOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"

namespace attn {

/// What a row has seen so far: maximum, denominator and weighted sum.
struct State {
  static constexpr llvm::StringLiteral kNames[] = {"maximum", "denominator",
                                                   "sum"};
  mlir::Value maximum, denominator, sum;

  llvm::SmallVector<mlir::Value> values() const {
    return {maximum, denominator, sum};
  }
  static State from(mlir::ValueRange values) {
    return {values[0], values[1], values[2]};
  }
};

/// What tasks multiply the stored rows of a part of keys or values by: weights
/// [heads, size, rank].
struct Projection {
  mlir::Value weight;
  int64_t size, rank;
};
using ProjectedParts = llvm::DenseMap<mlir::Value, Projection>;

/// One task's queries, and the keys that they see.
struct Task {
  mlir::Value batch, kvHead, first, count, rows, position, length;
  /// The number in its sequence of the call's first key; null where it does not
  /// count.
  mlir::Value firstKey;
  /// Where the last row stands, plus one: at the length, or beyond keys that
  /// are a part of a sequence.
  mlir::Value end;
  /// Keys of the sequence's prefix; null without one.
  mlir::Value prefix;
  /// The keys of each query's document; null without documents.
  mlir::Value begins, ends;
  mlir::Value lo, fullLo, fullHi, hi, splitSize;
  /// The weights of its head, of each projected part.
  llvm::DenseMap<mlir::Value, mlir::Value> weights;
};

/// Writes one program for one flash op. Index arithmetic is folded as it is
/// built, so that the program reads as a person would write it.
class TileProgramBuilder {
public:
  TileProgramBuilder(mlir::OpBuilder &builder, FlashOp flash,
                     tile::ScheduleAttr schedule)
      : b(builder), loc(flash.getLoc()), flash(flash), schedule(schedule),
        function(flash->getParentOfType<mlir::func::FuncOp>()) {}

  /// Writes a program of its own.
  void build();
  /// Writes the phases at the end of the block of `b`, which stands where index
  /// arithmetic may go. `operands` has views of the flash op's operands; `lse`
  /// may be null. `queries`, unless null, writes the tile of a task's queries.
  /// Views of `projected` parts have the rows that are multiplied.
  void buildInto(const mlir::IRMapping &operands, mlir::Value output,
                 mlir::Value lse,
                 llvm::function_ref<mlir::Value(const Task &)> queries,
                 const ProjectedParts &projected);

private:
  tile::ProgramOp createProgram();
  void buildPhases();
  void buildPrologue();
  void buildTaskPhase();
  void buildSplitPhase();
  void buildMergePhase();

  tile::PhaseOp createPhase(llvm::StringRef name, mlir::ValueRange extents);
  Task openTask(mlir::Block &body);
  bool countsColumns();
  bool countsFirstKey();
  mlir::Value fromFirstKey(llvm::StringRef name, const Task &task,
                           mlir::Value number);
  mlir::Value countKeys();
  mlir::Value clampLength(mlir::Value length);
  void openDocuments(Task &task);
  mlir::Value loadQueries(const Task &task);
  void loadWeights(Task &task);
  mlir::Value loadBlock(const Task &task, llvm::StringRef name,
                        mlir::Value heads, mlir::Value first);
  mlir::Value loadPart(const Task &task, llvm::StringRef name, mlir::Value part,
                       mlir::Value first);
  State start(const Task &task);
  State attend(const Task &task, mlir::Value query, mlir::Value from,
               mlir::Value to);
  State step(const Task &task, mlir::Value query, mlir::Value key,
             const State &state);
  mlir::Value modifyScore(const Task &task, mlir::Value score, mlir::Value key);
  mlir::Value maskScore(const Task &task, mlir::Value score, mlir::Value key);
  void finish(const Task &task, const State &state);
  State forState(
      llvm::StringRef name, mlir::Value from, mlir::Value to, mlir::Value by,
      const State &init,
      llvm::function_ref<State(mlir::Value index, const State &state)> body);
  State merge(const State &state, const State &other);
  State forSplits(const Task &task,
                  llvm::function_ref<State(mlir::Value split)> partialState);
  mlir::Value splitBegin(const Task &task, mlir::Value split);
  mlir::Value splitEnd(const Task &task, mlir::Value split);

  /// The location of a value that dumps show under this name, if any.
  mlir::Location named(llvm::StringRef name) {
    return name.empty() ? loc : mlir::NameLoc::get(b.getStringAttr(name), loc);
  }
  mlir::Value constant(int64_t value) {
    return b.createOrFold<mlir::arith::ConstantIndexOp>(loc, value);
  }
  template <typename OpT>
  mlir::Value make(llvm::StringRef name, mlir::Value left, mlir::Value right) {
    return b.createOrFold<OpT>(named(name), left, right);
  }
  tile::TileType tileType(llvm::ArrayRef<int64_t> shape) {
    return tile::TileType::get(b.getContext(), shape, b.getF32Type());
  }
  mlir::Value positionOf(const Task &task);
  tile::TileType rowType() { return tileType({mlir::ShapedType::kDynamic}); }
  mlir::Value argument(mlir::Value tensor) {
    return tensor ? views.lookup(tensor) : mlir::Value();
  }
  /// The views whose rows, side by side, are those of the key or value.
  llvm::SmallVector<mlir::Value> rowViews(mlir::Value heads);

  mlir::OpBuilder &b;
  mlir::Location loc;
  FlashOp flash;
  tile::ScheduleAttr schedule;
  mlir::func::FuncOp function;

  mlir::IRMapping views;
  mlir::Value output, lse;
  llvm::function_ref<mlir::Value(const Task &)> ownQueries;
  ProjectedParts projected;
  mlir::Value scale, left, right, chunk;
  mlir::Value batches, kvHeads, queries, blocks, states;
  int64_t group = 0, headDim = 0, valueDim = 0;
  /// The program is a graph's, not the attention's alone.
  bool isPartOfGraph = false;
};

/// The view of a tensor of that type.
tile::ViewType viewTypeOf(mlir::Type tensor);

/// Callers' names of the function's tensors, inputs first; null where one has
/// no attn.name.
llvm::SmallVector<mlir::Attribute> tensorNames(mlir::func::FuncOp function);

/// The kernel that the function is, or is one of several functions of.
llvm::StringRef kernelName(mlir::func::FuncOp function);

/// The argument that says how many keys each sequence of a call has: by which
/// caches are appended to, or attention looks at keys; null if there is none.
mlir::IntegerAttr callLengths(mlir::func::FuncOp function);

/// The argument whose place the result takes, if its attn.updates names one.
std::optional<unsigned> updatedArgument(mlir::func::FuncOp function,
                                        unsigned result);

} // namespace attn

#endif // PASSES_TILEPROGRAMBUILDER_H

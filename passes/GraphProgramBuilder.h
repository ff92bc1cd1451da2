//===- GraphProgramBuilder.h - a graph as one tile program ------*- C++ -*-===//
//
// Every operation of a function becomes a view of memory, or a phase of tasks;
// attention stands among products, norms and elementwise functions.
//
//===----------------------------------------------------------------------===//

#ifndef PASSES_GRAPHPROGRAMBUILDER_H
#define PASSES_GRAPHPROGRAMBUILDER_H

#include "dialects/attn/AttnOps.h"
#include "dialects/attn_tile/AttnTileOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"
#include "passes/GraphSizes.h"
#include "passes/KeyProjections.h"
#include "passes/TileProgramBuilder.h"

namespace attn {

/// Whose remarks the builder writes.
inline constexpr llvm::StringLiteral kTilePass = "convert-attn-to-attn-tile";

/// What tiles and buffers hold of a tensor's elements: f32 of floats of 16
/// bits.
inline mlir::Type heldAs(mlir::Type element) {
  return mlir::isa<mlir::FloatType>(element)
             ? mlir::Float32Type::get(element.getContext())
             : element;
}

/// A block of rows, where a phase reads and writes.
struct RowBlock {
  mlir::Value row, column, count;
  /// The shape whose rows they are, and the columns of a tile.
  llvm::SmallVector<GraphSize> shape;
  int64_t width;
  /// A view of that shape.
  mlir::Value source;
  /// Not 0: rows of `[batch, queries, heads, size]` in the order of a task of
  /// attention, heads of one of so many groups beside each other.
  int64_t groups = 0;
  /// Tiles of tensors that are there already.
  llvm::DenseMap<mlir::Value, mlir::Value> tiles;
};

/// Writes one program for a function that `whyNotGraph` has nothing against.
class GraphProgramBuilder {
public:
  GraphProgramBuilder(mlir::OpBuilder &builder, mlir::func::FuncOp function,
                      tile::ScheduleAttr schedule)
      : b(builder), loc(function.getLoc()), function(function),
        schedule(schedule), sizes(function), keyProjections(function) {}

  void build();

private:
  using Sizes = llvm::SmallVector<GraphSize>;

  // Structure: GraphProgramBuilder.cpp.
  void createProgram();
  void buildOp(mlir::Operation *op);
  void compute(mlir::Operation *op);
  struct AppendTask;
  void buildAppend(CacheAppendOp append);
  void moveRows(const AppendTask &task, mlir::Value from, mlir::Value positions,
                mlir::Value shift, mlir::Value low, mlir::Value high);
  void buildReturn(mlir::Operation *op);
  bool isDeferred(mlir::Operation *op);
  bool isQueryStep(mlir::Operation *op, FlashOp flash);
  bool findQuerySource(mlir::Operation *op, const Sizes &query,
                       mlir::Value &source) const;
  /// Computes what the steps that were put off for `op` read.
  void computeOperands(mlir::Operation *op);
  mlir::Operation *heldProduct(mlir::Operation *op) const;
  /// A phase at the end of the program; continues inside it.
  mlir::Block *openPhase(llvm::StringRef name, mlir::ValueRange extents,
                         llvm::ArrayRef<llvm::StringRef> points);
  /// Continues where index arithmetic and views stand, before the phases.
  void enterPrologue();

  // Attention: GraphAttention.cpp.
  void buildFlash(FlashOp flash);
  mlir::IRMapping mapOperands(FlashOp flash);
  ProjectedParts mapProjected(FlashOp flash, mlir::IRMapping &operands);
  mlir::Value weightOf(const HeadProjection &projection, FlashOp flash);
  void mapQuery(FlashOp flash, mlir::IRMapping &operands);
  mlir::Value placePacked(mlir::Value result);
  mlir::Value queryTile(FlashOp flash, mlir::Value source, const Task &task);
  std::string describeSteps(mlir::Operation *last) const;

  // Views and memory: GraphViews.cpp.
  mlir::Value resultView(unsigned number) {
    return program.getBody().getArgument(resultArguments[number]);
  }
  mlir::Value sizeValue(const GraphSize &size);
  llvm::SmallVector<mlir::Value> dynamicSizes(llvm::ArrayRef<GraphSize> shape);
  mlir::Value rowsOf(llvm::ArrayRef<GraphSize> shape);
  tile::ViewType viewType(llvm::ArrayRef<GraphSize> shape, mlir::Type element);
  /// Where a tensor is kept; it is computed first if it was put off.
  mlir::Value viewOf(mlir::Value tensor);
  /// The same, with packed rows: copied if need be.
  mlir::Value packedViewOf(mlir::Value tensor, mlir::Operation *user);
  /// Where it will be stored.
  mlir::Value destinationOf(mlir::Value tensor);
  mlir::Value placeInUser(mlir::Value tensor);
  mlir::Value createBuffer(llvm::ArrayRef<GraphSize> shape, mlir::Type element);
  mlir::Value broadcastTo(mlir::Value view, llvm::ArrayRef<GraphSize> shape);
  mlir::Value permute(mlir::Value view, llvm::ArrayRef<int64_t> permutation);
  mlir::Value splitDim(mlir::Value view, int64_t dim, const GraphSize &outer,
                       const GraphSize &inner);
  mlir::Value mergeDims(mlir::Value view, int64_t dim);
  mlir::Value slice(mlir::Value view, int64_t dim, int64_t offset,
                    int64_t size);
  /// `[batch, groups, queries, heads of a group, size]`
  mlir::Value groupHeads(mlir::Value view, int64_t groups);
  void buildShape(mlir::Operation *op);
  mlir::Value repeated(mlir::Value view, int64_t dim, int64_t times,
                       bool inPlace);
  mlir::Value flattened(mlir::Value view, int64_t dim, mlir::Operation *op);
  void buildConcat(ConcatOp concat);
  Sizes shapeOfView(mlir::Value view);

  // Rows: GraphRowPhases.cpp.
  void buildRows(mlir::Operation *op);
  void buildRowPhase(llvm::StringRef name, llvm::ArrayRef<GraphSize> shape,
                     bool wholeRows, llvm::function_ref<void(RowBlock &)> body);
  void copy(mlir::Value from, mlir::Value to);
  mlir::Value tileOf(mlir::Value tensor, RowBlock &block);
  mlir::Value computeTile(mlir::Operation *op, RowBlock &block);
  mlir::Value normTile(RmsNormOp norm, RowBlock &block);
  mlir::Value normTile(LayerNormOp norm, RowBlock &block);
  mlir::Value ropeTile(RopeOp rope, RowBlock &block);
  mlir::Value positionsOf(RopeOp rope, RowBlock &block);
  void buildSum(SumOp sum);
  mlir::Value rowsOfBlock(mlir::Value view, const RowBlock &block,
                          const GraphSize &columns);
  mlir::Value load(mlir::Value view, const RowBlock &block);
  mlir::Value loadColumn(mlir::Value view, const RowBlock &block);
  void store(mlir::Value tile, mlir::Value view, const RowBlock &block);
  using Element =
      llvm::function_ref<mlir::Value(mlir::OpBuilder &, mlir::ValueRange)>;
  mlir::Value mapRows(mlir::ValueRange tiles, mlir::Type result,
                      Element element);
  mlir::Value rowFactor(mlir::Value squares, int64_t width, double eps);

  // Products: GraphProducts.cpp.
  struct Product;
  void buildProduct(mlir::Operation *product, mlir::Value result);
  Product describeProduct(mlir::Operation *op);
  Product describeHeads(HeadLinearOp linear);
  void chooseBlocks(Product &product);
  mlir::Value sumOfProduct(const Product &product, const RowBlock &block,
                           mlir::Value batch);

  mlir::Location named(llvm::StringRef name) {
    return mlir::NameLoc::get(b.getStringAttr(name), loc);
  }
  mlir::Value constant(int64_t value) {
    return b.createOrFold<mlir::arith::ConstantIndexOp>(loc, value);
  }
  template <typename OpT>
  mlir::Value make(llvm::StringRef name, mlir::Value left, mlir::Value right) {
    return b.createOrFold<OpT>(named(name), left, right);
  }
  tile::TileType tileType(llvm::ArrayRef<int64_t> shape, mlir::Type element) {
    return tile::TileType::get(b.getContext(), shape, heldAs(element));
  }

  mlir::OpBuilder &b;
  mlir::Location loc;
  mlir::func::FuncOp function;
  tile::ScheduleAttr schedule;
  GraphSizes sizes;
  KeyProjections keyProjections;

  tile::ProgramOp program;
  tile::PhaseOp firstPhase;
  /// The program's argument of each result: one that it updates, or its own.
  llvm::SmallVector<unsigned> resultArguments;
  /// Where tensors are, and where those not yet computed will be.
  llvm::DenseMap<mlir::Value, mlir::Value> views, destinations;
  /// Tensors that are stored where their user's result will be.
  llvm::DenseSet<mlir::Value> inUser;
  /// Operations that their user's phase computes; the products among them.
  llvm::DenseSet<mlir::Operation *> deferred;
  /// What the steps on the queries of attention read.
  llvm::DenseMap<mlir::Operation *, mlir::Value> querySources;
  llvm::DenseMap<mlir::Operation *, mlir::Operation *> products;
  llvm::DenseMap<unsigned, mlir::Value> axisValues;
  llvm::DenseMap<std::pair<unsigned, unsigned>, unsigned> axisNumbers;
};

} // namespace attn

#endif // PASSES_GRAPHPROGRAMBUILDER_H

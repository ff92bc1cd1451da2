//===- GraphSizes.h - equal sizes of a graph function -----------*- C++ -*-===//
//
// Which dimensions of a function's tensors are equal in every call, so that a
// call's sizes have names and every tensor's room is known from them.
//
//===----------------------------------------------------------------------===//

#ifndef PASSES_GRAPHSIZES_H
#define PASSES_GRAPHSIZES_H

#include "dialects/attn/AttnOps.h"
#include "dialects/attn_tile/SizeProduct.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SmallVector.h"

#include <string>

namespace attn {

/// A size as a product of dynamic dimensions of arguments, by their numbers.
using GraphSize = tile::SizeProduct<unsigned>;

/// The sizes of all tensors of one function.
class GraphSizes {
public:
  /// A dynamic dimension of an argument, the first of those equal to it.
  struct Axis {
    unsigned argument, dimension;
    /// "batch", "query_length" or "kv_capacity".
    std::string name;
  };

  /// Why the sizes cannot be told, at an operation or (null) the function.
  struct Problem {
    mlir::Operation *op = nullptr;
    std::string text;
  };

  explicit GraphSizes(mlir::func::FuncOp function);

  bool hasProblem() const { return !problem.text.empty(); }
  const Problem &getProblem() const { return problem; }

  /// Sizes of a tensor, in order.
  llvm::SmallVector<GraphSize> sizesOf(mlir::Value tensor) const;
  const Axis &getAxis(unsigned number) const { return axes[number]; }
  unsigned countAxes() const { return axes.size(); }

private:
  using Sizes = llvm::SmallVector<GraphSize>;

  unsigned findAxis(unsigned number) const;
  GraphSize resolve(const GraphSize &size) const;
  void unify(mlir::Operation *op, const GraphSize &left,
             const GraphSize &right);
  /// The same with sizes `leftDim` and `rightDim` of two tensors.
  void unify(mlir::Operation *op, mlir::Value left, unsigned leftDim,
             mlir::Value right, unsigned rightDim);
  void fail(mlir::Operation *op, const llvm::Twine &text);

  void addArguments(mlir::func::FuncOp function);
  void visit(mlir::Operation *op);
  Sizes broadcast(mlir::Operation *op, mlir::Value result);

  // Rules: GraphSizeRules.cpp. False: there is none for the operation.
  bool infer(mlir::Operation *op, Sizes &own);
  void infer(TransposeOp op, Sizes &own);
  void infer(FlattenOp op, Sizes &own);
  void infer(UnflattenOp op, Sizes &own);
  void infer(ExpandOp op, Sizes &own);
  void infer(SliceOp op, Sizes &own);
  void infer(RepeatInterleaveOp op, Sizes &own);
  void infer(TileOp op, Sizes &own);
  void infer(RepeatKvOp op, Sizes &own);
  void infer(ConcatOp op, Sizes &own);
  void infer(SumOp op, Sizes &own);
  void infer(FullOp op, Sizes &own);
  void infer(LinearOp op, Sizes &own);
  void infer(HeadLinearOp op, Sizes &own);
  void infer(MatmulOp op, Sizes &own);
  void infer(RmsNormOp op, Sizes &own);
  void infer(LayerNormOp op, Sizes &own);
  void infer(RopeOp op, Sizes &own);
  void infer(CacheAppendOp op, Sizes &own);
  void visitFlash(FlashOp flash);
  void alignLast(mlir::Operation *op, mlir::Value part, mlir::Value whole);

  void checkEqualities();
  void checkElements(mlir::Operation *op, mlir::Value tensor);
  void unifyTokens(mlir::func::FuncOp function);
  void nameAxes(mlir::func::FuncOp function);
  void nameAxis(const GraphSize &size, llvm::StringRef name);

  /// 2^48 elements: more than any machine has room for.
  static constexpr int64_t kMostElements = int64_t(1) << 48;

  llvm::DenseMap<mlir::Value, Sizes> sizes;
  llvm::SmallVector<Axis> axes;
  /// Towards the first of the equal axes; what an axis is bound to, or -1.
  llvm::SmallVector<unsigned> parents;
  llvm::SmallVector<int64_t> bound;
  struct Equality {
    mlir::Operation *op;
    GraphSize left, right;
  };
  llvm::SmallVector<Equality> equalities;
  Problem problem;
};

} // namespace attn

#endif // PASSES_GRAPHSIZES_H

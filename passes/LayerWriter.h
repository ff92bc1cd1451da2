//===- LayerWriter.h - a declared layer as a graph function -----*- C++ -*-===//
//
// Writes one function, argument by argument and step by step: what all scopes
// of all layers are made of.
//
//===----------------------------------------------------------------------===//

#ifndef PASSES_LAYERWRITER_H
#define PASSES_LAYERWRITER_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/LayerFunctions.h"
#include "passes/TensorTypes.h"

#include <optional>

namespace attn {

/// What a layer does to its scores, and to which of them.
struct ScoreFacts {
  double scale;
  std::optional<llvm::APFloat> softcap = std::nullopt;
  MaskAttrInterface mask;
  /// Null: none.
  BiasAttrInterface bias = {};
};

/// What attention looks at besides queries, keys and values; null: not there.
struct RowFacts {
  mlir::Value lengths, prefix, documents, sinks, table, mask;
};

/// Writes a function beside the layer that declares it. Tensors are
/// `[batch, sequence, heads, size]`, or `[batch, sequence, width]` as rows.
class LayerWriter {
public:
  LayerWriter(mlir::OpBuilder &builder, mlir::Operation *layer,
              const LayerFunction &description, LayersAttr layers);

  /// The next argument, as callers know it, of what it is `stored` in, by
  /// default as activations are, or of i32.
  mlir::Value argument(llvm::StringRef name, llvm::ArrayRef<int64_t> shape,
                       mlir::Type stored = {});
  mlir::Value integers(llvm::StringRef name, llvm::ArrayRef<int64_t> shape);
  /// What tensors are stored in that lose nothing between two functions.
  mlir::Type exact() { return builder.getF32Type(); }
  /// The arguments that `mask`, and sinks for so many heads, need; 0: none.
  RowFacts rowArguments(MaskAttrInterface mask, int64_t sinkHeads,
                        mlir::Type sinksStored = {});
  /// The mask of `element` that calls bring; null without an element.
  mlir::Value maskArgument(std::optional<mlir::Type> element, int64_t heads);

  /// The next result, as callers know it.
  void result(llvm::StringRef name, mlir::Value tensor);
  /// The next result takes the place of `argument`.
  void update(mlir::Value argument, mlir::Value tensor);
  /// Returns the results.
  void finish();

  /// `input . weight + bias` with a weight [out, in], or [in, out] where
  /// `inputMajor`; `bias` may be null.
  mlir::Value linear(mlir::Value input, mlir::Value weight, mlir::Value bias,
                     bool inputMajor = false);
  /// `input . weight` head by head, [heads, out, in] or `transposed`
  /// [heads, in, out], of what it is `stored` in.
  mlir::Value headLinear(mlir::Value input, mlir::Value weight, bool transposed,
                         mlir::Type stored);
  mlir::Value splitHeads(mlir::Value rows, int64_t heads) {
    return split(rows, rankOf(rows) - 1, heads);
  }
  /// Dimension `dim` as `outer` parts.
  mlir::Value split(mlir::Value tensor, int64_t dim, int64_t outer);
  mlir::Value mergeHeads(mlir::Value tensor);
  /// [..., groups, heads, size] -> [..., groups * heads, size]
  mlir::Value mergeGroups(mlir::Value tensor);
  mlir::Value slice(mlir::Value tensor, int64_t dim, int64_t offset,
                    int64_t size);
  mlir::Value concat(llvm::ArrayRef<mlir::Value> tensors, int64_t dim,
                     llvm::StringRef name);
  /// Rows as those of one head.
  mlir::Value asHead(mlir::Value rows, llvm::StringRef name);
  mlir::Value repeat(mlir::Value tensor, int64_t times);
  mlir::Value rmsNorm(mlir::Value input, mlir::Value weight, double eps,
                      mlir::FloatAttr offset = {});
  mlir::Value layerNorm(mlir::Value input, mlir::Value weight, double eps);
  mlir::Value add(mlir::Value tensor, mlir::Value other);
  /// tensor * function(gate)
  mlir::Value applyGate(mlir::Value tensor, mlir::Value gate,
                        GateFunction function);
  /// The tensor itself without a `rope`.
  mlir::Value rotate(mlir::Value tensor, mlir::Value positions,
                     std::optional<RopeAttr> rope);
  /// The cache with `fresh` at the end of each sequence.
  mlir::Value append(mlir::Value cache, mlir::Value fresh, mlir::Value lengths);
  /// softmax(masks(bias(softcap(scale * query . key))), sinks) . value, and its
  /// lse.
  std::pair<mlir::Value, mlir::Value> attend(mlir::Value query, mlir::Value key,
                                             mlir::Value value,
                                             const ScoreFacts &scores,
                                             const RowFacts &rows);

private:
  /// The scores under a mask that is a tensor.
  mlir::Value maskBy(mlir::Value mask, mlir::Value score);
  mlir::Location getLoc() const { return layer->getLoc(); }
  mlir::Location named(llvm::StringRef name) const;
  /// Dimensions `dim` and `dim + 1` as one.
  mlir::Value flatten(mlir::Value tensor, int64_t dim);
  mlir::Value addArgument(llvm::StringRef name, llvm::ArrayRef<int64_t> shape,
                          mlir::Type element);

  mlir::OpBuilder &builder;
  mlir::Operation *layer;
  mlir::func::FuncOp function;
  llvm::SmallVector<mlir::Value> results;
  llvm::SmallVector<mlir::DictionaryAttr> resultAttributes;
};

} // namespace attn

#endif // PASSES_LAYERWRITER_H

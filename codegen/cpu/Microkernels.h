//===- Microkernels.h - the local functions of an object --------*- C++ -*-===//
//
// Every microkernel is one function, emitted on first use and shared by all
// schedules of a module. How many rows a call covers never changes the order
// of operations on one row.
//
//===----------------------------------------------------------------------===//

#ifndef CODEGEN_CPU_MICROKERNELS_H
#define CODEGEN_CPU_MICROKERNELS_H

#include "codegen/cpu/KernelBuilder.h"

#include <limits>

namespace mlir {
class Region;
} // namespace mlir

namespace attn::cpu {

/// The static sizes of one attention on one target, and the layout of its
/// buffers. All strides count elements.
struct KernelShape {
  int64_t headDim;
  int64_t valueDim;
  int64_t keyBlock;
  int64_t lanes;
  int64_t panel;
  int64_t unroll;

  KernelShape(const CpuTarget &target, int64_t headDim, int64_t valueDim,
              int64_t keyBlock)
      : headDim(headDim), valueDim(valueDim), keyBlock(keyBlock),
        lanes(target.lanes), panel(target.panel()), unroll(target.unroll) {}

  static int64_t roundUp(int64_t value, int64_t multiple) {
    return (value + multiple - 1) / multiple * multiple;
  }
  /// Steps of the score's reduction; zeros fill the last iteration.
  int64_t depth() const { return roundUp(headDim, unroll); }
  /// Rows of gathered queries, of weighted sums, of scores.
  int64_t queryStride() const {
    return roundUp(headDim, std::max(lanes, unroll));
  }
  int64_t sumStride() const { return roundUp(valueDim, panel); }
  int64_t scoreStride() const { return keyBlock; }
  /// One panel of keys [depth][panel], one panel of values [keys][panel].
  int64_t keyPanel() const { return depth() * panel; }
  int64_t valuePanel() const { return keyBlock * panel; }
  int64_t packedKeys() const { return keyBlock / panel * keyPanel(); }
  int64_t packedValues() const { return sumStride() * keyBlock; }
};

// Keys and values are in memory as `stored` says, all else is f32.

/// pack_keys(keys, stride, packed, count): keys [count, headDim] become panels
/// [key / panel][depth][key % panel], zero in the depth beyond headDim. What
/// stands for keys >= count is unspecified. Fills the depths from `begin` to
/// `end` alone, from rows of so many elements; `packed` begins there too. Parts
/// are packed ascending.
mlir::func::FuncOp emitPackKeys(KernelBuilder &k, const KernelShape &shape,
                                int64_t begin, int64_t end, Type stored);

/// pack_values(values, stride, packed, count) -> f32: values [count, valueDim]
/// become panels [column / panel][key][column % panel], zero up to the end of
/// the last panel of keys. Returns 0, or NaN if a value is not finite.
mlir::func::FuncOp emitPackValues(KernelBuilder &k, const KernelShape &shape,
                                  Type stored);

/// score(query, keys, score, maxima, panels, scale): scale * query . key for
/// `rows` rows; each row's maxima, one vector, over all the panels.
mlir::func::FuncOp emitScore(KernelBuilder &k, const KernelShape &shape,
                             int64_t rows);

/// softmax(score, maxima, rowMaximum, rowSum, alpha, vectors): scores become
/// weights; the running maximum and sum, one slot, take the block in.
mlir::func::FuncOp emitSoftmax(KernelBuilder &k, const KernelShape &shape,
                               int64_t rows);

/// accumulate(weights, values, sum, alpha, keys): sum = alpha * sum + weights
/// x values; `keys` is a multiple of the panel.
mlir::func::FuncOp emitAccumulate(KernelBuilder &k, const KernelShape &shape,
                                  int64_t rows);

/// exact_accumulate(weights, scores, values, keyStride, panelStride, sum,
/// alpha, keys): as accumulate, for one row, any number of keys, and values in
/// panels or not; infinite values of keys whose `scores` are -inf are left out.
mlir::func::FuncOp emitExactAccumulate(KernelBuilder &k,
                                       const KernelShape &shape, bool hidesKeys,
                                       Type stored);

/// least_score(score, lo, hi) -> f32: the least of the scores [lo, hi) of
/// `rows` rows, NaNs left out; inf where there are none.
mlir::func::FuncOp emitLeastScore(KernelBuilder &k, const KernelShape &shape,
                                  int64_t rows);

/// How unpacked keys (or values) lie in memory: end to end, or with others
/// between them, or unknown.
enum class KeyPlaces { Adjacent, Apart };

/// stream_score(query, keys, score, maxima, count, scale, ahead, again): as
/// score, for unpacked keys; maxima must be set before. What stands `ahead` and
/// `again` elements behind a key is asked for with it. Adjacent: `count` and
/// headDim are multiples of `lanes`. Apart: two arguments more, the keys'
/// stride, and where to gather `lanes` keys, queryStride apart and zero beyond
/// headDim.
mlir::func::FuncOp emitStreamScore(KernelBuilder &k, const KernelShape &shape,
                                   int64_t rows, KeyPlaces places, Type stored);

/// scale_sums(sum, alpha): sum = alpha * sum for `rows` rows.
mlir::func::FuncOp emitScaleSums(KernelBuilder &k, const KernelShape &shape,
                                 int64_t rows);

/// stream_accumulate(weights, values, stride, sum, keys, ahead, again): sum +=
/// weights * values for any number of unpacked values; `ahead` and `again` as
/// in stream_score.
mlir::func::FuncOp emitStreamAccumulate(KernelBuilder &k,
                                        const KernelShape &shape, int64_t rows,
                                        Type stored);

/// stream_product(input, weights, sum, sumStride, count): sum += input x
/// weights^T for `rows` rows of `inner` elements, vector by vector beside each
/// other, and `count` rows of `stored` weights, as long, end to end. Both are
/// multiples of `lanes`.
mlir::func::FuncOp emitStreamProduct(KernelBuilder &k, int64_t rows,
                                     int64_t inner, Type stored);

/// panel_product(rows, panels, panelStride, sum, count): sum += rows x panels
/// for `rows` rows and `count` panels, `panelStride` elements apart, of which
/// keyBlock steps are read; as accumulate, but of `stored` panels and without a
/// factor.
mlir::func::FuncOp emitPanelProduct(KernelBuilder &k, const KernelShape &shape,
                                    int64_t rows, Type stored);

/// mask_row(score, maxima, lo, hi, vectors): -inf outside [lo, hi).
mlir::func::FuncOp emitMaskRow(KernelBuilder &k);

/// document_runs(ids, position, count, length, origin, begins, ends): for each
/// query the run of equal numbers that it stands in, of the first `length` of
/// `ids`; ends are counted from number `origin`.
mlir::func::FuncOp emitDocumentRuns(KernelBuilder &k);

/// NAME(score, maxima, vectors, row, column, head, [position], [table]): the
/// scores of one row from `column` on under `body`, the region of an
/// attn_tile.map for which whyNotMapRow knows no reason. The rows of its table
/// follow each other without gaps.
mlir::func::FuncOp emitMapRow(KernelBuilder &k, llvm::StringRef name,
                              mlir::Region &body);

/// merge_row(m1, l1, sum1, m2, l2, sum2): the first state takes in the second.
mlir::func::FuncOp emitMergeRow(KernelBuilder &k, const KernelShape &shape);

/// finish_row(m, l, sum, sink): sum becomes the output, m the natural lse.
/// `sink` is a logit (natural), -inf for none.
mlir::func::FuncOp emitFinishRow(KernelBuilder &k, const KernelShape &shape);

/// cache_row(view, batch, row) -> i64: elements from the first of a cache,
/// whose attn_rt_view is given, to row `row` of a sequence.
mlir::func::FuncOp emitCacheRow(KernelBuilder &k);

/// cache_run(view, row) -> i64: rows from `row` on that stand on one page.
mlir::func::FuncOp emitCacheRun(KernelBuilder &k);

/// Where an appended row goes that the caller does not want.
inline constexpr int64_t kNoCacheSlot = std::numeric_limits<int64_t>::min();

/// cache_slot(view, batch, row, index) -> i64: as cache_row for the row that
/// appended row `index` becomes; kNoCacheSlot where it is left out.
mlir::func::FuncOp emitCacheSlot(KernelBuilder &k);

/// copy_rows_BYTES(from, stride, to, count, next): rows of so many bytes,
/// `stride` bytes apart, end to end; asks for as many from `next` on.
mlir::func::FuncOp emitCopyRows(KernelBuilder &k, int64_t bytes);

/// copy_row_N_M(from, to): N elements of one stored type as another; zeros
/// follow up to M.
mlir::func::FuncOp emitCopyRow(KernelBuilder &k, int64_t elements,
                               int64_t paddedTo, Type fromType, Type toType);

} // namespace attn::cpu

#endif // CODEGEN_CPU_MICROKERNELS_H

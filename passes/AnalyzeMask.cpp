//===- AnalyzeMask.cpp - what a mask shows, proved ------------------------===//
//
// A row sees one interval of keys whose ends do not descend
// (MaskAttrInterface), so that the first and the last row of a block decide for
// all of it.
//
//===----------------------------------------------------------------------===//

#include "dialects/attn/AttnOps.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"
#include "passes/Passes.h"
#include "passes/Rewriting.h"
#include "llvm/Support/MathExtras.h"

#define DEBUG_TYPE "attn-analyze-mask"

namespace attn {
#define GEN_PASS_DEF_ANALYZEMASK
#include "passes/Passes.h.inc"
} // namespace attn

using namespace mlir;
using namespace attn;

namespace {
/// What is known of a call before it is made; sizes may be dynamic.
struct CallSizes {
  int64_t queries, keys;
  bool hasLengths;
  /// Callers pass the prefix: an argument that they know stays in use.
  bool isPrefixPassed;

  bool knowsQueries() const { return !ShapedType::isDynamic(queries); }
  bool knowsKeys() const { return !ShapedType::isDynamic(keys); }
};
} // namespace

static CallSizes sizesOf(FlashOp flash) {
  return {flash.getQuery().getType().getDimSize(1),
          flash.getKey().getType().getDimSize(1), flash.getLengths() != nullptr,
          isa_and_present<BlockArgument>(flash.getPrefix())};
}

static CallSizes sizesOf(MaskedSoftmaxOp softmax) {
  auto score = softmax.getScore().getType();
  return {score.getDimSize(2), score.getDimSize(3),
          softmax.getLengths() != nullptr,
          isa_and_present<BlockArgument>(softmax.getPrefix())};
}

//===----------------------------------------------------------------------===//
// Idle limits
//===----------------------------------------------------------------------===//

/// Whether no row stands at `position` or behind it.
static bool staysBefore(const KeyInterval &interval, CallSizes sizes,
                        int64_t position) {
  // Top-left rows stand at 0 to queries - 1, others before the last key.
  if (interval.alignment == Alignment::TopLeft)
    return sizes.knowsQueries() && sizes.queries <= position;
  return sizes.knowsKeys() && sizes.keys <= position;
}

/// Whether every row sees the last key if it sees `right` from its own on.
static bool reachesEnd(const KeyInterval &interval, CallSizes sizes,
                       int64_t right) {
  // Top-left rows begin at 0, others at the length less the queries.
  if (interval.alignment == Alignment::TopLeft)
    return sizes.knowsKeys() && sizes.keys <= right;
  return sizes.knowsQueries() && sizes.queries <= right;
}

/// `interval` without the limits that hide no key from any row.
static KeyInterval dropIdle(KeyInterval interval, CallSizes sizes) {
  constexpr int64_t none = KeyInterval::kUnbounded;
  if (staysBefore(interval, sizes, interval.chunk))
    interval.chunk = none;
  // A chunk begins behind a window that is as long.
  if (staysBefore(interval, sizes, interval.left) ||
      interval.left >= interval.chunk)
    interval.left = none;
  if (interval.isCausal() || reachesEnd(interval, sizes, 1))
    interval.prefix = interval.prefix && sizes.isPrefixPassed;
  // A chunk is causal by its definition.
  if (interval.chunk == none && reachesEnd(interval, sizes, interval.right))
    interval.right = none;
  // As many queries as keys: both alignments are one.
  if (sizes.knowsQueries() && sizes.queries == sizes.keys && !sizes.hasLengths)
    interval.alignment = Alignment::BottomRight;
  return interval;
}

/// "of 1 queries and ? keys", and that lengths count.
static std::string describe(CallSizes sizes) {
  return describeSize(sizes.queries) + " queries and " +
         describeSize(sizes.keys) + " keys" +
         (sizes.hasLengths ? " with lengths" : "");
}

static std::string spell(Attribute mask) {
  std::string text;
  llvm::raw_string_ostream(text) << mask;
  return text;
}

namespace {
// flash/masked_softmax {mask} -> the same with the shortest equal mask
template <typename OpTy>
struct ShortenMask : OpRewritePattern<OpTy> {
  using OpRewritePattern<OpTy>::OpRewritePattern;

  LogicalResult matchAndRewrite(OpTy op,
                                PatternRewriter &rewriter) const override {
    MaskAttrInterface mask = op.getMask();
    CallSizes sizes = sizesOf(op);
    KeyInterval interval = dropIdle(mask.getInterval(), sizes);
    Attribute shortest = describeInterval(op.getContext(), interval);
    if (shortest == mask)
      return rewriter.notifyMatchFailure(op, "mask is as short as can be");
    rewriter.modifyOpInPlace(op, [&] {
      op.setMaskAttr(cast<MaskAttrInterface>(shortest));
      if (!interval.prefix)
        op.getPrefixMutable().clear();
    });
    remarkPassed(op, DEBUG_TYPE,
                 spell(mask) + " of " + describe(sizes) + " is " +
                     spell(shortest));
    return success();
  }
};
} // namespace

//===----------------------------------------------------------------------===//
// Blocks
//===----------------------------------------------------------------------===//

namespace {
/// Blocks of keys that a block of queries sees.
struct BlockCounts {
  int64_t full = 0, partial = 0, empty = 0;
  bool operator==(const BlockCounts &) const = default;
};

/// The sizes of blocks in remarks.
struct BlockSizes {
  int64_t queries, keys;
};
} // namespace

/// The block of queries from `first` on against all blocks of keys.
static BlockCounts countBlocks(const KeyInterval &interval, CallSizes sizes,
                               BlockSizes block, int64_t first) {
  int64_t last = std::min(first + block.queries, sizes.queries) - 1;
  int64_t offset =
      interval.alignment == Alignment::TopLeft ? 0 : sizes.keys - sizes.queries;
  auto begin = [&](int64_t row) { return interval.begin(row + offset); };
  auto end = [&](int64_t row) {
    return interval.end(row + offset, sizes.keys);
  };
  BlockCounts counts;
  for (int64_t key = 0; key < sizes.keys; key += block.keys) {
    int64_t behind = std::min(key + block.keys, sizes.keys);
    if (behind <= begin(first) || key >= end(last) || begin(first) >= end(last))
      ++counts.empty;
    else if (begin(last) <= key && behind <= end(first))
      ++counts.full;
    else
      ++counts.partial;
  }
  return counts;
}

/// "2 to 3: 1, 1, 14": query blocks [begin, end) with equal counts.
static std::string describeRun(int64_t begin, int64_t end,
                               const BlockCounts &counts) {
  std::string text = std::to_string(begin);
  if (end - begin > 1)
    text += " to " + std::to_string(end - 1);
  return text + ": " + std::to_string(counts.full) + ", " +
         std::to_string(counts.partial) + ", " + std::to_string(counts.empty);
}

/// All runs if they are few, else the first ones and the last.
static std::string joinRuns(SmallVector<std::string> runs) {
  constexpr size_t most = 8;
  if (runs.size() > most) {
    std::swap(runs[most - 1], runs.back());
    runs.resize(most);
    runs[most - 2] = "...";
  }
  return llvm::join(runs, "; ");
}

static std::string describeCounts(const KeyInterval &interval, CallSizes sizes,
                                  BlockSizes block) {
  BlockCounts total;
  SmallVector<std::string> runs;
  SmallVector<BlockCounts> counts;
  for (int64_t first = 0; first < sizes.queries; first += block.queries)
    counts.push_back(countBlocks(interval, sizes, block, first));
  for (size_t begin = 0, end = 0; begin < counts.size(); begin = end) {
    for (end = begin; end < counts.size() && counts[end] == counts[begin];
         ++end) {
      total.full += counts[end].full;
      total.partial += counts[end].partial;
      total.empty += counts[end].empty;
    }
    runs.push_back(describeRun(begin, end, counts[begin]));
  }
  return (Twine(counts.size()) + " blocks of " + Twine(block.queries) +
          " queries see " + Twine(total.full) + " blocks of " +
          Twine(block.keys) + " keys whole, " + Twine(total.partial) +
          " in part, " + Twine(total.empty) + " not at all (" +
          joinRuns(std::move(runs)) + ")")
      .str();
}

//===----------------------------------------------------------------------===//
// Ranges
//===----------------------------------------------------------------------===//

/// "p", "p + 3", "p - 3".
static std::string describePosition(int64_t offset) {
  if (offset == 0)
    return "p";
  return (offset > 0 ? "p + " : "p - ") + std::to_string(std::abs(offset));
}

static std::string describeBest(StringRef function,
                                ArrayRef<std::string> bounds) {
  if (bounds.size() == 1)
    return bounds.front();
  return (function + "(" + llvm::join(bounds, ", ") + ")").str();
}

/// The first key that the row at p + `offset` sees.
static std::string describeBegin(const KeyInterval &interval, int64_t offset) {
  SmallVector<std::string> bounds;
  std::string position = describePosition(offset);
  if (interval.left != KeyInterval::kUnbounded)
    bounds.push_back(describePosition(offset - interval.left + 1));
  if (interval.chunk != KeyInterval::kUnbounded)
    bounds.push_back(position + " - " +
                     (offset ? "(" + position + ")" : position) + " mod " +
                     std::to_string(interval.chunk));
  if (bounds.empty())
    return "0";
  return describeBest("max", bounds);
}

/// The key behind the last one that the row at p + `offset` sees.
static std::string describeEnd(const KeyInterval &interval, int64_t offset) {
  SmallVector<std::string> bounds;
  if (interval.right != KeyInterval::kUnbounded)
    bounds.push_back(describePosition(offset + interval.right));
  if (interval.prefix)
    bounds.push_back("max(" + describePosition(offset + 1) + ", prefix)");
  if (bounds.empty())
    return "length";
  return describeBest("min", bounds);
}

static std::string describeRanges(const KeyInterval &interval,
                                  BlockSizes block) {
  int64_t last = block.queries - 1;
  return (Twine(block.queries) + " queries from position p on see keys of [" +
          describeBegin(interval, 0) + ", " + describeEnd(interval, last) +
          "), each of them all of [" + describeBegin(interval, last) + ", " +
          describeEnd(interval, 0) + ")" +
          (interval.document ? ", of their own documents" : ""))
      .str();
}

/// Whether all pairs of blocks are known, and few enough to look at each.
static bool isCountable(const KeyInterval &interval, CallSizes sizes,
                        BlockSizes block) {
  constexpr int64_t most = int64_t(1) << 20;
  if (!sizes.knowsQueries() || !sizes.knowsKeys() || sizes.hasLengths ||
      interval.prefix || interval.document)
    return false;
  int64_t queries = llvm::divideCeil(sizes.queries, block.queries);
  int64_t keys = llvm::divideCeil(sizes.keys, block.keys);
  // Without keys there are no pairs, and still a count for each of the queries.
  return queries == 0 || (queries <= most && keys <= most / queries);
}

/// Says which blocks have to be visited, and which of them masked.
static void remarkBlocks(FlashOp flash, BlockSizes block) {
  KeyInterval interval = flash.getMask().getInterval();
  CallSizes sizes = sizesOf(flash);
  std::string text;
  if (interval.isUnbounded())
    text = "every query sees every valid key: no whole block is masked";
  else if (isCountable(interval, sizes, block))
    text = describeCounts(interval, sizes, block);
  else
    text = describeRanges(interval, block);
  if (flash.getTensorMask())
    text += "; beside it, blocks that the tensor of the mask hides are skipped";
  remarkFound(flash, DEBUG_TYPE, text);
}

namespace {
struct AnalyzeMaskPass : attn::impl::AnalyzeMaskBase<AnalyzeMaskPass> {
  using Base::Base;
  LogicalResult initialize(MLIRContext *context) override;
  void runOnOperation() override;
};
} // namespace

LogicalResult AnalyzeMaskPass::initialize(MLIRContext *context) {
  for (auto [name, size] :
       {std::pair<StringRef, int64_t>("query-block", queryBlock),
        std::pair<StringRef, int64_t>("key-block", keyBlock)})
    if (size <= 0)
      return emitError(UnknownLoc::get(context))
             << "option '" << name << "' is " << size
             << ", expected at least 1";
  return success();
}

void AnalyzeMaskPass::runOnOperation() {
  RewritePatternSet patterns(&getContext());
  patterns.add<ShortenMask<FlashOp>, ShortenMask<MaskedSoftmaxOp>>(
      &getContext());
  walkAndApplyPatterns(getOperation(), std::move(patterns));
  getOperation().walk(
      [&](FlashOp flash) { remarkBlocks(flash, {queryBlock, keyBlock}); });
}

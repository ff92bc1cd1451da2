//===- AttnDeclaredOps.cpp - verifiers of declared layers -----------------===//
//
// Each check is labelled with the constraint of the op's documentation.
//
//===----------------------------------------------------------------------===//

#include "dialects/attn/AttnOps.h"
#include "dialects/attn/AttnSizesImpl.h"
#include <cmath>

using namespace mlir;
using namespace attn;

int64_t GroupedOp::getValueSize() {
  return getValueDim().value_or(getHeadDim());
}

double GroupedOp::getScoreScale() {
  if (std::optional<APFloat> scale = getScale())
    return scale->convertToDouble();
  return 1.0 / std::sqrt(static_cast<double>(getHeadDim()));
}

int64_t GroupedOp::getTableRows() {
  std::optional<BiasAttrInterface> bias = getPositionBias();
  return bias ? bias->getTableRows() : 0;
}

int64_t GroupedOp::getGateSize() {
  if (!getGate())
    return 0;
  switch (getGate()->getSpan()) {
  case GateSpan::Element:
    return getValueSize();
  case GateSpan::Head:
    return 1;
  }
  llvm_unreachable("all spans are handled");
}

int64_t GroupedOp::getQuerySize() {
  bool isWithQuery = getGate() && !getGate()->getProjection();
  return getHeadDim() + (isWithQuery ? getGateSize() : 0);
}

/// Every size is positive, and there are not too many heads.
template <typename OpT>
static LogicalResult checkSizes(OpT op,
                                ArrayRef<std::pair<StringRef, int64_t>> sizes) {
  for (auto [name, size] : sizes)
    if (size <= 0)
      return op.emitOpError()
             << name << " is " << size << ", expected at least 1";
  if (op.getHeads() > kMaxHeads)
    return op.emitOpError() << "heads is " << op.getHeads()
                            << ", expected at most " << kMaxHeads;
  return success();
}

static LogicalResult checkHeadCounts(GroupedOp op) {
  const std::pair<StringRef, int64_t> sizes[] = {
      {"hidden", op.getHidden()},
      {"heads", op.getHeads()},
      {"kv_heads", op.getKvHeads()},
      {"head_dim", op.getHeadDim()},
      {"value_dim", op.getValueSize()}};
  // grouped_c1
  if (failed(checkSizes(op, sizes)))
    return failure();
  // grouped_c2
  if (op.getHeads() % op.getKvHeads() != 0)
    return op.emitOpError() << "kv_heads " << op.getKvHeads()
                            << " does not divide heads " << op.getHeads();
  // grouped_c3
  for (auto [name, size] : {sizes[3], sizes[4]})
    if (size > GroupedOp::kMaxHeadDim)
      return op.emitOpError() << name << " is " << size << ", expected at most "
                              << GroupedOp::kMaxHeadDim;
  return success();
}

/// A kernel knows its weights by name.
static LogicalResult checkGateName(GroupedOp op) {
  StringAttr name = op.getGate() ? op.getGate()->getProjection() : nullptr;
  if (!name)
    return success();
  ProjectionsAttr spelled = op.getProjections().value_or(nullptr);
  SmallVector<StringRef> others = {"q_proj", "k_proj", "v_proj"};
  if (spelled && spelled.getPacked())
    others = {spelled.getPacked().getValue()};
  others.push_back(spelled && spelled.getOutput()
                       ? spelled.getOutput().getValue()
                       : "o_proj");
  // grouped_c6
  if (llvm::is_contained(others, name.getValue()))
    return op.emitOpError() << "gate has the projection " << name
                            << ", as another of the layer is called";
  return success();
}

template <typename OpT>
static LogicalResult checkMaskOperand(OpT op) {
  // grouped_c7, latent_c8
  std::optional<Type> element = op.getMaskOperand();
  if (!element || element->isInteger(1) || element->isF32() ||
      element->isF16() || element->isBF16())
    return success();
  return op.emitOpError() << "mask_operand is " << *element
                          << ", expected i1, f32, f16 or bf16";
}

LogicalResult GroupedOp::verify() {
  if (failed(checkHeadCounts(*this)) || failed(checkGateName(*this)) ||
      failed(checkMaskOperand(*this)))
    return failure();
  // grouped_c4
  if (failed(verifyScale(*this, APFloat(getScoreScale()))))
    return failure();
  if (std::optional<APFloat> cap = getSoftcap())
    if (failed(checkSoftcap(*this, cap->convertToDouble())))
      return failure();
  // grouped_c5
  return getPosition() ? verifyRope(*this, *getPosition(), getHeadDim())
                       : success();
}

double LatentOp::getNormEpsilon() {
  return getNormEps() ? getNormEps()->convertToDouble() : 1.0e-6;
}

double LatentOp::getScoreScale() {
  if (std::optional<APFloat> scale = getScale())
    return scale->convertToDouble();
  return 1.0 / std::sqrt(static_cast<double>(getExpandedSize()));
}

static LogicalResult checkLatentSizes(LatentOp op) {
  const std::pair<StringRef, int64_t> sizes[] = {
      {"hidden", op.getHidden()},
      {"heads", op.getHeads()},
      {"query_rank", op.getQueryRank().value_or(1)},
      {"kv_rank", op.getKvRank()},
      {"nope_dim", op.getNopeDim()},
      {"rope_dim", op.getRopeDim()},
      {"value_dim", op.getValueDim()}};
  // latent_c1
  if (failed(checkSizes(op, sizes)))
    return failure();
  // latent_c2
  if (op.getRopeDim() % 2 != 0)
    return op.emitOpError() << "rope_dim " << op.getRopeDim()
                            << " is odd, and a rotation takes pairs";
  // latent_c3; the first check keeps the sums from overflowing.
  constexpr int64_t most = GroupedOp::kMaxHeadDim;
  for (auto [name, size] : llvm::drop_begin(sizes, 3))
    if (size > most)
      return op.emitOpError()
             << name << " is " << size << ", expected at most " << most;
  if (op.getExpandedSize() > most)
    return op.emitOpError() << "nope_dim + rope_dim is " << op.getExpandedSize()
                            << ", expected at most " << most;
  if (op.getAbsorbedSize() > most)
    return op.emitOpError() << "kv_rank + rope_dim is " << op.getAbsorbedSize()
                            << ", expected at most " << most;
  return success();
}

LogicalResult LatentOp::verify() {
  if (failed(checkLatentSizes(*this)) || failed(checkMaskOperand(*this)))
    return failure();
  // latent_c4
  if (failed(verifyScale(*this, APFloat(getScoreScale()))))
    return failure();
  // latent_c6
  double epsilon = getNormEpsilon();
  if (!std::isfinite(epsilon) || epsilon < 0)
    return emitOpError() << "norm_eps is " << epsilon
                         << ", expected a finite number of at least 0";
  // latent_c7
  StorageAttr storage = storageOf(*this);
  if (storage.getKey() != storage.getValue())
    return emitOpError() << "keeps keys as " << storage.getKey()
                         << " and values as " << storage.getValue()
                         << ", expected one type: the latent is both";
  // latent_c5
  return getPosition() ? verifyRope(*this, *getPosition(), getRopeDim())
                       : success();
}

StorageAttr attn::storageOf(Operation *layer) {
  if (auto declared = layer->getAttrOfType<StorageAttr>("storage"))
    return declared;
  Type f32 = Float32Type::get(layer->getContext());
  return StorageAttr::get(layer->getContext(), f32, f32, f32);
}

//===- LayerInterpreter.cpp - Float64 meaning of declared layers ----------===//
//
// Attention of a declared layer alone, as its core kernels compute it.
//
//===----------------------------------------------------------------------===//

#include "compiler/reference/InterpreterImpl.h"

using namespace mlir;
using namespace attn;
using namespace attn::reference;

namespace {
/// Inputs of a declared layer beyond query, key and value.
struct LayerInputs {
  Visibility visibility;
  const Tensor *sinks = nullptr;
  const Tensor *table = nullptr;
  const Tensor *mask = nullptr;
};

/// Which of them there are, beside what the mask looks at.
struct LayerOperands {
  bool sinks = false, table = false, mask = false;
};
} // namespace

static LayerOperands operandsOf(GroupedOp layer) {
  return {.sinks = layer.getSinks(),
          .table = layer.getTableRows() != 0,
          .mask = layer.getMaskOperand().has_value()};
}

static LayerOperands operandsOf(LatentOp layer) {
  return {.mask = layer.getMaskOperand().has_value()};
}

/// Inputs of a layer: three tensors, lengths, what its mask looks at, sinks,
/// the table of its bias and a mask.
template <typename LayerT>
static unsigned countInputs(LayerT layer) {
  LayerOperands operands = operandsOf(layer);
  KeyInterval interval = layer.getMask().getInterval();
  return 4 + interval.prefix + interval.document + operands.sinks +
         operands.table + operands.mask;
}

template <typename LayerT>
static LayerInputs inputsOf(LayerT layer, ArrayRef<Tensor> inputs) {
  LayerOperands operands = operandsOf(layer);
  KeyInterval interval = layer.getMask().getInterval();
  const Tensor *next = &inputs[3];
  LayerInputs result = {.visibility = {.interval = interval}};
  result.visibility.lengths = next++;
  if (interval.prefix)
    result.visibility.prefix = next++;
  if (interval.document)
    result.visibility.documents = next++;
  if (operands.sinks)
    result.sinks = next++;
  if (operands.table)
    result.table = next++;
  if (operands.mask)
    result.mask = next++;
  return result;
}

/// The scores of `layer` go through `modify` before its masks.
template <typename Real, typename LayerT, typename Modify>
static FailureOr<SmallVector<Tensor>>
attendUnderMasks(LayerT layer, ArrayRef<const Tensor *> queryKeyValue,
                 const LayerInputs &more, Modify modify, Trace *trace) {
  const Tensor &query = *queryKeyValue[0], &key = *queryKeyValue[1];
  const Tensor *mask = more.mask;
  Tensor shown;
  if (mask && layer.getMaskOperand()->isInteger(1))
    mask = &(shown = addedBy(*mask));
  if (failed(checkTensorMask(
          layer, mask, {query.dim(0), query.dim(2), query.dim(1), key.dim(1)})))
    return failure();
  return attendAll<Real>(queryKeyValue, layer.getScoreScale(), more.visibility,
                         more.sinks, mask, modify, trace);
}

template <typename Real>
static FailureOr<SmallVector<Tensor>>
interpretLayer(GroupedOp layer, ArrayRef<Tensor> inputs, Trace *trace) {
  LayerInputs more = inputsOf(layer, inputs);
  auto modify = [&](Tensor score) -> FailureOr<Tensor> {
    if (std::optional<APFloat> cap = layer.getSoftcap())
      score = softcap<Real>(std::move(score), cap->convertToDouble());
    if (std::optional<BiasAttrInterface> bias = layer.getPositionBias())
      score = addPositionBias<Real>(std::move(score),
                                    {.bias = *bias,
                                     .lengths = more.visibility.lengths,
                                     .table = more.table});
    return score;
  };
  return attendUnderMasks<Real>(layer, {&inputs[0], &inputs[1], &inputs[2]},
                                more, modify, trace);
}

/// [batch, keys, 1, size] with the rows of `left`, then those of `right`, both
/// [batch, keys, size].
static Tensor joinRows(const Tensor &left, const Tensor &right) {
  Tensor joined({left.dim(0), left.dim(1), 1, left.dim(2) + right.dim(2)});
  for (int64_t batch = 0; batch < left.dim(0); ++batch)
    for (int64_t key = 0; key < left.dim(1); ++key) {
      double *row = joined.row(batch, key, 0);
      row = std::copy_n(left.row(batch, key), left.dim(2), row);
      std::copy_n(right.row(batch, key), right.dim(2), row);
    }
  return joined;
}

template <typename Real>
static FailureOr<SmallVector<Tensor>>
interpretLatent(LatentOp layer, LatentForm form, ArrayRef<Tensor> inputs,
                Trace *trace) {
  LayerInputs more = inputsOf(layer, inputs);
  auto keep = [](Tensor score) -> FailureOr<Tensor> { return score; };
  auto attend = [&](const Tensor &key, const Tensor &value) {
    return attendUnderMasks<Real>(layer, {&inputs[0], &key, &value}, more, keep,
                                  trace);
  };
  if (form == LatentForm::Expanded)
    return attend(inputs[1], inputs[2]);
  const Tensor &latent = inputs[1];
  if (failed(checkSize(layer, "keys of rope_key", inputs[2].dim(1),
                       latent.dim(1))))
    return failure();
  // The value is the latent: a row without a second part.
  Tensor none({latent.dim(0), latent.dim(1), 0});
  return attend(joinRows(latent, inputs[2]), joinRows(latent, none));
}

FailureOr<SmallVector<Tensor>> reference::interpret(GroupedOp layer,
                                                    ArrayRef<Tensor> inputs,
                                                    Precision precision,
                                                    Trace *trace) {
  if (failed(checkSize(layer, "number of inputs",
                       static_cast<int64_t>(inputs.size()),
                       countInputs(layer))))
    return failure();
  if (precision == Precision::F32)
    return interpretLayer<float>(layer, inputs, trace);
  return interpretLayer<double>(layer, inputs, trace);
}

FailureOr<SmallVector<Tensor>>
reference::interpret(LatentOp layer, LatentForm form, ArrayRef<Tensor> inputs,
                     Precision precision, Trace *trace) {
  if (failed(checkSize(layer, "number of inputs",
                       static_cast<int64_t>(inputs.size()),
                       countInputs(layer))))
    return failure();
  if (precision == Precision::F32)
    return interpretLatent<float>(layer, form, inputs, trace);
  return interpretLatent<double>(layer, form, inputs, trace);
}

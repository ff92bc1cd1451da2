//===- AttnAttributes.cpp - layers, masks and positions -------------------===//
//
// What all attributes share, layers, and biases; masks and rotations have files
// of their own.
//
//===----------------------------------------------------------------------===//

#include "dialects/attn/AttnAttributes.h"

#include "dialects/attn/AttnAsm.h"
#include "dialects/attn/AttnDialect.h"
#include "dialects/attn/AttnNumbersImpl.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>

using namespace mlir;
using namespace attn;

#include "dialects/attn/AttnEnums.cpp.inc"

#include "dialects/attn/AttnAttrInterfaces.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/attn/AttnAttributes.cpp.inc"

LogicalResult LayersAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 ArrayRef<int64_t> numbers) {
  // layers_c1
  if (numbers.empty())
    return emitError() << "layers are empty, expected at least one";
  int64_t previous = -1;
  for (int64_t layer : numbers) {
    if (layer <= previous)
      return emitError() << "layer " << layer << " follows " << previous
                         << ", expected layers ascending from 0";
    previous = layer;
  }
  if (previous > kMaxLayer)
    return emitError() << "layer is " << previous << ", expected at most "
                       << kMaxLayer;
  return success();
}

LogicalResult StorageAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                  Type activation, Type key, Type value) {
  // storage_c1
  for (auto [name, type] :
       {std::pair("activation", activation), {"key", key}, {"value", value}})
    if (!type.isF32() && !type.isF16() && !type.isBF16())
      return emitError() << name << " is " << type
                         << ", expected f32, f16 or bf16";
  return success();
}

/// The slopes of a number of heads that is a power of two.
static SmallVector<double> powerSlopes(int64_t heads, double maxBias) {
  return llvm::map_to_vector(llvm::seq<int64_t>(1, heads + 1), [&](int64_t i) {
    return std::exp2(-maxBias * static_cast<double>(i) /
                     static_cast<double>(heads));
  });
}

/// Every second element from `first` on.
static SmallVector<double> everySecond(ArrayRef<double> all, size_t first) {
  SmallVector<double> result;
  for (size_t i = first; i < all.size(); i += 2)
    result.push_back(all[i]);
  return result;
}

SmallVector<double> AlibiAttr::getHeadSlopes(int64_t heads) const {
  double maxBias = getMaxBias() ? getMaxBias().getValueAsDouble() : 8.0;
  int64_t lower = llvm::bit_floor(static_cast<uint64_t>(heads));
  if (lower == heads)
    return powerSlopes(heads, maxBias);
  SmallVector<double> finer = powerSlopes(2 * lower, maxBias);
  SmallVector<double> slopes;
  switch (getSlopes()) {
  case Slopes::FloorPower:
    slopes = powerSlopes(lower, maxBias);
    slopes.append(everySecond(finer, 0));
    break;
  case Slopes::CeilPower:
    slopes = everySecond(finer, 1);
    slopes.append(everySecond(finer, 0));
    break;
  }
  slopes.truncate(heads);
  return slopes;
}

double AlibiAttr::getBiasFactor() const { return numberOr(getFactor(), 1.0); }

int64_t AlibiAttr::getTableRows() const { return 0; }

int64_t BucketsAttr::getTableRows() const { return getCount(); }

int64_t BucketsAttr::getBucket(int64_t distance) const {
  int64_t count = getBidirectional() ? getCount() / 2 : getCount();
  int64_t first = getBidirectional() && distance > 0 ? count : 0;
  int64_t far =
      getBidirectional() ? std::abs(distance) : -std::min(distance, int64_t(0));
  int64_t exact = count / 2;
  if (far < exact)
    return first + far;
  double share = std::log(static_cast<double>(far) / exact) /
                 std::log(static_cast<double>(getMaxDistance()) / exact);
  int64_t bucket = exact + static_cast<int64_t>(share * (count - exact));
  return first + std::min(bucket, count - 1);
}

LogicalResult AlibiAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                Slopes, Distance, FloatAttr maxBias,
                                FloatAttr factor, Type rounding, Alignment) {
  // alibi_c1, alibi_c2
  for (auto [name, number] :
       {std::pair("max_bias", maxBias), {"factor", factor}})
    if (number && !isPositive(number))
      return emitError() << "alibi " << name << " is "
                         << number.getValueAsDouble()
                         << ", expected a positive finite number";
  // alibi_c3
  if (!rounding || rounding.isBF16())
    return success();
  return emitError() << "alibi rounding is " << rounding << ", expected bf16";
}

LogicalResult BucketsAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                  int64_t count, int64_t maxDistance,
                                  bool bidirectional, Alignment) {
  // buckets_c1
  if (count < 4 || count % 2 != 0)
    return emitError() << "bucket count is " << count
                       << ", expected an even number of at least 4";
  int64_t exact = count / (bidirectional ? 4 : 2);
  if (maxDistance > exact)
    return success();
  return emitError() << "bucket max_distance is " << maxDistance
                     << ", expected more than the " << exact
                     << " exact buckets";
}

LogicalResult NormAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                               NormKind kind, FloatAttr eps, FloatAttr offset,
                               NormSpan, bool weighted) {
  // norm_c1
  double epsilon = eps.getValueAsDouble();
  if (!std::isfinite(epsilon) || epsilon < 0)
    return emitError() << "norm eps is " << epsilon
                       << ", expected a finite number of at least 0";
  if (!offset)
    return success();
  if (kind != NormKind::Rms)
    return emitError() << "norm offset belongs to an rms norm, found one of "
                       << stringifyNormKind(kind);
  // norm_c2
  if (!weighted)
    return emitError() << "norm offset is " << offset.getValueAsDouble()
                       << ", but the norm has no weight";
  if (std::isfinite(offset.getValueAsDouble()))
    return success();
  return emitError() << "norm offset is " << offset.getValueAsDouble()
                     << ", expected a finite number";
}

LogicalResult
ProjectionsAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                        StringAttr packed, Packing packing, StringAttr output,
                        bool) {
  // projections_c1
  if (!packed && packing != Packing::Stacked)
    return emitError() << "packing is " << stringifyPacking(packing)
                       << ", but no weight is packed";
  for (auto [name, weight] :
       {std::pair("packed", packed), std::pair("output", output)})
    if (weight && weight.empty())
      return emitError() << "projection '" << name << "' has an empty name";
  return success();
}

LogicalResult GateAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                               GateFunction, GateSpan, StringAttr projection,
                               bool bias) {
  // gate_c1
  if (projection && projection.empty())
    return emitError() << "gate projection has an empty name";
  if (bias && !projection)
    return emitError() << "gate has a bias, but no projection of its own";
  return success();
}

void AttnDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/attn/AttnAttributes.cpp.inc"
      >();
}

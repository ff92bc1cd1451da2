//===- AttnRope.cpp - rotary positions ------------------------------------===//
//
// Frequencies in f64, one scaling after the other, and what makes each valid.
// Formulas: the papers named in AttnRope.td.
//
//===----------------------------------------------------------------------===//

#include "dialects/attn/AttnAttributes.h"
#include "dialects/attn/AttnDialect.h"
#include "dialects/attn/AttnNumbersImpl.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace attn;

using EmitError = function_ref<InFlightDiagnostic()>;

/// The frequencies theta^(-2i/d) of d/2 pairs.
static void fillFrequencies(double theta, MutableArrayRef<double> frequencies) {
  auto pairs = static_cast<double>(frequencies.size());
  for (auto [i, frequency] : llvm::enumerate(frequencies))
    frequency = std::pow(theta, -static_cast<double>(i) / pairs);
}

//===----------------------------------------------------------------------===//
// Rotations
//===----------------------------------------------------------------------===//

SmallVector<float> RopeAttr::getFrequencies(int64_t headSize) const {
  double theta = getTheta().getValueAsDouble();
  SmallVector<double> frequencies(getRotatedDims(headSize) / 2);
  fillFrequencies(theta, frequencies);
  if (RopeScalingInterface scaling = getScaling())
    scaling.scale(theta, frequencies);
  return llvm::map_to_vector(frequencies,
                             [](double frequency) { return float(frequency); });
}

double RopeAttr::getAmplitude() const {
  return getScaling() ? getScaling().getAmplitude() : 1;
}

LogicalResult RopeAttr::verify(EmitError emitError, FloatAttr theta,
                               int64_t dims, Pairing,
                               RopeScalingInterface scaling) {
  // rope_c1
  if (failed(checkPositive(emitError, "rope theta", theta.getValueAsDouble())))
    return failure();
  // rope_c2
  if (dims < 0 || dims % 2 != 0)
    return emitError() << "rope dims are " << dims
                       << ", expected an even number over 0";
  // rope_c3: with the dims of the head where they are absent, see checkHead
  if (!scaling || !dims)
    return success();
  return scaling.checkPairs(emitError, theta.getValueAsDouble(), dims / 2);
}

/// Kernels rotate in f32.
static LogicalResult checkNumbers(EmitError emitError, RopeAttr rope,
                                  int64_t headSize) {
  if (auto amplitude = static_cast<float>(rope.getAmplitude());
      !std::isfinite(amplitude))
    return emitError() << "rotates with amplitude " << rope.getAmplitude()
                       << ", expected a finite number in f32";
  for (auto [pair, frequency] : llvm::enumerate(rope.getFrequencies(headSize)))
    if (!std::isfinite(frequency))
      return emitError() << "rotates pair " << pair
                         << " at a frequency beyond f32";
  return success();
}

LogicalResult RopeAttr::checkHead(EmitError emitError, int64_t headSize) const {
  if (getDims() > headSize)
    return emitError() << "rotates " << getDims() << " dims of heads of size "
                       << headSize;
  if (getRotatedDims(headSize) % 2 != 0)
    return emitError() << "head size " << headSize
                       << " is odd, and a rotation takes pairs";
  if (getScaling() &&
      failed(getScaling().checkPairs(emitError, getTheta().getValueAsDouble(),
                                     getRotatedDims(headSize) / 2)))
    return failure();
  return checkNumbers(emitError, *this, headSize);
}

//===----------------------------------------------------------------------===//
// Linear
//===----------------------------------------------------------------------===//

void LinearScalingAttr::scale(double,
                              MutableArrayRef<double> frequencies) const {
  for (double &frequency : frequencies)
    frequency /= getFactor().getValueAsDouble();
}

LogicalResult LinearScalingAttr::verify(EmitError emitError, FloatAttr factor) {
  // linear_c1
  return checkPositive(emitError, "linear factor", factor.getValueAsDouble());
}

//===----------------------------------------------------------------------===//
// Dynamic and NTK-aware
//===----------------------------------------------------------------------===//

/// The frequencies of theta * stretch^(d / (d - 2)).
static void stretchBase(double theta, double stretch,
                        MutableArrayRef<double> frequencies) {
  auto pairs = static_cast<double>(frequencies.size());
  fillFrequencies(theta * std::pow(stretch, pairs / (pairs - 1)), frequencies);
}

/// d / (d - 2) needs a second pair.
static LogicalResult checkTwoPairs(EmitError emitError, int64_t pairs) {
  if (pairs >= 2)
    return success();
  return emitError() << "rotation of " << pairs
                     << " pairs has no base to stretch, expected at least 2";
}

void DynamicScalingAttr::scale(double theta,
                               MutableArrayRef<double> frequencies) const {
  int64_t longest = std::max(getMax(), getOriginal());
  double share = static_cast<double>(longest) / getOriginal();
  stretchBase(theta, 1 + getFactor().getValueAsDouble() * (share - 1),
              frequencies);
}

LogicalResult DynamicScalingAttr::checkPairs(EmitError emitError, double,
                                             int64_t pairs) const {
  // dynamic_c3
  return checkTwoPairs(emitError, pairs);
}

std::string DynamicScalingAttr::describeChoice() const {
  int64_t longest = std::max(getMax(), getOriginal());
  return ("the base of sequences of " + Twine(longest) +
          " tokens, the declared maximum, for all lengths")
      .str();
}

LogicalResult DynamicScalingAttr::verify(EmitError emitError, FloatAttr factor,
                                         int64_t original, int64_t max) {
  // dynamic_c1
  if (failed(checkPositive(emitError, "dynamic factor",
                           factor.getValueAsDouble())))
    return failure();
  // dynamic_c2
  if (original <= 0)
    return emitError() << "dynamic original is " << original
                       << ", expected at least 1";
  if (max == 0 || max >= original)
    return success();
  return emitError() << "dynamic max is " << max
                     << ", expected at least the original " << original;
}

void NtkScalingAttr::scale(double theta,
                           MutableArrayRef<double> frequencies) const {
  stretchBase(theta, getAlpha().getValueAsDouble(), frequencies);
}

LogicalResult NtkScalingAttr::checkPairs(EmitError emitError, double,
                                         int64_t pairs) const {
  // ntk_c2
  return checkTwoPairs(emitError, pairs);
}

LogicalResult NtkScalingAttr::verify(EmitError emitError, FloatAttr alpha) {
  // ntk_c1
  return checkPositive(emitError, "ntk alpha", alpha.getValueAsDouble());
}

//===----------------------------------------------------------------------===//
// YaRN
//===----------------------------------------------------------------------===//

/// The factor of the logits' length that a context stretched by `factor` asks
/// for.
static double yarnLength(double factor, double k) {
  return factor <= 1 ? 1 : 0.1 * k * std::log(factor) + 1;
}

/// attention_factor, or what stands in its place.
static double yarnAmplitude(double factor, FloatAttr mscale,
                            FloatAttr mscaleAllDim, FloatAttr given) {
  if (given)
    return given.getValueAsDouble();
  if (!mscale || !mscaleAllDim)
    return yarnLength(factor, 1);
  return yarnLength(factor, mscale.getValueAsDouble()) /
         yarnLength(factor, mscaleAllDim.getValueAsDouble());
}

double YarnScalingAttr::getAmplitude() const {
  return yarnAmplitude(getFactor().getValueAsDouble(), getMscale(),
                       getMscaleAllDim(), getAttentionFactor());
}

void YarnScalingAttr::scale(double theta,
                            MutableArrayRef<double> frequencies) const {
  auto dims = 2 * static_cast<double>(frequencies.size());
  // The pair that turns `turns` times in the original context.
  auto pairOf = [&](double turns) {
    double wave = static_cast<double>(getOriginal()) / (2 * M_PI * turns);
    return dims * std::log(wave) / (2 * std::log(theta));
  };
  double low = pairOf(numberOr(getBetaFast(), 32));
  double high = pairOf(numberOr(getBetaSlow(), 1));
  if (getTruncate()) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, dims - 1);
  // Equal ends would leave the ramp without a slope.
  if (low == high)
    high += 0.001;
  double factor = getFactor().getValueAsDouble();
  for (auto [i, frequency] : llvm::enumerate(frequencies)) {
    double ramp = (static_cast<double>(i) - low) / (high - low);
    ramp = std::clamp(ramp, 0.0, 1.0);
    frequency *= (1 - ramp) + ramp / factor;
  }
}

LogicalResult YarnScalingAttr::checkPairs(EmitError emitError, double theta,
                                          int64_t) const {
  // yarn_c4
  if (theta > 1)
    return success();
  return emitError() << "yarn has theta " << theta << ", expected more than 1";
}

LogicalResult YarnScalingAttr::verify(EmitError emitError, FloatAttr factor,
                                      int64_t original, FloatAttr betaFast,
                                      FloatAttr betaSlow, FloatAttr mscale,
                                      FloatAttr mscaleAllDim,
                                      FloatAttr attentionFactor, bool) {
  // yarn_c1
  double stretch = factor.getValueAsDouble();
  if (failed(checkPositive(emitError, "yarn factor", stretch)) ||
      failed(checkPositive(emitError, "yarn original", original)))
    return failure();
  // yarn_c2
  double fast = numberOr(betaFast, 32), slow = numberOr(betaSlow, 1);
  if (failed(checkPositive(emitError, "yarn beta_slow", slow)))
    return failure();
  if (!(fast >= slow))
    return emitError() << "yarn beta_fast is " << fast
                       << ", expected at least the beta_slow " << slow;
  // yarn_c3
  return checkPositive(
      emitError, "yarn attention factor",
      yarnAmplitude(stretch, mscale, mscaleAllDim, attentionFactor));
}

//===----------------------------------------------------------------------===//
// LongRoPE
//===----------------------------------------------------------------------===//

void LongropeScalingAttr::scale(double,
                                MutableArrayRef<double> frequencies) const {
  DenseF64ArrayAttr factors =
      getMax() > getOriginal() ? getLongFactors() : getShortFactors();
  for (auto [frequency, factor] :
       llvm::zip_equal(frequencies, factors.asArrayRef()))
    frequency /= factor;
}

double LongropeScalingAttr::getAmplitude() const {
  if (getAttentionFactor())
    return getAttentionFactor().getValueAsDouble();
  auto original = static_cast<double>(getOriginal());
  double stretch =
      numberOr(getFactor(), static_cast<double>(getMax()) / original);
  return stretch <= 1 ? 1
                      : std::sqrt(1 + std::log(stretch) / std::log(original));
}

LogicalResult LongropeScalingAttr::checkPairs(EmitError emitError, double,
                                              int64_t pairs) const {
  // longrope_c4
  auto count = static_cast<int64_t>(getShortFactors().size());
  if (count == pairs)
    return success();
  return emitError() << "longrope has " << count << " factors for " << pairs
                     << " pairs";
}

std::string LongropeScalingAttr::describeChoice() const {
  bool isLong = getMax() > getOriginal();
  return ((isLong ? "the long factors" : "the short factors") +
          Twine(" for all lengths: the declared maximum is ") +
          Twine(getMax()) + " tokens, the original " + Twine(getOriginal()))
      .str();
}

LogicalResult LongropeScalingAttr::verify(EmitError emitError,
                                          DenseF64ArrayAttr shortFactors,
                                          DenseF64ArrayAttr longFactors,
                                          int64_t original, int64_t max,
                                          FloatAttr factor,
                                          FloatAttr attentionFactor) {
  // longrope_c1
  if (shortFactors.empty() || shortFactors.size() != longFactors.size())
    return emitError() << "longrope has " << shortFactors.size()
                       << " short and " << longFactors.size()
                       << " long factors, expected as many of both";
  for (double each : llvm::concat<const double>(shortFactors.asArrayRef(),
                                                longFactors.asArrayRef()))
    if (failed(checkPositive(emitError, "longrope factor", each)))
      return failure();
  // longrope_c2
  if (original < 2)
    return emitError() << "longrope original is " << original
                       << ", expected at least 2";
  if (max < 1)
    return emitError() << "longrope max is " << max << ", expected at least 1";
  // longrope_c3
  if (failed(checkPositive(emitError, "longrope factor", numberOr(factor, 1))))
    return failure();
  return checkPositive(emitError, "longrope attention_factor",
                       numberOr(attentionFactor, 1));
}

//===----------------------------------------------------------------------===//
// Llama 3
//===----------------------------------------------------------------------===//

void Llama3ScalingAttr::scale(double,
                              MutableArrayRef<double> frequencies) const {
  double factor = getFactor().getValueAsDouble();
  double low = getLow().getValueAsDouble(), high = getHigh().getValueAsDouble();
  for (double &frequency : frequencies) {
    // The waves that fit into the original context.
    double waves = static_cast<double>(getOriginal()) * frequency / (2 * M_PI);
    if (waves < low)
      frequency /= factor;
    else if (waves <= high && low < high) {
      double kept = (waves - low) / (high - low);
      frequency *= (1 - kept) / factor + kept;
    }
  }
}

LogicalResult Llama3ScalingAttr::verify(EmitError emitError, FloatAttr factor,
                                        FloatAttr low, FloatAttr high,
                                        int64_t original) {
  // llama3_c1
  if (failed(checkPositive(emitError, "llama3 factor",
                           factor.getValueAsDouble())) ||
      failed(checkPositive(emitError, "llama3 original", original)))
    return failure();
  // llama3_c2
  double least = low.getValueAsDouble(), most = high.getValueAsDouble();
  if (failed(checkPositive(emitError, "llama3 low", least)) ||
      failed(checkPositive(emitError, "llama3 high", most)))
    return failure();
  if (least <= most)
    return success();
  return emitError() << "llama3 high is " << most
                     << ", expected at least the low " << least;
}

//===----------------------------------------------------------------------===//
// Proportional
//===----------------------------------------------------------------------===//

void ProportionalScalingAttr::scale(double,
                                    MutableArrayRef<double> frequencies) const {
  double factor = numberOr(getFactor(), 1);
  for (auto [i, frequency] : llvm::enumerate(frequencies))
    frequency = static_cast<int64_t>(i) < getPairs() ? frequency / factor : 0;
}

LogicalResult ProportionalScalingAttr::checkPairs(EmitError emitError, double,
                                                  int64_t pairs) const {
  // proportional_c2
  if (getPairs() <= pairs)
    return success();
  return emitError() << "proportional turns " << getPairs() << " of " << pairs
                     << " pairs";
}

LogicalResult ProportionalScalingAttr::verify(EmitError emitError,
                                              int64_t pairs, FloatAttr factor) {
  // proportional_c1
  if (failed(checkPositive(emitError, "proportional pairs", pairs)))
    return failure();
  return checkPositive(emitError, "proportional factor", numberOr(factor, 1));
}

//===- Rope.cpp - RoPE parameters of a config.json ------------------------===//
//
// Where a value comes from, first wins: the scaling object, the top level, the
// configuration class.
//
//===----------------------------------------------------------------------===//

#include "compiler/import/Rope.h"

using namespace attn;
using llvm::StringRef;
using llvm::Twine;

static constexpr IntegerRange kPositions = {1, int64_t(1) << 40};

namespace {
/// A rope_type: its spelling, what it means, and the fields it cannot lack.
struct RopeTypeSpec {
  StringRef name;
  RopeScaling scaling;
  std::initializer_list<StringRef> required;
};
} // namespace

/// The row of `name`; null if there is none. "su" is the first name of
/// longrope, "mrope" with one stream of positions is the default rotation.
static const RopeTypeSpec *findRopeType(StringRef name) {
  static constexpr RopeTypeSpec types[] = {
      {"default", RopeScaling::None, {}},
      {"mrope", RopeScaling::None, {}},
      {"linear", RopeScaling::Linear, {"factor"}},
      {"dynamic", RopeScaling::Dynamic, {"factor"}},
      {"yarn", RopeScaling::Yarn, {"factor"}},
      {"longrope", RopeScaling::Longrope, {"short_factor", "long_factor"}},
      {"su", RopeScaling::Longrope, {"short_factor", "long_factor"}},
      {"llama3",
       RopeScaling::Llama3,
       {"factor", "low_freq_factor", "high_freq_factor"}},
  };
  for (const RopeTypeSpec &type : types)
    if (type.name == name)
      return &type;
  return nullptr;
}

//===----------------------------------------------------------------------===//
// Checks
//===----------------------------------------------------------------------===//

static void checkFactorList(const Config &rope, StringRef key,
                            int64_t headDim) {
  std::optional<std::vector<double>> factors = rope.numbers(key);
  if (!factors)
    return;
  double partial = rope.positive("partial_rotary_factor").value_or(1);
  size_t expected = size_t(headDim * partial) / 2;
  if (factors->size() != expected)
    rope.error(key, Twine("has ") + Twine(factors->size()) +
                        " entries, expected " + Twine(expected) +
                        ", half of the rotated dims");
  for (size_t index = 0; index < factors->size(); ++index)
    if ((*factors)[index] <= 0)
      rope.error(key, index, "expected a number over 0");
}

/// Checks every field that some scaling reads, whether or not this one does.
static void checkFields(const Config &rope, int64_t headDim) {
  for (StringRef key : {"low_freq_factor", "high_freq_factor", "beta_fast",
                        "beta_slow", "attention_factor"})
    rope.positive(key);
  for (StringRef key : {"mscale", "mscale_all_dim"})
    rope.number(key);
  rope.boolean("truncate");
  rope.integer("original_max_position_embeddings", kPositions);
  if (std::optional<double> partial = rope.positive("partial_rotary_factor"))
    if (*partial > 1)
      rope.error("partial_rotary_factor", "expected a number from 0 to 1");
  for (StringRef key : {"short_factor", "long_factor"})
    checkFactorList(rope, key, headDim);
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

/// Reads one flat object; `theta` is what the top level says.
static RopeSpec readParameters(const Config &rope, double theta,
                               int64_t headDim) {
  RopeSpec spec;
  spec.theta = rope.positive("rope_theta").value_or(theta);
  StringRef typeKey =
      rope.has("rope_type") || !rope.has("type") ? "rope_type" : "type";
  std::string typeName = rope.string(typeKey).value_or("default");
  const RopeTypeSpec *type = findRopeType(typeName);
  if (!type) {
    rope.error(typeKey, Twine("unknown rope_type '") + typeName +
                            "', expected default, linear, dynamic, yarn, "
                            "longrope or llama3");
    return spec;
  }
  for (StringRef key : type->required)
    if (!rope.has(key) || rope.isNull(key))
      rope.error(key, Twine("missing, rope_type '") + typeName + "' needs it");
  checkFields(rope, headDim);
  spec.scaling = type->scaling;
  double factor = rope.positive("factor").value_or(0);
  if (type->scaling != RopeScaling::None)
    spec.factor = factor;
  return spec;
}

RopeParameters attn::readRope(const Config &config, const ModelSpec &model,
                              int64_t headDim) {
  double theta = config.positive("rope_theta").value_or(model.theta);
  RopeSpec standard;
  standard.theta = theta;
  if (model.yarnByDefault) {
    standard.scaling = RopeScaling::Yarn;
    standard.factor = 32;
  }
  if (headDim % 2 != 0)
    config.error("head_dim", Twine("head size ") + Twine(headDim) +
                                 " is odd, and RoPE rotates pairs");

  std::optional<Config> scaling = config.child("rope_scaling");
  std::optional<Config> rope =
      scaling ? scaling : config.child("rope_parameters");
  if (!rope)
    return {standard, standard};

  if (!rope->has("sliding_attention") && !rope->has("full_attention")) {
    RopeSpec spec = readParameters(*rope, theta, headDim);
    return {spec, spec};
  }
  auto ofType = [&](StringRef layerType) -> RopeOfLayers {
    if (std::optional<Config> nested = rope->child(layerType))
      return readParameters(*nested, theta, headDim);
    // A type that is null does not rotate.
    return rope->isNull(layerType) ? RopeOfLayers() : standard;
  };
  return {ofType("sliding_attention"), ofType("full_attention")};
}

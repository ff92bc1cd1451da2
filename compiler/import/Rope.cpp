//===- Rope.cpp - RoPE parameters of a config.json ------------------------===//
//
// Where a value comes from, first wins: the scaling object, the top level, the
// configuration class.
//
//===----------------------------------------------------------------------===//

#include "compiler/import/Rope.h"

#include "dialects/attn/AttnDialect.h"

using namespace attn;
using namespace mlir;

static constexpr IntegerRange kPositions = {1, int64_t(1) << 40};

namespace {
/// Where a rotation is described: its own object in a file, or the file, and
/// what the family says.
struct RopeSource {
  const Config &rope, &file;
  const ModelSpec &model;
  int64_t headDim;
  /// Spelling of the key of the rope_type.
  StringRef typeKey = "rope_type";

  /// The first of the object, the file and the standard that has `key`.
  double positive(StringRef key, double standard) const {
    return rope.positive(key).value_or(file.positive(key).value_or(standard));
  }
  int64_t declaredMaximum() const {
    StringRef key = "max_position_embeddings";
    return file.integer(key, kPositions).value_or(model.maxPositions);
  }
  /// Positions that the model was first trained for.
  int64_t original() const {
    StringRef key = "original_max_position_embeddings";
    std::optional<int64_t> outer = file.integer(key, kPositions);
    return outer ? *outer
                 : rope.integer(key, kPositions).value_or(declaredMaximum());
  }
  Pairing pairing() const {
    StringRef key = model.interleavedField;
    std::optional<bool> given = key.empty() ? std::nullopt : file.boolean(key);
    return given.value_or(model.interleaved) ? Pairing::Interleaved
                                             : Pairing::Half;
  }
  int64_t rotatedDims() const {
    double standard = model.partialRotary.value_or(1);
    return int64_t(double(headDim) *
                   positive("partial_rotary_factor", standard));
  }

  FloatAttr number(double value) const {
    return FloatAttr::get(Float64Type::get(&rope.getContext()), value);
  }
  FloatAttr number(StringRef key) const {
    return number(rope.number(key).value_or(0));
  }
  /// Null where the file has none, or 0, which models take for none, or what
  /// is `implied` anyway.
  FloatAttr optionalNumber(StringRef key, double implied = 0) const {
    double value = rope.number(key).value_or(0);
    return value == 0 || value == implied ? FloatAttr() : number(value);
  }
};
} // namespace

//===----------------------------------------------------------------------===//
// Scalings
//===----------------------------------------------------------------------===//

/// Reports at `key` what `check` emits.
template <typename Check>
static void checkAt(const Config &config, StringRef key, Check check) {
  MLIRContext &context = config.getContext();
  std::string message;
  {
    ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
      message = diagnostic.str();
      return success();
    });
    check([&] { return emitError(UnknownLoc::get(&context)); });
  }
  if (!message.empty())
    config.error(key, message);
}

/// The attribute, or null after an error that is reported.
template <typename Attr, typename... Args>
static Attr makeChecked(const RopeSource &source, Args... args) {
  Attr result;
  if (!source.rope.hasFailed())
    checkAt(source.rope, source.typeKey, [&](auto emitError) {
      result = Attr::getChecked(emitError, &source.rope.getContext(), args...);
    });
  return result;
}

static RopeScalingInterface readLinear(const RopeSource &source) {
  return makeChecked<LinearScalingAttr>(source, source.number("factor"));
}

/// hunyuan writes a constant where others have a factor of the length.
static RopeScalingInterface readDynamic(const RopeSource &source) {
  if (FloatAttr alpha = source.optionalNumber("alpha"))
    return makeChecked<NtkScalingAttr>(source, alpha);
  if (!source.rope.has("factor"))
    source.rope.error("factor", "missing, rope_type 'dynamic' needs it");
  return makeChecked<DynamicScalingAttr>(source, source.number("factor"),
                                         source.declaredMaximum(),
                                         /*max=*/int64_t(0));
}

static RopeScalingInterface readLongrope(const RopeSource &source) {
  auto factors = [&](StringRef key) {
    return DenseF64ArrayAttr::get(
        &source.rope.getContext(),
        source.rope.numbers(key).value_or(std::vector<double>()));
  };
  return makeChecked<LongropeScalingAttr>(
      source, factors("short_factor"), factors("long_factor"),
      source.original(), source.declaredMaximum(),
      source.optionalNumber("factor"),
      source.optionalNumber("attention_factor"));
}

static RopeScalingInterface readYarn(const RopeSource &source) {
  // The first files of phi3 call longrope so.
  if (source.rope.has("long_factor"))
    return readLongrope(source);
  return makeChecked<YarnScalingAttr>(
      source, source.number("factor"), source.original(),
      source.optionalNumber("beta_fast", 32),
      source.optionalNumber("beta_slow", 1), source.optionalNumber("mscale"),
      source.optionalNumber("mscale_all_dim"),
      source.optionalNumber("attention_factor"),
      source.rope.boolean("truncate").value_or(true));
}

static RopeScalingInterface readLlama3(const RopeSource &source) {
  return makeChecked<Llama3ScalingAttr>(
      source, source.number("factor"), source.number("low_freq_factor"),
      source.number("high_freq_factor"), source.original());
}

static RopeScalingInterface readProportional(const RopeSource &source) {
  return makeChecked<ProportionalScalingAttr>(source, source.rotatedDims() / 2,
                                              source.optionalNumber("factor"));
}

namespace {
/// A rope_type: its spelling, how it is read, and the fields it cannot lack.
struct RopeTypeSpec {
  StringRef name;
  RopeScalingInterface (*read)(const RopeSource &);
  std::initializer_list<StringRef> required;
};
} // namespace

/// The row of `name`; null if there is none. "su" is the first name of
/// longrope, "mrope" with one stream of positions is the default rotation.
static const RopeTypeSpec *findRopeType(StringRef name) {
  static constexpr RopeTypeSpec types[] = {
      {"default", nullptr, {}},
      {"mrope", nullptr, {}},
      {"linear", readLinear, {"factor"}},
      {"dynamic", readDynamic, {}},
      {"yarn", readYarn, {"factor"}},
      {"longrope", readLongrope, {"short_factor", "long_factor"}},
      {"su", readLongrope, {"short_factor", "long_factor"}},
      {"llama3", readLlama3, {"factor", "low_freq_factor", "high_freq_factor"}},
      {"proportional", readProportional, {}},
  };
  for (const RopeTypeSpec &type : types)
    if (type.name == name)
      return &type;
  return nullptr;
}

//===----------------------------------------------------------------------===//
// Checks
//===----------------------------------------------------------------------===//

static void checkFactorList(const RopeSource &source, StringRef key) {
  std::optional<std::vector<double>> factors = source.rope.numbers(key);
  if (!factors)
    return;
  size_t expected = source.rotatedDims() / 2;
  if (factors->size() != expected)
    source.rope.error(key, Twine("has ") + Twine(factors->size()) +
                               " entries, expected " + Twine(expected) +
                               ", half of the rotated dims");
  for (size_t index = 0; index < factors->size(); ++index)
    if ((*factors)[index] <= 0)
      source.rope.error(key, index, "expected a number over 0");
}

/// Checks every field that some scaling reads, whether or not this one does.
static void checkFields(const RopeSource &source) {
  const Config &rope = source.rope;
  for (StringRef key : {"factor", "low_freq_factor", "high_freq_factor",
                        "beta_fast", "beta_slow", "attention_factor", "alpha"})
    rope.positive(key);
  for (StringRef key : {"mscale", "mscale_all_dim"})
    rope.number(key);
  rope.boolean("truncate");
  rope.integer("original_max_position_embeddings", kPositions);
  for (const Config *config : {&rope, &source.file})
    if (config->positive("partial_rotary_factor").value_or(1) > 1)
      config->error("partial_rotary_factor", "expected a number from 0 to 1");
  for (StringRef key : {"short_factor", "long_factor"})
    checkFactorList(source, key);
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

/// The rotation by `theta` with `scaling`; some classes leave the last dims of
/// a head alone.
static RopeAttr makeRope(const RopeSource &source, double theta,
                         RopeScalingInterface scaling) {
  bool isPartial = (source.model.partialRotary || scaling) &&
                   !isa_and_present<ProportionalScalingAttr>(scaling);
  int64_t dims = isPartial ? source.rotatedDims() : source.headDim;
  if (dims != source.headDim && dims % 2 != 0) {
    StringRef key = "partial_rotary_factor";
    (source.rope.has(key) ? source.rope : source.file)
        .error(key, Twine("leaves ") + Twine(dims) +
                        " dims to rotate, and RoPE rotates pairs");
    return {};
  }
  auto rope = makeChecked<RopeAttr>(source, source.number(theta),
                                    dims == source.headDim ? 0 : dims,
                                    source.pairing(), scaling);
  if (rope)
    checkAt(source.rope, source.typeKey, [&](auto emitError) {
      (void)rope.checkHead(emitError, source.headDim);
    });
  return rope;
}

/// Whether the model's own code rotates short and long calls differently.
static bool goesByLength(RopeScalingInterface scaling) {
  auto longrope = dyn_cast_or_null<LongropeScalingAttr>(scaling);
  return isa_and_present<DynamicScalingAttr>(scaling) ||
         (longrope && longrope.getMax() > longrope.getOriginal());
}

/// Reads one flat object; `theta` is what the top level says.
static RopeAttr readParameters(RopeSource source, double theta) {
  const Config &rope = source.rope;
  theta = rope.positive("rope_theta").value_or(theta);
  if (!rope.has("rope_type") && rope.has("type"))
    source.typeKey = "type";
  std::string typeName = rope.string(source.typeKey).value_or("default");
  const RopeTypeSpec *type = findRopeType(typeName);
  if (!type) {
    rope.error(source.typeKey, Twine("unknown rope_type '") + typeName +
                                   "', expected default, linear, dynamic, "
                                   "yarn, longrope, llama3 or proportional");
    return {};
  }
  for (StringRef key : type->required)
    if (!rope.has(key) || rope.isNull(key))
      rope.error(key, Twine("missing, rope_type '") + typeName + "' needs it");
  checkFields(source);
  if (rope.hasFailed())
    return {};
  RopeScalingInterface scaling = type->read ? type->read(source) : nullptr;
  RopeAttr rotation = makeRope(source, theta, scaling);
  if (rotation && goesByLength(scaling))
    rope.warning(source.typeKey,
                 Twine("kernels take ") + scaling.describeChoice() +
                     "; transformers goes by the length of each call");
  return rotation;
}

/// The rotation of a file that has no object for it.
static RopeAttr standardRope(const RopeSource &source, double theta) {
  RopeScalingInterface scaling;
  if (source.model.yarnByDefault)
    scaling = makeChecked<YarnScalingAttr>(
        source, source.number(32.0), /*original=*/int64_t(4096), FloatAttr(),
        FloatAttr(), FloatAttr(), FloatAttr(), FloatAttr(), /*truncate=*/false);
  return makeRope(source, theta, scaling);
}

RopeParameters attn::readRope(const Config &config, const ModelSpec &model,
                              int64_t headDim) {
  double theta = config.positive("rope_theta").value_or(model.theta);
  double slidingTheta =
      model.slidingTheta
          ? config.positive("rope_local_base_freq").value_or(model.slidingTheta)
          : theta;
  if (headDim % 2 != 0)
    config.error("head_dim", Twine("head size ") + Twine(headDim) +
                                 " is odd, and RoPE rotates pairs");
  auto standard = [&](double base) {
    return standardRope({config, config, model, headDim}, base);
  };

  std::optional<Config> scaling = config.child("rope_scaling");
  std::optional<Config> rope =
      scaling ? scaling : config.child("rope_parameters");
  if (!rope)
    return {standard(slidingTheta), standard(theta)};
  if (!rope->has("sliding_attention") && !rope->has("full_attention")) {
    RopeAttr full = readParameters({*rope, config, model, headDim}, theta);
    return {model.slidingTheta ? standard(slidingTheta) : full, full};
  }
  auto ofType = [&](StringRef layerType, double base) {
    if (std::optional<Config> nested = rope->child(layerType))
      return readParameters({*nested, config, model, headDim}, base);
    // A type that is null does not rotate.
    return rope->isNull(layerType) ? RopeAttr() : standard(base);
  };
  return {ofType("sliding_attention", slidingTheta),
          ofType("full_attention", theta)};
}

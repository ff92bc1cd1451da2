//===- Report.cpp - What attnc explain says -------------------------------===//
//
// The JSON fields are part of the stable command line; the text is for people.
//
//===----------------------------------------------------------------------===//

#include "compiler/explain/Report.h"

#include "compiler/LayerNumbers.h"
#include "dialects/attn/AttnAttributes.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/JSON.h"

#include <cmath>
#include <fmt/format.h>

using namespace attn;
using namespace mlir;

//===----------------------------------------------------------------------===//
// Facts
//===----------------------------------------------------------------------===//

static std::string describeMask(MaskAttrInterface mask) {
  KeyInterval interval = mask.getInterval();
  bool hasLeft = interval.left != KeyInterval::kUnbounded;
  bool hasRight = interval.right != KeyInterval::kUnbounded;
  SmallVector<std::string> parts;
  if (interval.chunk != KeyInterval::kUnbounded)
    parts.push_back(fmt::format("causal chunks of {} keys", interval.chunk));
  if (hasLeft && hasRight && !interval.isCausal())
    parts.push_back("two-sided window");
  else if (hasLeft)
    parts.push_back(fmt::format("{}window of {} keys",
                                interval.isCausal() ? "causal " : "",
                                interval.left));
  else if (interval.isCausal() && parts.empty())
    parts.push_back("causal");
  if (interval.prefix)
    parts.push_back("bidirectional in a prefix");
  if (interval.document)
    parts.push_back("within documents");
  if (parts.empty())
    return hasRight ? "two-sided window" : "bidirectional";
  return fmt::format("{}", fmt::join(parts, ", "));
}

/// ", ALiBi" and the like; nothing without a bias.
static std::string describeBias(GroupedOp layer) {
  if (!layer.getPositionBias())
    return "";
  if (int64_t buckets = layer.getTableRows())
    return fmt::format(", bias of {} buckets", buckets);
  return ", ALiBi";
}

/// "causal and what a call's mask shows"
template <typename LayerT>
static std::string describeMasks(LayerT layer) {
  return describeMask(layer.getMask()) +
         (layer.getMaskOperand() ? " and what a call's mask shows" : "");
}

static std::string describe(GroupedOp layer) {
  std::string text =
      fmt::format("{} heads over {} key/value heads of {}", layer.getHeads(),
                  layer.getKvHeads(), layer.getHeadDim());
  if (layer.getValueSize() != int64_t(layer.getHeadDim()))
    text += fmt::format(" (values {})", layer.getValueSize());
  text += ", " + describeMasks(layer);
  if (layer.getScale())
    text += fmt::format(", scale {:.6g}", layer.getScoreScale());
  if (std::optional<APFloat> cap = layer.getSoftcap())
    text += fmt::format(", softcap {:g}", cap->convertToDouble());
  text += describeBias(layer);
  if (layer.getSinks())
    text += ", sinks";
  if (layer.getGate())
    text += ", output gate";
  return text;
}

static std::string describe(LatentOp layer) {
  std::string text = fmt::format(
      "{} heads of {} + {} (values {}) over a latent of {} and a rotated key "
      "of {}, {}",
      layer.getHeads(), layer.getNopeDim(), layer.getRopeDim(),
      layer.getValueDim(), layer.getKvRank(), layer.getRopeDim(),
      describeMasks(layer));
  if (std::optional<uint64_t> rank = layer.getQueryRank())
    text += fmt::format(", queries from {}", *rank);
  if (layer.getScale())
    text += fmt::format(", scale {:.6g}", layer.getScoreScale());
  return text;
}

static std::string describeCache(const CostQuestion &question) {
  std::string types(spell(question.kDtype));
  if (question.vDtype != question.kDtype)
    types += fmt::format(" keys and {} values", spell(question.vDtype));
  return types;
}

/// What is told of both kinds of layers in the same way.
template <typename LayerT>
static ExplainedGroup explainLayer(LayerT layer, int64_t rotatedSize,
                                   const CostQuestion &question) {
  return {.layers = llvm::SmallVector<int64_t>(layer.getLayers()),
          .description = describe(layer),
          .costs = countCosts(layer, question),
          .cacheTypes = describeCache(question),
          .roofline = placeLayer(layer, question),
          .rope = layer.getPosition().value_or(RopeAttr()),
          .rotatedSize = rotatedSize};
}

Explanation attn::explainLayers(ModuleOp module, const CostQuestion &question) {
  Explanation result;
  result.name = module.getName().value_or("").str();
  result.question = question;
  for (Operation &op : *module.getBody()) {
    if (auto refused = dyn_cast<RefusedOp>(op))
      result.groups.push_back(
          {.layers = llvm::SmallVector<int64_t>(refused.getLayers()),
           .description = "not compiled: " + refused.getWhy().str()});
    if (auto layer = dyn_cast<GroupedOp>(op))
      result.groups.push_back(explainLayer(layer, layer.getHeadDim(),
                                           withTypesOf(layer, question)));
    if (auto latent = dyn_cast<LatentOp>(op)) {
      CostQuestion typed = withTypesOf(latent, question);
      result.groups.push_back(explainLayer(latent, latent.getRopeDim(), typed));
      result.groups.back().forms = countForms(latent, typed);
    }
  }
  return result;
}

std::optional<LayerCosts> Explanation::total() const {
  if (groups.empty())
    return std::nullopt;
  LayerCosts sum;
  for (const ExplainedGroup &group : groups) {
    if (!group.costs)
      return std::nullopt;
    for (size_t layer = 0; layer < group.layers.size(); ++layer)
      sum += *group.costs;
  }
  return sum;
}

std::vector<RooflinePoint> Explanation::totalRoofline() const {
  std::vector<RooflinePoint> sums;
  if (!total())
    return sums;
  for (const ExplainedGroup &group : groups) {
    if (sums.empty()) {
      sums = group.roofline;
      for (RooflinePoint &sum : sums)
        sum.flops = sum.bytes = 0;
    }
    for (auto [sum, point] : llvm::zip_equal(sums, group.roofline)) {
      sum.flops += point.flops * double(group.layers.size());
      sum.bytes += point.bytes * double(group.layers.size());
    }
  }
  return sums;
}

std::optional<LatentForms> Explanation::forms() const {
  for (const ExplainedGroup &group : groups)
    if (group.forms)
      return group.forms;
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// JSON
//===----------------------------------------------------------------------===//

/// Counts are whole; what is not finite, or not known, is null.
static llvm::json::Value toJson(std::optional<double> count) {
  if (!count || !std::isfinite(*count))
    return nullptr;
  if (*count < 9.0e18)
    return int64_t(*count);
  return *count;
}

static std::optional<double> pick(const std::optional<LayerCosts> &costs,
                                  double LayerCosts::*field) {
  return costs ? std::optional(*costs.*field) : std::nullopt;
}

static void printCosts(llvm::json::OStream &json,
                       const std::optional<LayerCosts> &costs) {
  json.attribute("parameters", toJson(pick(costs, &LayerCosts::parameters)));
  json.attribute("flops", toJson(pick(costs, &LayerCosts::flops)));
  json.attribute("bytes", toJson(pick(costs, &LayerCosts::bytes)));
  json.attribute("kv_cache_bytes_per_token",
                 toJson(pick(costs, &LayerCosts::kvCacheBytesPerToken)));
}

static void printRoofline(llvm::json::OStream &json,
                          ArrayRef<RooflinePoint> points,
                          const std::optional<Machine> &machine) {
  json.attributeArray("roofline", [&] {
    for (const RooflinePoint &point : points)
      json.value(toJson(point, machine));
  });
}

/// What a caller needs to rotate as the model does.
static void printRope(llvm::json::OStream &json, const ExplainedGroup &group) {
  json.attribute("theta", group.rope.getTheta().getValueAsDouble());
  json.attribute("rotated_dims", group.rope.getRotatedDims(group.rotatedSize));
  json.attribute("pairing", stringifyPairing(group.rope.getPairing()));
  json.attribute("attention_factor", group.rope.getAmplitude());
  json.attributeArray("inverse_frequencies", [&] {
    for (float frequency : group.rope.getFrequencies(group.rotatedSize))
      json.value(double(frequency));
  });
}

static void printLayers(llvm::json::OStream &json,
                        ArrayRef<ExplainedGroup> groups,
                        const std::optional<Machine> &machine) {
  SmallVector<std::pair<int64_t, const ExplainedGroup *>> layers;
  for (const ExplainedGroup &group : groups)
    for (int64_t layer : group.layers)
      layers.push_back({layer, &group});
  llvm::sort(layers);
  for (auto [layer, group] : layers)
    json.object([&, layer = layer, group = group] {
      json.attribute("layer", layer);
      printCosts(json, group->costs);
      printRoofline(json, group->roofline, machine);
      if (group->rope)
        json.attributeObject("rope", [&] { printRope(json, *group); });
      else
        json.attribute("rope", nullptr);
    });
}

/// A length is no count: it keeps its fraction.
static llvm::json::Value lengthToJson(double length) {
  return std::isfinite(length) ? llvm::json::Value(length) : nullptr;
}

static void printCrossover(llvm::json::OStream &json,
                           const std::optional<LatentForms> &forms) {
  constexpr StringRef key = "mla_crossover_query_length";
  if (!forms)
    return json.attribute(key, nullptr);
  json.attributeObject(key, [&] {
    json.attribute("asymptotic", lengthToJson(forms->asymptoticCrossover));
    json.attribute("at_kv_length", lengthToJson(forms->crossover));
  });
}

void attn::printJson(const Explanation &explanation, llvm::raw_ostream &out) {
  llvm::json::OStream json(out, /*IndentSize=*/2);
  json.object([&] {
    const std::optional<Machine> &machine = explanation.question.machine;
    json.attribute("machine", toJson(machine));
    printCosts(json, explanation.total());
    printRoofline(json, explanation.totalRoofline(), machine);
    json.attributeArray(
        "layers", [&] { printLayers(json, explanation.groups, machine); });
    printCrossover(json, explanation.forms());
    json.attributeArray("remarks", [&] {
      for (const PassRemark &remark : explanation.remarks)
        json.object([&] {
          json.attribute("pass", remark.pass);
          json.attribute("kind", remark.kind);
          json.attribute("text", remark.text);
        });
    });
  });
  out << '\n';
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

std::string attn::groupDigits(double count, StringRef separator) {
  std::string digits = fmt::format("{:.0f}", count);
  for (size_t at = digits.size(); at > 3; at -= 3)
    digits.insert(at - 3, separator);
  return digits;
}

static void printCosts(llvm::raw_ostream &out, const LayerCosts &costs) {
  out << fmt::format("    parameters             {:>17}\n"
                     "    matrix FLOPs           {:>17}\n"
                     "    keys and values read   {:>17} bytes\n"
                     "    all bytes moved        {:>17} bytes\n"
                     "    KV cache per token     {:>17} bytes\n",
                     groupDigits(costs.parameters), groupDigits(costs.flops),
                     groupDigits(costs.kvBytes), groupDigits(costs.bytes),
                     groupDigits(costs.kvCacheBytesPerToken));
}

static void printRoofline(llvm::raw_ostream &out,
                          ArrayRef<RooflinePoint> points,
                          const std::optional<Machine> &machine) {
  for (const RooflinePoint &point : points) {
    bool isPrefill = point.phase == "prefill";
    std::string call = fmt::format(
        "{} {} {}", point.phase, isPrefill ? "of" : "on",
        groupDigits(double(isPrefill ? point.queryLength : point.kvLength)));
    std::string bound = spellBound(point, machine);
    out << fmt::format("    {:<22} {:>17} FLOP/byte{}{}\n", call,
                       spellIntensity(point), bound.empty() ? "" : ": ", bound);
  }
}

/// The text of a crossover, or that there is none.
static std::string spellCrossover(const LatentForms &forms, int64_t keys) {
  if (!std::isfinite(forms.crossover))
    return "the absorbed form is always the cheaper one";
  return fmt::format("absorbed is cheaper below {:.1f} queries on {} keys, "
                     "{:.1f} on ever more",
                     forms.crossover, keys, forms.asymptoticCrossover);
}

static void printForms(llvm::raw_ostream &out, const LatentForms &forms,
                       int64_t keys) {
  out << fmt::format("    FLOPs expanded         {:>17}\n"
                     "    FLOPs absorbed         {:>17}\n"
                     "    {}\n",
                     groupDigits(forms.expandedFlops),
                     groupDigits(forms.absorbedFlops),
                     spellCrossover(forms, keys));
}

/// What a declared layer knows of.
static constexpr StringRef kParameters =
    "Parameters: weights of projections and gates, sinks, tables of biases, "
    "norms of latents. Biases of projections, and norms of queries and keys, "
    "are not counted.";

void attn::printText(const Explanation &explanation, llvm::raw_ostream &out) {
  const CostQuestion &question = explanation.question;
  llvm::SmallSetVector<StringRef, 2> types;
  for (const ExplainedGroup &group : explanation.groups)
    if (group.costs)
      types.insert(group.cacheTypes);
  if (explanation.groups.empty())
    out << explanation.name
        << ": no layer is declared whose costs could be counted\n";
  else
    out << fmt::format(
        "{}: one call with {} queries on {} keys{}{}{}\n", explanation.name,
        question.queryLength, question.kvLength, types.empty() ? "" : ", ",
        llvm::join(types, " or "), types.empty() ? "" : " cache");
  for (const ExplainedGroup &group : explanation.groups) {
    out << fmt::format("\n  {} {}: {}\n",
                       group.layers.size() > 1 ? "each of layers" : "layer",
                       spellLayers(group.layers), group.description);
    if (group.costs)
      printCosts(out, *group.costs);
    if (group.forms)
      printForms(out, *group.forms, question.kvLength);
    printRoofline(out, group.roofline, question.machine);
  }
  if (std::optional<LayerCosts> total = explanation.total()) {
    out << "\n  all layers\n";
    printCosts(out, *total);
    printRoofline(out, explanation.totalRoofline(), question.machine);
  }
  auto isCounted = [](const ExplainedGroup &group) {
    return group.costs.has_value();
  };
  if (llvm::any_of(explanation.groups, isCounted))
    out << "\n  " << wrapText(kParameters, 2, 2) << "\n  "
        << wrapText(explainRoofline(question.machine), 2, 2);
  out << "\n  remarks\n";
  for (const PassRemark &remark : explanation.remarks)
    out << fmt::format("    {} {}: {}\n", remark.pass, remark.kind,
                       remark.text);
  if (explanation.remarks.empty())
    out << "    none\n";
}

//===- LayerFacts.cpp - what a kernel computes for a layer ----------------===//
//
// Reads the rows of constants back into the numbers of the model.
//
//===----------------------------------------------------------------------===//

#include "compiler/artifact/LayerFacts.h"

#include "dialects/attn/AttnAttributes.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/MathExtras.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

using namespace attn;
using namespace attn::artifact;

static double valueOf(const cpu::CpuParameter &parameter, uint64_t bits) {
  if (!parameter.isFloat)
    return static_cast<double>(static_cast<int64_t>(bits));
  return llvm::bit_cast<float>(static_cast<uint32_t>(bits));
}

static std::optional<int64_t> boundOf(double side) {
  if (side >= static_cast<double>(KeyInterval::kUnbounded))
    return std::nullopt;
  return static_cast<int64_t>(side);
}

LayerFacts artifact::factsOf(const KernelDescription &kernel, int64_t layer) {
  const cpu::CpuKernel &compiled = kernel.targets.front();
  size_t width = compiled.parameters.size();
  llvm::StringMap<double> values;
  for (size_t i = 0; i < width; ++i)
    values[compiled.parameters[i].name] =
        valueOf(compiled.parameters[i],
                compiled.constants[rowOf(compiled, layer) * width + i]);
  // The scale of base-2 logits carries log2(e); a score function brings its
  // own. Seven digits are what an f32 holds.
  double scale = values.lookup("scale");
  if (!kernel.hasScoreFunction)
    scale /= llvm::numbers::log2e;
  return {.scale = std::stod(fmt::format("{:.7g}", scale)),
          .left = boundOf(values.lookup("left")),
          .right = boundOf(values.lookup("right")),
          .chunk = boundOf(values.lookup("chunk")),
          .hasPrefix = kernel.hasTensor("prefix_lengths"),
          .hasDocuments = kernel.hasTensor("document_ids")};
}

/// "causal, j <= p", "causal window of 128 keys, ...", ...
static std::string explainSides(const LayerFacts &facts) {
  if (!facts.left && !facts.right)
    return "every valid key";
  if (!facts.left && facts.right == 1)
    return "causal, j <= p";
  if (facts.right == 1)
    return fmt::format("causal window of {0} keys, p - {0} < j <= p",
                       *facts.left);
  std::string left = facts.left ? fmt::format("p - {} < ", *facts.left) : "";
  std::string right = facts.right ? fmt::format(" < p + {}", *facts.right) : "";
  return left + "j" + right;
}

static std::string explainInterval(const LayerFacts &facts) {
  if (facts.hasPrefix && !facts.right) {
    std::string left =
        facts.left ? fmt::format(", p - {} < j", *facts.left) : std::string();
    return "j <= p or j < prefix_lengths[b]" + left;
  }
  std::string text = explainSides(facts);
  if (facts.chunk)
    text += fmt::format(", in chunks of {0} keys, j / {0} == p / {0}",
                        *facts.chunk);
  return text;
}

static std::string explainKeys(const LayerFacts &facts) {
  return explainInterval(facts) +
         (facts.hasDocuments ? ", of the row's own document" : "");
}

/// "layers 0 2: ", or nothing of a function, which has none.
static std::string spellLayers(llvm::ArrayRef<int64_t> layers, bool areAll) {
  if (layers.front() == kNoLayer)
    return "";
  return areAll ? "every layer: "
                : fmt::format("layers {}: ", fmt::join(layers, " "));
}

std::string artifact::explainLayers(const KernelDescription &kernel,
                                    const std::string &indent) {
  std::vector<std::pair<LayerFacts, std::vector<int64_t>>> groups;
  for (auto [layer, row] : kernel.targets.front().layerRows) {
    LayerFacts facts = factsOf(kernel, layer);
    auto known = llvm::find_if(
        groups, [&](const auto &group) { return group.first == facts; });
    if (known == groups.end())
      known = groups.insert(groups.end(), {facts, {}});
    known->second.push_back(layer);
  }
  std::string text;
  for (const auto &[facts, layers] : groups)
    text += fmt::format("{}{}scale {}, {}\n", indent,
                        spellLayers(layers, groups.size() == 1), facts.scale,
                        explainKeys(facts));
  return text;
}

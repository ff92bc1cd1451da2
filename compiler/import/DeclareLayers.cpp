//===- DeclareLayers.cpp - Layers as operations ---------------------------===//
//
// Groups the layers of a model and writes each group in the declared level of
// the attn dialect.
//
//===----------------------------------------------------------------------===//

#include "compiler/import/DeclareLayers.h"

#include "dialects/attn/AttnDialect.h"
#include "dialects/attn/AttnOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Location.h"

using namespace attn;
using namespace mlir;

namespace {
/// Layers with one description.
struct LayerGroup {
  LayerSpec layer;
  SmallVector<int64_t> numbers;
};
} // namespace

static std::vector<LayerGroup> groupLayers(ArrayRef<LayerSpec> layers) {
  std::vector<LayerGroup> groups;
  for (auto [number, layer] : llvm::enumerate(layers)) {
    auto group =
        llvm::find_if(groups, [&, &layer = layer](const LayerGroup &candidate) {
          return candidate.layer == layer;
        });
    if (group == groups.end())
      group = groups.insert(groups.end(), LayerGroup{layer, {}});
    group->numbers.push_back(int64_t(number));
  }
  return groups;
}

/// What sets `group` apart: "sliding" or "full" if no other group has that,
/// else its first layer.
static std::string kindOf(const LayerGroup &group,
                          ArrayRef<LayerGroup> groups) {
  auto isAlike = [&](const LayerGroup &other) {
    return bool(other.layer.window) == bool(group.layer.window);
  };
  if (llvm::count_if(groups, isAlike) > 1)
    return "layer_" + std::to_string(group.numbers.front());
  return group.layer.window ? "sliding" : "full";
}

static FloatAttr toAttribute(OpBuilder &builder, std::optional<double> value) {
  return value ? builder.getF64FloatAttr(*value) : FloatAttr();
}

static MaskAttrInterface maskOf(MLIRContext *context, int64_t window) {
  if (window)
    return WindowAttr::get(context, window, /*right=*/1,
                           Alignment::BottomRight);
  return CausalAttr::get(context, Alignment::BottomRight);
}

static void declareLatent(OpBuilder &builder, Location location, StringRef name,
                          const LayerGroup &group) {
  const LayerSpec &layer = group.layer;
  const LatentSpec &latent = *layer.latent;
  IntegerAttr queryRank;
  if (latent.queryRank)
    queryRank = builder.getI64IntegerAttr(*latent.queryRank);
  LatentOp::create(builder, location, name, layer.hidden, layer.heads,
                   queryRank, latent.kvRank, latent.nopeDim, latent.ropeDim,
                   latent.valueDim, group.numbers, layer.qkvBias,
                   /*norm_eps=*/FloatAttr(), layer.rope,
                   maskOf(builder.getContext(), layer.window),
                   /*mask_operand=*/TypeAttr(),
                   toAttribute(builder, layer.scale), /*storage=*/nullptr);
}

static void declare(OpBuilder &builder, Location location, StringRef name,
                    const LayerGroup &group) {
  const LayerSpec &layer = group.layer;
  if (!layer.refusal.empty()) {
    RefusedOp::create(builder, location, name, layer.refusal, group.numbers);
    return;
  }
  if (layer.latent)
    return declareLatent(builder, location, name, group);
  GroupedOp::create(
      builder, location, name, layer.hidden, layer.heads, layer.kvHeads,
      layer.headDim, /*value_dim=*/IntegerAttr(), group.numbers,
      layer.projections, layer.qkvBias, layer.outputBias, layer.qkNorm,
      /*value_norm=*/nullptr, layer.rope, layer.alibi,
      maskOf(builder.getContext(), layer.window),
      /*mask_operand=*/TypeAttr(), toAttribute(builder, layer.scale),
      toAttribute(builder, layer.softcap), layer.sinks, layer.gate,
      /*storage=*/nullptr);
}

OwningOpRef<ModuleOp> attn::declareLayers(MLIRContext &context, StringRef path,
                                          StringRef name,
                                          ArrayRef<LayerSpec> layers) {
  Location location = FileLineColLoc::get(&context, path, 1, 1);
  OwningOpRef<ModuleOp> module = ModuleOp::create(location, name);
  OpBuilder builder(&context);
  builder.setInsertionPointToEnd(module->getBody());
  std::vector<LayerGroup> groups = groupLayers(layers);
  for (const LayerGroup &group : groups) {
    std::string symbol = name.str();
    if (groups.size() > 1)
      symbol += "_" + kindOf(group, groups);
    declare(builder, location, symbol, group);
  }
  return module;
}

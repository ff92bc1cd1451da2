//===- LatentKinds.cpp - which functions a latent layer becomes -----------===//
//
// Names and kinds; what the functions compute is in LatentFunctions.cpp.
//
//===----------------------------------------------------------------------===//

#include "dialects/attn_tile/AttnTileDialect.h"
#include "passes/LatentCosts.h"
#include "passes/LayerFunctions.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace attn;

/// A context that decides between the forms: a few pages of text.
static constexpr double kContext = 4096;

/// The most queries of a sequence for which the absorbed form has less work; 0
/// where it never has, nothing where it always has.
static std::optional<int64_t> mostAbsorbedQueries(LatentOp layer) {
  LatentGeometry geometry = {
      int64_t(layer.getHeads()), int64_t(layer.getKvRank()),
      int64_t(layer.getNopeDim()), int64_t(layer.getRopeDim()),
      int64_t(layer.getValueDim())};
  double crossover = crossoverQueryLength(geometry, kContext);
  // No call has more queries than an i32 counts.
  if (!(crossover < double(std::numeric_limits<int32_t>::max())))
    return std::nullopt;
  return static_cast<int64_t>(std::ceil(crossover)) - 1;
}

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

StringRef attn::stringifyLatentKind(LatentKind kind) {
  switch (kind) {
  case LatentKind::Whole:
    return "";
  case LatentKind::Expanded:
    return "expanded";
  case LatentKind::Absorbed:
    return "absorbed";
  case LatentKind::AbsorbQuery:
    return "absorb_query";
  case LatentKind::ExpandOutput:
    return "expand_output";
  }
  llvm_unreachable("all kinds are handled");
}

std::string attn::layerSuffix(StringRef name, KernelScope scope) {
  StringRef plain = stringifyKernelScope(scope);
  for (LatentKind kind : {LatentKind::Expanded, LatentKind::Absorbed,
                          LatentKind::AbsorbQuery, LatentKind::ExpandOutput}) {
    std::string suffix = (stringifyLatentKind(kind) + "_" + plain).str();
    if (name.ends_with("_" + suffix))
      return suffix;
  }
  return plain.str();
}

static LayerFunction functionOf(LatentOp layer, KernelScope scope,
                                LatentKind kind) {
  StringRef word = stringifyLatentKind(kind);
  return {.name = (layer.getSymName() + (word.empty() ? "" : "_") + word + "_" +
                   stringifyKernelScope(scope))
                      .str(),
          .scope = scope,
          .kind = kind};
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

/// One function where one form is always cheaper, else one for few queries and
/// one for many.
static void addForms(LatentOp layer, KernelScope scope,
                     std::optional<int64_t> most,
                     SmallVectorImpl<LayerFunction> &functions) {
  std::string name = functionOf(layer, scope, LatentKind::Whole).name;
  if (!most || *most == 0) {
    functions.push_back({.name = name, .scope = scope});
    return;
  }
  functions.push_back({.name = name + "_decode",
                       .scope = scope,
                       .kernel = name,
                       .maxQueries = *most});
  functions.push_back(
      {.name = name + "_prefill", .scope = scope, .kernel = name});
}

/// A step of absorbed attention, which is for few queries: any number is right.
static LayerFunction stepOf(LatentOp layer, LatentKind kind) {
  LayerFunction step = functionOf(layer, KernelScope::Attend, kind);
  step.kernel = step.name;
  step.maxQueries = tile::ScheduleAttr::kAnyQueries;
  return step;
}

SmallVector<LayerFunction> attn::functionsOf(LatentOp layer,
                                             ArrayRef<KernelScope> scopes,
                                             bool withSteps) {
  SmallVector<LayerFunction> functions;
  std::optional<int64_t> most = mostAbsorbedQueries(layer);
  for (KernelScope scope : scopes) {
    if (scope == KernelScope::Core) {
      for (LatentKind form : {LatentKind::Expanded, LatentKind::Absorbed})
        functions.push_back(functionOf(layer, scope, form));
      continue;
    }
    addForms(layer, scope, most, functions);
    if (scope == KernelScope::Attend && withSteps && most != 0)
      for (LatentKind step : {LatentKind::AbsorbQuery, LatentKind::Absorbed,
                              LatentKind::ExpandOutput})
        functions.push_back(stepOf(layer, step));
  }
  return functions;
}

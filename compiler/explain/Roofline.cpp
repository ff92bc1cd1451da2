//===- Roofline.cpp - Which limit binds a kernel --------------------------===//
//
// Calls are those of the benchmarks, at the lengths that the user asks about.
//
//===----------------------------------------------------------------------===//

#include "compiler/explain/Roofline.h"

#include <cmath>
#include <fmt/format.h>

using namespace attn;
using namespace llvm;

double RooflinePoint::leastTime(const Machine &machine) const {
  // GFLOP/s and GB/s, in milliseconds.
  return std::max(flops / machine.peakGflops, bytes / machine.bandwidthGbs) /
         1e6;
}

RooflinePoint attn::pointOf(const BenchCase &call,
                            const CostQuestion &question) {
  return {.phase = call.phase(),
          .queryLength = call.shape.queryLength,
          .kvLength = call.shape.kvLength,
          .flops = call.countFlops(),
          .bytes = countBytes(call, question)};
}

template <typename LayerOp>
static std::vector<RooflinePoint> placeBoth(LayerOp layer,
                                            const CostQuestion &question) {
  BenchCase prefill = prefillCase(layer), decode = decodeCase(layer);
  prefill.shape.queryLength = std::min(question.kvLength, kMostQueries);
  prefill.shape.kvLength = decode.shape.kvLength = question.kvLength;
  std::vector<RooflinePoint> points = {pointOf(prefill, question),
                                       pointOf(decode, question)};
  // A prompt of one token is a prefill all the same.
  points.front().phase = "prefill";
  return points;
}

std::vector<RooflinePoint> attn::placeLayer(GroupedOp layer,
                                            const CostQuestion &question) {
  return placeBoth(layer, question);
}

std::vector<RooflinePoint> attn::placeLayer(LatentOp layer,
                                            const CostQuestion &question) {
  return placeBoth(layer, question);
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

std::string attn::spellIntensity(const RooflinePoint &point) {
  return std::isfinite(point.intensity())
             ? fmt::format("{:.2f}", point.intensity())
             : "-";
}

std::string attn::spellBound(const RooflinePoint &point,
                             const std::optional<Machine> &machine) {
  if (!machine || !std::isfinite(point.intensity()))
    return {};
  double least = point.leastTime(*machine);
  return fmt::format("{}, at least {} ms",
                     point.isBoundByMemory(*machine) ? "memory" : "compute",
                     least < 1000 ? fmt::format("{:.4g}", least)
                                  : fmt::format("{:.0f}", least));
}

std::string attn::explainRoofline(const std::optional<Machine> &machine) {
  constexpr std::string_view meaning =
      "FLOP/byte: matrix products of visible pairs over queries, keys, values "
      "and outputs, each moved once.";
  if (machine)
    return fmt::format("{} The machine has {:g} GFLOP/s and {:g} GB/s: below "
                       "{:.4g} FLOP/byte memory binds, above it compute.",
                       meaning, machine->peakGflops, machine->bandwidthGbs,
                       machine->ridge());
  return fmt::format(
      "{} A machine whose peak FLOP/s over bytes/s is above a kernel's number "
      "waits for memory there, any other for compute; '--peak-gflops' and "
      "'--bandwidth-gbs' name one, 'attnc bench' measures both.",
      meaning);
}

//===----------------------------------------------------------------------===//
// JSON
//===----------------------------------------------------------------------===//

static json::Value finiteOrNull(double number) {
  return std::isfinite(number) ? json::Value(number) : nullptr;
}

json::Value attn::toJson(const RooflinePoint &point,
                         const std::optional<Machine> &machine) {
  json::Object object{{"phase", std::string(point.phase)},
                      {"query_length", point.queryLength},
                      {"kv_length", point.kvLength},
                      {"flops", finiteOrNull(point.flops)},
                      {"bytes", finiteOrNull(point.bytes)},
                      {"flops_per_byte", finiteOrNull(point.intensity())},
                      {"bound", nullptr},
                      {"least_ms", nullptr}};
  if (machine && std::isfinite(point.intensity())) {
    object["bound"] = point.isBoundByMemory(*machine) ? "memory" : "compute";
    object["least_ms"] = finiteOrNull(point.leastTime(*machine));
  }
  return object;
}

json::Value attn::toJson(const std::optional<Machine> &machine) {
  if (!machine)
    return nullptr;
  return json::Object{{"peak_gflops", machine->peakGflops},
                      {"bandwidth_gbs", machine->bandwidthGbs},
                      {"ridge_flops_per_byte", finiteOrNull(machine->ridge())}};
}

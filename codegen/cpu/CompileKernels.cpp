//===- CompileKernels.cpp - kernels as one object -------------------------===//
//
// The pipeline, the object, and the facts that the pipeline left.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/CompileKernels.h"
#include "codegen/cpu/BufferPlan.h"
#include "codegen/cpu/EmitObject.h"
#include "codegen/cpu/Pipeline.h"
#include "codegen/cpu/WeightPlan.h"
#include "dialects/attn_tile/TokenPhases.h"

#include "mlir/IR/BuiltinOps.h"

#include <cstdint>

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

/// The sizes of a call that a buffer's bytes grow with.
static CpuBuffer describe(tile::ProgramOp program, const tile::Extent &place) {
  CpuBuffer buffer = {place.factor, {}};
  for (tile::ArgumentAxis axis : place.axes)
    buffer.axes.push_back(program.axisOf(axis.argument, axis.dimension));
  return buffer;
}

static CpuProgram describe(tile::ProgramOp program, ModuleOp lowered) {
  Operation *grid =
      lowered.lookupSymbol((program.getSymName() + "_grid").str());
  auto footprint =
      grid->getAttrOfType<tile::FootprintAttr>(tile::kFootprintAttr);
  tile::ScheduleAttr schedule = program.getSchedule();
  CpuProgram facts;
  facts.schedule = schedule.getName().str();
  facts.symbol = program.getSymName().str();
  facts.maxQueries =
      schedule.takesAnyQueries() ? INT64_MAX : schedule.getMaxQueries();
  facts.phases = llvm::range_size(program.getBody().getOps<tile::PhaseOp>());
  for (int64_t phase : tile::tokenPhases(program))
    facts.tokenPhases.push_back(phase);
  facts.scratchBytes = footprint.getScratchBytes();
  facts.stateBytes = footprint.getStateBytes();
  facts.queryBlock = schedule.getQueryBlock();
  facts.splitKeys = schedule.getSplitKeys();
  facts.maxSplits = schedule.getMaxSplits();
  BufferPlan buffers(program);
  for (const tile::Extent &place : buffers.getPlaces())
    facts.buffers.push_back(describe(program, place));
  return facts;
}

static std::vector<CpuWeight> describe(const WeightPlan &plan) {
  std::vector<CpuWeight> weights;
  for (const auto &[argument, panels] : plan.getWeights()) {
    WeightPanels own = panels.value_or(WeightPanels{0, 0, 0});
    weights.push_back({argument, own.columnBlock, own.panel, own.depth});
  }
  return weights;
}

FailureOr<CpuObject>
attn::cpu::compileKernels(ArrayRef<SmallVector<tile::ProgramOp>> kernels,
                          const CpuTarget &target, unsigned parts) {
  tile::ProgramOp first = kernels.front().front();
  OwningOpRef<ModuleOp> module = ModuleOp::create(first.getLoc());
  for (ArrayRef<tile::ProgramOp> programs : kernels)
    for (tile::ProgramOp program : programs)
      module->push_back(program.clone());
  CpuPipelineOptions options;
  options.target = target.name;
  PassManager passes(first.getContext(), ModuleOp::getOperationName());
  buildCpuPipeline(passes, options);
  if (failed(passes.run(*module)))
    return failure();
  CpuObject result;
  for (ArrayRef<tile::ProgramOp> programs : kernels) {
    CpuKernel &kernel = result.kernels.emplace_back();
    for (tile::ProgramOp program : programs)
      kernel.programs.push_back(describe(program, *module));
    kernel.weights = describe(WeightPlan(programs, target));
    kernel.target = {target.name, target.triple, target.cpu, target.features};
  }
  FailureOr<std::vector<std::string>> code = emitParts(*module, target, parts);
  if (failed(code))
    return failure();
  result.parts = std::move(*code);
  return result;
}

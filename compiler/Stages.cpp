//===- Stages.cpp - From declared layers to tile programs -----------------===//
//
// Runs the stages of fusion (passes/FusionPipeline.h), then those of tiles with
// the schedules of a target.
//
//===----------------------------------------------------------------------===//

#include "compiler/Stages.h"

#include "codegen/cpu/Schedule.h"
#include "compiler/verify/VerifyEachNumeric.h"
#include "dialects/attn/AttnDialect.h"
#include "dialects/attn/AttnOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "passes/FusionPipeline.h"
#include "passes/KeyProjections.h"
#include "passes/LayerFunctions.h"
#include "passes/Passes.h"
#include "passes/RowParts.h"

using namespace attn;
using namespace mlir;

namespace {
/// Counts stages, runs them, tells the observer.
class StageRunner {
public:
  StageRunner(ModuleOp module, const CompileOptions &options,
              const StageObserver &observer, unsigned firstNumber = 0,
              StringRef target = "")
      : module(module), observer(observer), number(firstNumber),
        target(target) {
    if (options.verifyEachNumeric)
      check = std::make_unique<verify::NumericCheck>();
  }

  LogicalResult announce(const Stage &stage) {
    if (!observer)
      return success();
    return observer(
        {number++, stage.name, stage.passes, stage.about, target, module});
  }

  LogicalResult run(const Stage &stage, const FusionOptions &options = {});
  /// Says how much --verify-each-numeric has seen of `part`.
  void reportCheck(const Twine &part);

private:
  ModuleOp module;
  const StageObserver &observer;
  unsigned number;
  StringRef target;
  std::unique_ptr<verify::NumericCheck> check;
};
} // namespace

LogicalResult StageRunner::run(const Stage &stage,
                               const FusionOptions &options) {
  PassManager passes(module.getContext(), ModuleOp::getOperationName(),
                     PassManager::Nesting::Implicit);
  if (check)
    passes.addInstrumentation(verify::createNumericInstrumentation(*check));
  if (failed(addStage(stage, options, passes)) || failed(passes.run(module)) ||
      (check && check->hasFailed()))
    return failure();
  return announce({stage.name, spellPasses(stage, options), stage.about});
}

void StageRunner::reportCheck(const Twine &part) {
  if (check)
    emitRemark(module.getLoc()) << "verify-each-numeric, " << part << ": "
                                << check->coverage().describe();
}

//===----------------------------------------------------------------------===//
// Fusion
//===----------------------------------------------------------------------===//

static constexpr Stage declaredStage = {
    "declared", "", "what the model card says, and nothing about how"};

/// Warns of refused layers and erases them; fails if they are all there is.
static LogicalResult dropRefusedLayers(ModuleOp module) {
  for (RefusedOp refused :
       llvm::make_early_inc_range(module.getOps<RefusedOp>())) {
    refused.emitWarning() << "'" << refused.getSymName()
                          << "' is not compiled: " << refused.getWhy();
    refused.erase();
  }
  if (module.getBody()->empty())
    return emitError(module.getLoc()) << "no layer can be compiled";
  return success();
}

/// The first operation of `function` that the fusing passes left behind.
static Operation *findUnfused(func::FuncOp function) {
  Operation *found = nullptr;
  function.walk([&](Operation *op) {
    if (!isUnfused(op))
      return WalkResult::advance();
    found = op;
    return WalkResult::interrupt();
  });
  return found;
}

/// Erases functions that stay unfused, or fails, as `options` ask.
static LogicalResult dropUnfused(ModuleOp module,
                                 const CompileOptions &options) {
  for (func::FuncOp function :
       llvm::make_early_inc_range(module.getOps<func::FuncOp>())) {
    Operation *unfused = findUnfused(function);
    if (!unfused)
      continue;
    InFlightDiagnostic message =
        options.requireFused ? function.emitError() : function.emitWarning();
    message << "function '" << function.getSymName()
            << "' stays unfused and is not compiled";
    message.attachNote(unfused->getLoc())
        << "'" << unfused->getName()
        << "' is not part of a fused attention; attnc explain says why";
    if (options.requireFused)
      return failure();
    message.report();
    function.erase();
  }
  if (module.getBody()->empty())
    return emitError(module.getLoc()) << "no function can be compiled";
  return success();
}

/// All scopes unless some are asked for. Who asks for expanded latent layers
/// has no use for the steps of absorbed ones. Costs count for decode unless
/// there is prefill alone.
static void setOptions(FusionOptions &fusion, const CompileOptions &options) {
  bool isPrefill =
      options.phases.size() == 1 && options.phases.front() == Phase::Prefill;
  std::vector<std::string> scopes;
  for (Scope scope : options.scopes)
    scopes.emplace_back(spell(scope));
  if (scopes.empty())
    scopes = {"core", "attend", "layer"};
  fusion.scopes = scopes;
  fusion.steps = options.absorb != Absorb::Expanded;
  if (options.absorb)
    fusion.form = std::string(spell(*options.absorb));
  if (isPrefill)
    fusion.queryLength = 2048;
}

static LogicalResult fuse(ModuleOp module, const CompileOptions &options,
                          StageRunner &runner) {
  if (failed(runner.announce(declaredStage)) ||
      failed(dropRefusedLayers(module)))
    return failure();
  FusionOptions fusion;
  setOptions(fusion, options);
  for (const Stage &stage : fusionStages())
    if (failed(runner.run(stage, fusion)))
      return failure();
  runner.reportCheck("fusion");
  return dropUnfused(module, options);
}

LogicalResult attn::runFusionStages(ModuleOp module,
                                    const CompileOptions &options,
                                    const StageObserver &observer) {
  StageRunner runner(module, options, observer);
  return fuse(module, options, runner);
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

static constexpr Stage tileStage = {
    "tiles", "attn-verify-fused,convert-attn-to-attn-tile",
    "online softmax over blocks of keys, the same for every target"};

// Layers share programs before anything is simplified away.
static constexpr Stage sharedTileStage = {
    "shared-tiles",
    "attn-share-layer-programs,canonicalize,cse,attn-verify-tiles",
    "layers of one geometry share a program; what differs is a parameter"};

/// The queries that `function`, of a kernel for few of them, serves.
static std::optional<int64_t> mostQueries(func::FuncOp function) {
  auto most = function->getAttrOfType<IntegerAttr>(kMaxQueriesAttr);
  return most ? std::optional(most.getInt()) : std::nullopt;
}

/// Of the functions of one kernel each has the calls that it serves.
static SmallVector<tile::ScheduleAttr>
layerSchedules(func::FuncOp function, const cpu::CpuTarget &target,
               const cpu::HeadShape &shape) {
  std::optional<int64_t> most = mostQueries(function);
  SmallVector<tile::ScheduleAttr> schedules =
      cpu::chooseLayerSchedules(function.getContext(), target, shape, most);
  if (function->hasAttr(kKernelAttr) && !most)
    schedules.erase(schedules.begin(), std::prev(schedules.end()));
  return schedules;
}

/// The one schedule of any other graph; a layer's for few queries is short.
static tile::ScheduleAttr graphSchedule(func::FuncOp function,
                                        const cpu::CpuTarget &target,
                                        ArrayRef<cpu::HeadShape> shapes) {
  MLIRContext *context = function.getContext();
  tile::ScheduleAttr graph = cpu::chooseGraphSchedule(context, target, shapes);
  std::optional<int64_t> most = mostQueries(function);
  if (!most || !function->hasAttr(kScopeAttr))
    return graph;
  return tile::ScheduleAttr::get(context, "short", *most, graph.getQueryBlock(),
                                 graph.getKeyBlock(), graph.getSplitKeys(),
                                 graph.getMaxSplits(), graph.getSplitTasks(),
                                 graph.getProductRows());
}

/// The schedules of `target` for the geometry of the fused `function`: three
/// of one attention, three of a layer around it, one of any other graph.
static ArrayAttr schedulesFor(func::FuncOp function,
                              const cpu::CpuTarget &target) {
  MLIRContext *context = function.getContext();
  SmallVector<cpu::HeadShape> shapes;
  for (auto flash : function.getOps<FlashOp>()) {
    ArrayRef<int64_t> query = flash.getQuery().getType().getShape();
    ArrayRef<int64_t> key = flash.getKey().getType().getShape();
    ArrayRef<int64_t> value = flash.getValue().getType().getShape();
    bool isStatic = !llvm::is_contained({query[2], query[3], key[2], value[3]},
                                        ShapedType::kDynamic);
    if (isStatic && query[2] && query[3] && value[3])
      shapes.push_back(
          {query[2] / key[2], query[3], value[3], projectedRank(flash)});
  }
  SmallVector<Attribute> schedules;
  if (whyNotOneFlash(function)) {
    if (function->hasAttr(kScopeAttr) && shapes.size() == 1)
      llvm::append_range(schedules,
                         layerSchedules(function, target, shapes.front()));
    else
      schedules.push_back(graphSchedule(function, target, shapes));
    return ArrayAttr::get(context, schedules);
  }
  for (const cpu::ScheduleChoice &choice :
       cpu::chooseSchedules(context, target, shapes.front()))
    schedules.push_back(choice.schedule);
  return ArrayAttr::get(context, schedules);
}

LogicalResult attn::runTileStages(ModuleOp module, StringRef target,
                                  const CompileOptions &options,
                                  const StageObserver &observer) {
  std::optional<cpu::CpuTarget> machine = cpu::getTarget(target);
  if (!machine)
    return emitError(module.getLoc())
           << "this machine's CPU has no target of its own; '--target' chooses "
              "one";
  // Schedules are attributes of a dialect that no input has loaded.
  module.getContext()->getOrLoadDialect<tile::AttnTileDialect>();
  StageRunner runner(module, options, observer, fusionStages().size() + 1,
                     target);
  for (auto function : module.getOps<func::FuncOp>())
    function->setAttr(tile::kSchedulesAttr, schedulesFor(function, *machine));
  if (failed(runner.run(tileStage)) || failed(runner.run(sharedTileStage)))
    return failure();
  runner.reportCheck("tiles for '" + target + "'");
  return success();
}

LogicalResult attn::runStages(ModuleOp module, const CompileOptions &options,
                              const StageObserver &observer) {
  if (failed(runFusionStages(module, options, observer)))
    return failure();
  StringRef target = options.targets.empty() ? StringRef("native")
                                             : StringRef(options.targets[0]);
  return runTileStages(module, target, options, observer);
}

//===- Stages.cpp - From declared layers to tile programs -----------------===//
//
// The pipeline as a table: the name of a stage and the passes that lead to it,
// spelled as attn-opt takes them.
//
//===----------------------------------------------------------------------===//

#include "compiler/Stages.h"

#include "codegen/cpu/Schedule.h"
#include "compiler/verify/VerifyEachNumeric.h"
#include "dialects/attn/AttnDialect.h"
#include "dialects/attn/AttnOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"
#include "passes/KeyProjections.h"
#include "passes/LayerFunctions.h"
#include "passes/Passes.h"
#include "passes/RowParts.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

using namespace attn;
using namespace mlir;

namespace {
struct StageSpec {
  StringRef name;
  /// As in the text form of a pass pipeline; empty for the input.
  StringRef passes;
  StringRef about;
};

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

  LogicalResult announce(const StageSpec &stage) {
    if (!observer)
      return success();
    return observer(
        {number++, stage.name, stage.passes, stage.about, target, module});
  }

  LogicalResult run(const StageSpec &stage);
  /// Says how much --verify-each-numeric has seen of `part`.
  void reportCheck(const Twine &part);
  /// Writes fused functions as tile programs with the schedules of `target`.
  LogicalResult runTiles(const cpu::CpuTarget &target);

private:
  LogicalResult runPasses(ModuleOp scope, PassManager &passes);

  ModuleOp module;
  const StageObserver &observer;
  unsigned number;
  StringRef target;
  std::unique_ptr<verify::NumericCheck> check;
};
} // namespace

/// Makes the flags of the passes known to the parser of pipelines, once.
static void registerPasses() {
  [[maybe_unused]] static bool once = [] {
    registerAttnPasses();
    registerCanonicalizerPass();
    registerCSEPass();
    return true;
  }();
}

LogicalResult StageRunner::run(const StageSpec &stage) {
  registerPasses();
  PassManager passes(module.getContext(), ModuleOp::getOperationName(),
                     PassManager::Nesting::Implicit);
  if (failed(parsePassPipeline(stage.passes, passes)) ||
      failed(runPasses(module, passes)))
    return failure();
  return announce(stage);
}

void StageRunner::reportCheck(const Twine &part) {
  if (check)
    emitRemark(module.getLoc()) << "verify-each-numeric, " << part << ": "
                                << check->coverage().describe();
}

LogicalResult StageRunner::runPasses(ModuleOp scope, PassManager &passes) {
  if (check)
    passes.addInstrumentation(verify::createNumericInstrumentation(*check));
  if (failed(passes.run(scope)) || (check && check->hasFailed()))
    return failure();
  return success();
}

//===----------------------------------------------------------------------===//
// Fusion
//===----------------------------------------------------------------------===//

static constexpr StageSpec declaredStage = {
    "declared", "", "what the model card says, and nothing about how"};

static constexpr StageSpec fusionStages[] = {
    {"graph", "attn-expand-layers,convert-linalg-to-attn,attn-verify-graph",
     "the textbook, step by step; scores are [batch, heads, queries, keys]"},
    // Views that repeat each other go, so that repeats are found behind them.
    {"raised", "attn-unfold-heads,attn-raise-attention,cse",
     "attention in any spelling is the textbook's; constant masks are symbols"},
    {"grouped", "attn-eliminate-kv-repeat",
     "query heads share key and value heads instead of copies of them"},
    {"softmax", "attn-fuse-masked-softmax",
     "scale, softcap, mask and softmax are one step"},
    {"latent", "attn-absorb-projections",
     "heads attend to rows that they share where that is less work"},
    // A mask is analysed where nothing but kernels reads it any more.
    {"flash", "attn-form-flash,attn-analyze-mask",
     "all of attention is one operation; scores are never stored"},
    // Heads are found by their flash; only then are equal graphs equal text.
    {"merged",
     "cse,attn-merge-stacked-heads,attn-merge-projections,cse,attn-sort-by-use",
     "stacked heads are one attention; operations stand where they are used"},
};

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
        << "'" << unfused->getName() << "' is not part of a fused attention";
    if (options.requireFused)
      return failure();
    message.report();
    function.erase();
  }
  if (module.getBody()->empty())
    return emitError(module.getLoc()) << "no function can be compiled";
  return success();
}

/// `name` with `options` in braces, as a pipeline's text has it.
static std::string withOptions(StringRef pass,
                               llvm::ArrayRef<std::string> options) {
  return options.empty() ? pass.str()
                         : fmt::format("{}{{{}}}", std::string_view(pass),
                                       fmt::join(options, " "));
}

/// The scopes asked for; without any, all of them. Who asks for expanded latent
/// layers has no use for the steps of absorbed ones.
static std::string expandLayers(const CompileOptions &options) {
  std::vector<std::string_view> scopes;
  for (Scope scope : options.scopes)
    scopes.push_back(spell(scope));
  if (scopes.empty())
    scopes = {"core", "attend", "layer"};
  std::vector<std::string> chosen = {
      fmt::format("scopes={}", fmt::join(scopes, ","))};
  if (options.absorb == Absorb::Expanded)
    chosen.emplace_back("steps=false");
  return withOptions("attn-expand-layers", chosen);
}

/// Counts for decode unless there is prefill alone.
static std::string absorbProjections(const CompileOptions &options) {
  bool isPrefill =
      options.phases.size() == 1 && options.phases.front() == Phase::Prefill;
  std::vector<std::string> chosen;
  if (options.absorb)
    chosen.push_back(fmt::format("form={}", spell(*options.absorb)));
  if (isPrefill)
    chosen.emplace_back("query-length=2048");
  return withOptions("attn-absorb-projections", chosen);
}

/// The passes of `stage`, the first with what `options` ask of it.
static std::string passesOf(const StageSpec &stage,
                            const CompileOptions &options) {
  StringRef rest = stage.passes;
  if (rest.consume_front("attn-expand-layers"))
    return expandLayers(options) + rest.str();
  if (rest.consume_front("attn-absorb-projections"))
    return absorbProjections(options) + rest.str();
  return stage.passes.str();
}

static LogicalResult fuse(ModuleOp module, const CompileOptions &options,
                          StageRunner &runner) {
  if (failed(runner.announce(declaredStage)) ||
      failed(dropRefusedLayers(module)))
    return failure();
  for (const StageSpec &stage : fusionStages) {
    std::string passes = passesOf(stage, options);
    if (failed(runner.run({stage.name, passes, stage.about})))
      return failure();
  }
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

static constexpr StageSpec tileStage = {
    "tiles", "attn-verify-fused,convert-attn-to-attn-tile",
    "online softmax over blocks of keys, the same for every target"};

// Layers share programs before anything is simplified away.
static constexpr StageSpec sharedTileStage = {
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

LogicalResult StageRunner::runTiles(const cpu::CpuTarget &target) {
  // One run of the conversion has one list of schedules, so functions are
  // taken one by one, in an order that no target's schedules change.
  for (auto function : llvm::to_vector(module.getOps<func::FuncOp>())) {
    PassManager passes(module.getContext());
    ConvertAttnToAttnTileOptions conversion;
    conversion.schedules.clear();
    llvm::raw_string_ostream(conversion.schedules)
        << schedulesFor(function, target);
    passes.addPass(createVerifyFused());
    passes.addPass(createConvertAttnToAttnTile(conversion));
    OwningOpRef<ModuleOp> alone = ModuleOp::create(module.getLoc());
    function->moveBefore(alone->getBody(), alone->getBody()->end());
    if (failed(runPasses(*alone, passes)))
      return failure();
    module.getBody()->getOperations().splice(module.getBody()->end(),
                                             alone->getBody()->getOperations());
  }
  return announce(tileStage);
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
  StageRunner runner(module, options, observer, std::size(fusionStages) + 1,
                     target);
  if (failed(runner.runTiles(*machine)) || failed(runner.run(sharedTileStage)))
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

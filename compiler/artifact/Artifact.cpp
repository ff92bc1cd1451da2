//===- Artifact.cpp - One compile() for every caller ----------------------===//
//
// Fuses once, lowers for each target, and hands plain descriptions on.
//
//===----------------------------------------------------------------------===//

#include "compiler/artifact/Artifact.h"

#include "codegen/cpu/CompileKernels.h"
#include "codegen/cpu/CpuTarget.h"
#include "compiler/Diagnostics.h"
#include "compiler/artifact/Assemble.h"
#include "compiler/artifact/Entries.h"
#include "compiler/artifact/Link.h"
#include "compiler/artifact/Programs.h"
#include "compiler/artifact/Schedules.h"
#include "dialects/attn/AttnRanks.h"
#include "dialects/attn_tile/AttnTileOps.h"
#include "passes/Passes.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/TargetParser/Host.h"

using namespace attn;
using namespace attn::artifact;
using namespace mlir;

static std::string print(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module.print(stream);
  return text + "\n";
}

static cpu::CpuTargetFacts factsOf(const cpu::CpuTarget &target) {
  cpu::CpuTargetFacts facts = {target.name, target.triple, target.cpu,
                               target.features};
  llvm::sort(facts.features);
  return facts;
}

/// The targets of `options`, each once. None on an unknown word.
static FailureOr<std::vector<cpu::CpuTarget>>
chooseTargets(ModuleOp module, const CompileOptions &options) {
  std::vector<std::string> names = options.targets;
  if (names.empty())
    names.emplace_back("native");
  std::vector<cpu::CpuTarget> targets;
  for (const std::string &name : names) {
    if (llvm::any_of(targets, [&](const cpu::CpuTarget &target) {
          return target.name == name;
        }))
      continue;
    std::optional<cpu::CpuTarget> target = cpu::getTarget(name);
    if (!target)
      return emitError(module.getLoc())
             << "there is no form for target '" << name << "' on this machine";
    targets.push_back(*target);
  }
  return targets;
}

static KernelDescription &findKernel(LibraryDescription &library,
                                     StringRef symbol) {
  auto found = llvm::find_if(library.kernels, [&](const KernelDescription &k) {
    return StringRef(k.symbol) == symbol;
  });
  assert(found != library.kernels.end() && "targets have the same kernels");
  return *found;
}

/// Objects that a target's code is compiled to side by side: as many on every
/// machine, because it decides the bytes.
static constexpr unsigned kCodeParts = 2;

/// One object, in which nothing but the programs' functions is global.
static llvm::Expected<std::string> joinParts(const cpu::CpuObject &compiled) {
  std::vector<std::string> functions;
  for (const cpu::CpuKernel &kernel : compiled.kernels)
    for (const cpu::CpuProgram &program : kernel.programs)
      llvm::append_range(functions, functionsOf(program));
  std::vector<StringRef> parts(compiled.parts.begin(), compiled.parts.end());
  return linkRelocatable(parts, functions);
}

/// Compiles the programs of `tiles` and adds them to the library's kernels,
/// which the first target makes, and how they are cut to `schedules`.
static LogicalResult compileTarget(ModuleOp tiles, ModuleOp declared,
                                   const cpu::CpuTarget &target,
                                   const CompileOptions &options,
                                   LibraryDescription &library,
                                   std::vector<std::string> &schedules) {
  FailureOr<std::vector<ProgramGroup>> groups =
      groupPrograms(tiles, declared, library.name, options.phases);
  if (failed(groups))
    return failure();
  bool isFirst = library.kernels.empty();
  assert((isFirst || groups->size() == library.kernels.size()) &&
         "targets differ in schedules alone");
  llvm::SmallVector<llvm::SmallVector<tile::ProgramOp>> kernels;
  for (ProgramGroup &group : *groups) {
    schedules.push_back(tabulateSchedules(group, target));
    kernels.push_back(group.programs);
  }
  FailureOr<cpu::CpuObject> compiled =
      cpu::compileKernels(kernels, target, kCodeParts);
  if (failed(compiled))
    return failure();
  llvm::Expected<std::string> code = joinParts(*compiled);
  if (!code)
    return declared.emitError(llvm::toString(code.takeError()));
  for (auto [group, kernel] : llvm::zip_equal(*groups, compiled->kernels)) {
    if (isFirst)
      library.kernels.push_back(group.description);
    KernelDescription &described =
        findKernel(library, group.description.symbol);
    kernel.target = library.targets[described.targets.size()];
    completeKernel(group, kernel);
    described.targets.push_back(std::move(kernel));
  }
  library.code.push_back(std::move(*code));
  return success();
}

/// compile(), with an observer of the stages.
static FailureOr<Artifact> compileStages(ModuleOp module,
                                         const CompileOptions &options,
                                         StageObserver observer) {
  FailureOr<std::vector<cpu::CpuTarget>> targets =
      chooseTargets(module, options);
  if (failed(targets))
    return failure();
  LibraryDescription library;
  library.name = module.getSymName().value_or("kernels").str();
  library.declaredIr = print(module);
  library.ranks = ranksOf(module);
  library.leftOut = leftOutOf(module);
  library.rank = describeRank(module);
  for (const cpu::CpuTarget &target : *targets)
    library.targets.push_back(factsOf(target));

  std::vector<std::string> schedules;
  OwningOpRef<ModuleOp> fused = module.clone();
  if (failed(runFusionStages(*fused, options, observer)))
    return failure();
  for (const cpu::CpuTarget &target : *targets) {
    OwningOpRef<ModuleOp> tiles = fused->clone();
    if (failed(runTileStages(*tiles, target.name, options, observer)) ||
        failed(
            compileTarget(*tiles, module, target, options, library, schedules)))
      return failure();
    // Dumps show the first target's tiles.
    observer = nullptr;
  }
  library.layers = describeLayers(module, library.kernels);

  llvm::Expected<Artifact> artifact =
      assemble(library, llvm::Triple(llvm::sys::getProcessTriple()));
  if (!artifact)
    return reportError(artifact.takeError()), failure();
  artifact->schedules = std::move(schedules);
  return std::move(*artifact);
}

FailureOr<Artifact> attn::compile(ModuleOp module,
                                  const CompileOptions &options,
                                  const StageObserver &observer) {
  StageDump dump(options.dumpIrDir);
  if (failed(dump.check()))
    return failure();
  FailureOr<Artifact> artifact =
      compileStages(module, options, both(dump.observer(), observer));
  if (failed(dump.write()))
    return failure();
  return artifact;
}

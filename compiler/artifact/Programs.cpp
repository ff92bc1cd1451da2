//===- Programs.cpp - Tile programs as kernels ----------------------------===//
//
// A program says which kernel it is a schedule of, and how much of a layer that
// covers.
//
//===----------------------------------------------------------------------===//

#include "compiler/artifact/Programs.h"

#include "compiler/Names.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/bit.h"

using namespace attn;
using namespace attn::artifact;
using llvm::StringRef;
using mlir::failed;
using mlir::failure;
using mlir::FailureOr;

//===----------------------------------------------------------------------===//
// Grouping
//===----------------------------------------------------------------------===//

/// A graph has one schedule, for every phase.
static bool isAskedFor(StringRef schedule, llvm::ArrayRef<Phase> phases) {
  if (schedule == "graph")
    return true;
  Phase phase = schedule == "prefill" ? Phase::Prefill : Phase::Decode;
  return phases.empty() || llvm::is_contained(phases, phase);
}

/// Names and scopes the kernels.
static void nameKernels(llvm::MutableArrayRef<ProgramGroup> groups,
                        mlir::ModuleOp declared, StringRef name) {
  for (ProgramGroup &group : groups) {
    tile::ProgramOp program = group.programs.front();
    StringRef kernel = program.getKernelName();
    std::optional<KernelScope> scope = program.getScope();
    bool isGraph = !scope || declared.lookupSymbol<mlir::func::FuncOp>(kernel);
    group.description.scope =
        isGraph ? "graph" : stringifyKernelScope(*scope).str();
    group.description.symbol =
        isGraph ? functionSymbol(name, kernel) : kernel.str();
    // Layers of one geometry are one kernel of a scope, without a KIND.
    auto isOfScope = [&](const ProgramGroup &other) {
      tile::ProgramOp first = other.programs.front();
      return first.getScope() == scope;
    };
    if (!isGraph && llvm::count_if(groups, isOfScope) == 1)
      group.description.symbol = (name + "_" + group.description.scope).str();
  }
}

/// Every C name that a kernel of `symbol` may take.
static std::vector<std::string> globalsOf(StringRef symbol) {
  std::vector<std::string> globals = {(symbol + "_args").str(),
                                      (symbol + "_ARGS_INIT").str()};
  for (StringRef phase : {"", "_prefill", "_decode"})
    for (StringRef companion : {"", "_plan", "_task", "_can_run", "_workspace"})
      globals.push_back((symbol + phase + companion).str());
  for (StringRef companion : {"_pack_weights", "_packed_weights_bytes"})
    globals.push_back((symbol + companion).str());
  return globals;
}

/// Two kernels whose entries would be one function are an error.
static mlir::LogicalResult checkGlobals(llvm::ArrayRef<ProgramGroup> groups,
                                        mlir::ModuleOp declared,
                                        StringRef name) {
  llvm::StringMap<tile::ProgramOp> takers;
  takers[(name + "_info").str()] = nullptr;
  for (StringRef other :
       {"_merge", "_pool_create", "_pool_run", "_pool_destroy"})
    takers[(name + other).str()] = nullptr;
  auto locOf = [&](tile::ProgramOp program) {
    mlir::Operation *function = declared.lookupSymbol(program.getKernelName());
    return (function ? function : program)->getLoc();
  };
  for (const ProgramGroup &group : groups) {
    tile::ProgramOp program = group.programs.front();
    for (const std::string &global : globalsOf(group.description.symbol)) {
      auto [taker, isNew] = takers.try_emplace(global, program);
      if (isNew)
        continue;
      auto error = mlir::emitError(locOf(program))
                   << "function '" << program.getKernelName() << "' exports '"
                   << global << "', which is taken";
      if (taker->second)
        error.attachNote(locOf(taker->second))
            << "function '" << taker->second.getKernelName() << "' exports it";
      return failure();
    }
  }
  return mlir::success();
}

/// Programs of one kernel take the same arguments.
static mlir::LogicalResult
checkSignature(llvm::ArrayRef<tile::ProgramOp> programs,
               tile::ProgramOp program) {
  if (programs.empty())
    return mlir::success();
  tile::ProgramOp first = programs.front();
  if (first.getArgumentNames() == program.getArgumentNames() &&
      first.getScope() == program.getScope() &&
      first.getUpdated() == program.getUpdated() &&
      first.getBody().getArgumentTypes() ==
          program.getBody().getArgumentTypes())
    return mlir::success();
  auto error = mlir::emitError(program.getLoc())
               << "kernel '" << program.getKernelName()
               << "' has two functions of different arguments";
  error.attachNote(first.getLoc()) << "the other function is here";
  return failure();
}

FailureOr<std::vector<ProgramGroup>>
artifact::groupPrograms(mlir::ModuleOp tiles, mlir::ModuleOp declared,
                        StringRef name, llvm::ArrayRef<Phase> phases) {
  std::vector<ProgramGroup> groups;
  for (tile::ProgramOp program : tiles.getOps<tile::ProgramOp>()) {
    if (!isAskedFor(program.getSchedule().getName(), phases))
      continue;
    auto group = llvm::find_if(groups, [&](const ProgramGroup &other) {
      tile::ProgramOp first = other.programs.front();
      return first.getKernelName() == program.getKernelName();
    });
    if (group == groups.end()) {
      groups.push_back({describeKernel(program), {}});
      group = std::prev(groups.end());
    }
    if (failed(checkSignature(group->programs, program)))
      return failure();
    group->programs.push_back(program);
    int64_t &kvHeads = group->description.kvHeads;
    kvHeads = std::max(kvHeads, countStateHeads(program));
  }
  for (ProgramGroup &group : groups)
    llvm::sort(group.programs, [](tile::ProgramOp a, tile::ProgramOp b) {
      return a.getSchedule().getMaxQueries() < b.getSchedule().getMaxQueries();
    });
  nameKernels(groups, declared, name);
  if (failed(checkGlobals(groups, declared, name)))
    return failure();
  return groups;
}

//===----------------------------------------------------------------------===//
// Facts
//===----------------------------------------------------------------------===//

static uint64_t bitsOf(mlir::Attribute value) {
  if (auto integer = llvm::dyn_cast<mlir::IntegerAttr>(value))
    return static_cast<uint64_t>(integer.getInt());
  auto number = llvm::cast<mlir::FloatAttr>(value).getValueAsDouble();
  return llvm::bit_cast<uint32_t>(static_cast<float>(number));
}

/// Programs of one kernel read the same row of the same constants.
[[maybe_unused]] static bool haveSameConstants(tile::ProgramOp left,
                                               tile::ProgramOp right) {
  auto ours = left.getBody().getOps<tile::ParameterOp>();
  auto theirs = right.getBody().getOps<tile::ParameterOp>();
  return left.getLayers() == right.getLayers() &&
         left.getLayerRows() == right.getLayerRows() &&
         llvm::equal(ours, theirs,
                     [](tile::ParameterOp our, tile::ParameterOp their) {
                       return our.getParameterNameAttr() ==
                                  their.getParameterNameAttr() &&
                              our.getValuesAttr() == their.getValuesAttr();
                     });
}

static void fillConstants(tile::ProgramOp program, cpu::CpuKernel &kernel) {
  auto parameters =
      llvm::to_vector(program.getBody().getOps<tile::ParameterOp>());
  int64_t rows = 1;
  if (program.getLayers().empty())
    kernel.layerRows.emplace_back(kNoLayer, 0);
  for (auto [layer, row] :
       llvm::zip_equal(program.getLayers(), program.getLayerRows())) {
    kernel.layerRows.emplace_back(layer, row);
    rows = std::max(rows, row + 1);
  }
  for (tile::ParameterOp parameter : parameters)
    kernel.parameters.push_back(
        {parameter.getParameterName().str(), parameter.getType().isF32()});
  for (int64_t row = 0; row < rows; ++row)
    for (tile::ParameterOp parameter : parameters)
      kernel.constants.push_back(bitsOf(parameter.getValues()[row]));
}

void artifact::completeKernel(ProgramGroup &group, cpu::CpuKernel &kernel) {
  kernel.name = group.description.symbol;
  kernel.layerRows.clear();
  kernel.parameters.clear();
  kernel.constants.clear();
  fillConstants(group.programs.front(), kernel);
  assert(llvm::all_of(group.programs,
                      [&](tile::ProgramOp program) {
                        return haveSameConstants(group.programs.front(),
                                                 program);
                      }) &&
         "schedules of a kernel differ in block sizes alone");
}

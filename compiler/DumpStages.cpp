//===- DumpStages.cpp - One file per stage --------------------------------===//
//
// Written for a reader who knows attention and not MLIR: tensors carry the
// names that papers give them, and nothing is repeated that a name can say.
//
//===----------------------------------------------------------------------===//

#include "compiler/Diagnostics.h"
#include "compiler/Stages.h"
#include "dialects/attn/AttnDialect.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Location.h"
#include "mlir/IR/OwningOpRef.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

#include <fmt/format.h>

using namespace attn;
using namespace mlir;

/// Names the arguments of functions after their tensors, for printing only.
static void nameArguments(ModuleOp module) {
  for (auto function : module.getOps<func::FuncOp>())
    for (BlockArgument argument : function.getArguments())
      if (auto name = function.getArgAttrOfType<StringAttr>(
              argument.getArgNumber(), kNameAttr))
        argument.setLoc(NameLoc::get(name));
}

static std::string titleOf(const StageView &stage) {
  std::string title = fmt::format("// stage {}: {}", stage.number,
                                  std::string_view(stage.name));
  if (!stage.pass.empty())
    title += fmt::format(", after {}", std::string_view(stage.pass));
  return title + "\n\n";
}

static LogicalResult fail(StringRef path, std::error_code problem) {
  reportError(fmt::format("{}: cannot be written: {}", std::string_view(path),
                          problem.message()));
  return failure();
}

static LogicalResult dump(StringRef dir, const StageView &stage) {
  if (std::error_code problem = llvm::sys::fs::create_directories(dir))
    return fail(dir, problem);
  llvm::SmallString<128> path(dir);
  llvm::sys::path::append(path, fmt::format("{:02}-{}.mlir", stage.number,
                                            std::string_view(stage.name)));
  std::error_code problem;
  llvm::raw_fd_ostream out(path, problem);
  if (problem)
    return fail(path, problem);
  OwningOpRef<ModuleOp> printed = ModuleOp(stage.module).clone();
  nameArguments(*printed);
  out << titleOf(stage);
  printed->print(out, OpPrintingFlags().printNameLocAsPrefix());
  out << '\n';
  out.flush();
  if (!out.has_error())
    return success();
  problem = out.error();
  out.clear_error();
  return fail(path, problem);
}

StageObserver attn::dumpStages(StringRef dir) {
  if (dir.empty())
    return nullptr;
  return [dir = dir.str()](const StageView &stage) { return dump(dir, stage); };
}

StageObserver attn::both(StageObserver first, StageObserver second) {
  if (!first || !second)
    return first ? std::move(first) : std::move(second);
  return [first = std::move(first),
          second = std::move(second)](const StageView &stage) {
    if (failed(first(stage)))
      return LogicalResult::failure();
    return second(stage);
  };
}

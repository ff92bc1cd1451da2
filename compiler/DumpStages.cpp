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
  std::string title =
      fmt::format("// Stage {}, {}: {}.\n", stage.number,
                  std::string_view(stage.name), std::string_view(stage.about));
  if (!stage.pass.empty())
    title += fmt::format("// Passes: {}\n", std::string_view(stage.pass));
  return title + '\n';
}

/// What a line may begin with.
static constexpr StringRef clauses[] = {
    " -> ",        " : ",      " attributes {", " band(",
    " iter_args(", " length ", " lengths(",     " sinks(",
};

/// Where to break `line` so that its head is at most `width` wide: behind a
/// comma or before a clause, outside of quotes. The fewest brackets open win,
/// then the latest place; if there is none, the first beyond `width`. npos if
/// there is none at all.
static size_t findBreak(StringRef line, size_t indent, size_t width) {
  size_t best = StringRef::npos, bestDepth = 0, depth = 0;
  bool quoted = false;
  for (size_t at = indent; at < line.size(); ++at) {
    if (at >= width && best != StringRef::npos)
      break;
    StringRef rest = line.drop_front(at);
    quoted ^= line[at] == '"';
    if (quoted)
      continue;
    if (StringRef("([{<").contains(line[at]))
      ++depth;
    bool closes = StringRef(")]}>").contains(line[at]) && line[at - 1] != '-';
    if (closes && depth)
      --depth;
    bool isPlace =
        (line[at] == ' ' && line[at - 1] == ',') ||
        llvm::any_of(clauses, [&](StringRef c) { return rest.starts_with(c); });
    // A head that is mostly indentation helps nobody.
    if (!isPlace || at < indent + width / 3)
      continue;
    if (best == StringRef::npos || depth <= bestDepth) {
      best = at;
      bestDepth = depth;
    }
  }
  return best;
}

/// Breaks lines over 100 columns; the text stays the same to the parser.
static void printWrapped(StringRef text, llvm::raw_ostream &out) {
  constexpr size_t width = 100;
  for (StringRef line : llvm::split(text.rtrim(), '\n')) {
    size_t indent = line.find_first_not_of(' ');
    std::string head;
    while (head.size() + line.size() > width) {
      size_t skip = head.empty() ? indent : 0;
      size_t at = findBreak(line, skip, width - head.size());
      if (at == StringRef::npos)
        break;
      out << head << line.take_front(at) << '\n';
      line = line.drop_front(at + 1);
      head = std::string(indent + 4, ' ');
    }
    out << head << line << '\n';
  }
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
  std::string text;
  llvm::raw_string_ostream stream(text);
  printed->print(stream, OpPrintingFlags().printNameLocAsPrefix());
  printWrapped(text, out);
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

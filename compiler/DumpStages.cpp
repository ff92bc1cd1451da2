//===- DumpStages.cpp - One file per stage --------------------------------===//
//
// Written for a reader who knows attention and not MLIR: tensors carry the
// names that papers give them, and nothing is repeated that a name can say.
//
//===----------------------------------------------------------------------===//

#include "compiler/Diagnostics.h"
#include "compiler/Stages.h"
#include "dialects/attn/AttnDialect.h"
#include "dialects/attn_tile/AttnTileOps.h"
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
  if (!stage.target.empty())
    title += fmt::format("// Block sizes: those of target '{}'.\n",
                         std::string_view(stage.target));
  return title + '\n';
}

/// What the sizes of a program's schedule mean.
static std::string describe(tile::ScheduleAttr schedule) {
  int64_t most = schedule.getMaxQueries();
  std::string queries = fmt::format("at most {} queries", most);
  if (schedule.takesAnyQueries())
    queries = "any number of queries";
  else if (most == 1)
    queries = "one query";
  return fmt::format(
      "// {}: {} a sequence, {} to a task; {}.",
      std::string_view(schedule.getName()), queries, schedule.getQueryBlock(),
      schedule.getSplitTasks() ? "one task per split of keys, then a merge"
                               : "a task walks all of its keys");
}

/// What to say above the programs of a module, in order.
static SmallVector<std::string> commentsOf(ModuleOp module) {
  return llvm::map_to_vector(
      module.getOps<tile::ProgramOp>(),
      [](tile::ProgramOp program) { return describe(program.getSchedule()); });
}

/// What a line may begin with.
static constexpr StringRef clauses[] = {
    " -> ",      " : ",       " attributes {", " band(",    " iter_args(",
    " kv_head ", " layers [", " length ",      " lengths(", " sinks(",
};

namespace {
/// A place to break a line at, and how good it is: few open brackets first, a
/// clause rather than a comma then.
struct Break {
  size_t at = StringRef::npos;
  size_t depth = 0;
  bool isComma = false;

  bool isNoWorseThan(const Break &other) const {
    return std::pair(depth, isComma) <= std::pair(other.depth, other.isComma);
  }
};
} // namespace

/// The place before column `at` of `line`, inside `depth` brackets; npos if it
/// is none. Results move away from what computes them, never a field from its
/// value.
static Break breakAt(StringRef line, size_t at, size_t depth) {
  StringRef rest = line.drop_front(at);
  bool isComma = line[at] == ' ' && line[at - 1] == ',';
  bool isClause =
      (depth == 0 && rest.starts_with(" = ")) ||
      llvm::any_of(clauses, [&](StringRef c) { return rest.starts_with(c); });
  return isComma || isClause ? Break{at, depth, isComma} : Break();
}

/// Where to break `line`, which goes on at `from`, so that the piece is at most
/// `width` wide: the best place outside of quotes, and of those the latest; if
/// there is none, the first beyond. npos if there is none at all.
static size_t findBreak(StringRef line, size_t from, size_t width) {
  Break best;
  size_t depth = 0;
  bool quoted = false;
  for (size_t at = 0; at < line.size(); ++at) {
    if (at >= from + width && best.at != StringRef::npos)
      break;
    quoted ^= line[at] == '"';
    if (quoted)
      continue;
    if (StringRef("([{<").contains(line[at]))
      ++depth;
    bool closes = StringRef(")]}>").contains(line[at]) &&
                  !line.take_front(at).ends_with("-");
    if (closes && depth)
      --depth;
    // A piece that is mostly indentation helps nobody.
    if (at < from + width / 3)
      continue;
    Break found = breakAt(line, at, depth);
    if (found.at != StringRef::npos &&
        (best.at == StringRef::npos || found.isNoWorseThan(best)))
      best = found;
  }
  return best.at;
}

/// Breaks lines over 100 columns and writes the next of `comments` above each
/// program; the text stays the same to the parser.
static void printWrapped(StringRef text, ArrayRef<std::string> comments,
                         llvm::raw_ostream &out) {
  for (StringRef line : llvm::split(text.rtrim(), '\n')) {
    size_t from = line.size() - line.ltrim().size(), indent = from;
    if (line.ltrim().starts_with("attn_tile.program ")) {
      out.indent(indent) << comments.front() << '\n';
      comments = comments.drop_front();
    }
    while (indent + line.size() - from > 100) {
      size_t at = findBreak(line, from, 100 - indent);
      if (at == StringRef::npos)
        break;
      out.indent(indent) << line.slice(from, at) << '\n';
      indent = line.size() - line.ltrim().size() + 4;
      from = at + 1;
    }
    out.indent(indent) << line.drop_front(from) << '\n';
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
  printWrapped(text, commentsOf(*printed), out);
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

//===- StageText.cpp - A stage as text ------------------------------------===//
//
// Written for a reader who knows attention and not MLIR: tensors carry the
// names that papers give them, and nothing is repeated that a name can say.
//
//===----------------------------------------------------------------------===//

#include "compiler/StageText.h"

#include "dialects/attn/AttnDialect.h"
#include "dialects/attn_tile/AttnTileOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/OwningOpRef.h"
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
  std::string title = fmt::format(
      "{}{}, {}: {}.\n", std::string_view(kStageTitle), stage.number,
      std::string_view(stage.name), std::string_view(stage.about));
  if (!stage.pass.empty())
    title += fmt::format("// Passes: {}\n", std::string_view(stage.pass));
  if (!stage.target.empty())
    title += fmt::format("// Block sizes: those of target '{}'.\n",
                         std::string_view(stage.target));
  return title;
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

/// What to say above `program`, which begins on `line`.
static std::string commentOn(tile::ProgramOp program, StringRef line) {
  size_t indent = line.size() - line.ltrim().size();
  return std::string(indent, ' ') + describe(program.getSchedule());
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

/// `line` in pieces of at most 100 columns; the text stays the same to the
/// parser.
static std::string wrapLine(StringRef line) {
  std::string text;
  size_t from = line.size() - line.ltrim().size(), indent = from;
  while (indent + line.size() - from > 100) {
    size_t at = findBreak(line, from, 100 - indent);
    if (at == StringRef::npos)
      break;
    text += std::string(indent, ' ') + line.slice(from, at).str() + '\n';
    indent = line.size() - line.ltrim().size() + 4;
    from = at + 1;
  }
  return text + std::string(indent, ' ') + line.drop_front(from).str();
}

/// The symbol of the function, program or declaration that `op` is in.
static std::string symbolAround(Operation *op, ModuleOp module) {
  while (op && op->getParentOp() != module)
    op = op->getParentOp();
  auto symbol = dyn_cast_or_null<SymbolOpInterface>(op);
  return symbol ? symbol.getName().str() : "";
}

/// The operation that begins on each line of the text that `state` printed.
static DenseMap<unsigned, Operation *>
operationsByLine(ModuleOp module, const AsmState::LocationMap &places) {
  DenseMap<unsigned, Operation *> operations;
  // Outer operations first: one that shares its line gives the line its name.
  module.walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (auto place = places.find(op); place != places.end())
      operations.try_emplace(place->second.first, op);
  });
  return operations;
}

StageText attn::printStage(const StageView &stage) {
  OwningOpRef<ModuleOp> module = ModuleOp(stage.module).clone();
  nameArguments(*module);
  AsmState::LocationMap places;
  AsmState state(*module, OpPrintingFlags().printNameLocAsPrefix(), &places);
  std::string printed;
  llvm::raw_string_ostream stream(printed);
  module->print(stream, state);

  auto operations = operationsByLine(*module, places);
  StageText text = {titleOf(stage), {}};
  std::string symbol;
  unsigned number = 0;
  for (StringRef line : llvm::split(StringRef(printed).rtrim(), '\n')) {
    // The module's own end.
    if (!line.starts_with(" "))
      symbol.clear();
    StageLine entry{.text = wrapLine(line)};
    if (Operation *op = operations.lookup(++number)) {
      symbol = symbolAround(op, *module);
      entry.op = op->getName().getStringRef().str();
      entry.location = op->getLoc();
      if (auto program = dyn_cast<tile::ProgramOp>(op))
        text.lines.push_back(
            {.text = commentOn(program, line), .symbol = symbol});
    }
    entry.symbol = symbol;
    text.lines.push_back(std::move(entry));
  }
  return text;
}

void attn::write(const StageText &text, llvm::raw_ostream &out) {
  out << text.title << '\n';
  for (const StageLine &line : text.lines)
    out << line.text << '\n';
}

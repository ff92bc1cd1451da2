//===- Options.cpp - Parsing of attnc's command line ----------------------===//
//
// Every mistake is one lower-case message and status 2; words that this
// version knows but refuses are status 1.
//
//===----------------------------------------------------------------------===//

#include "compiler/Options.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/Errc.h"

#include <fmt/format.h>

using namespace attn;
using llvm::ArrayRef;
using llvm::StringRef;

static constexpr int usageError = 2;
static std::string spellVersion() {
  return fmt::format("attnc {} (MLIR and LLVM {}.{})\n", ATTN_VERSION,
                     LLVM_VERSION_MAJOR, LLVM_VERSION_MINOR);
}

static CommandLine leave(int status, std::string text) {
  return {std::nullopt, std::move(text), status};
}

//===----------------------------------------------------------------------===//
// Look-up
//===----------------------------------------------------------------------===//

static const VerbSpec *findVerb(StringRef name) {
  ArrayRef<VerbSpec> table = verbTable();
  const VerbSpec *spec = llvm::find_if(
      table, [&](const VerbSpec &row) { return name == StringRef(row.name); });
  return spec == table.end() ? nullptr : spec;
}

static bool takes(const OptionSpec &option, const VerbSpec &verb) {
  return option.verbs.find(verb.letter) != std::string_view::npos;
}

/// The row that `word` ("--name" or "-n") spells, for any verb.
static const OptionSpec *findOption(StringRef word, const VerbSpec &verb) {
  const OptionSpec *elsewhere = nullptr;
  for (const OptionSpec &option : optionTable()) {
    bool spelled = word.starts_with("--")
                       ? word.drop_front(2) == StringRef(option.name)
                       : word.size() == 2 && word[1] == option.letter;
    if (!spelled)
      continue;
    if (takes(option, verb))
      return &option;
    elsewhere = &option;
  }
  return elsewhere;
}

/// "; did you mean 'x'?" for the nearest of `names`, or nothing.
static std::string suggest(StringRef word, ArrayRef<std::string> names) {
  const std::string *best = nullptr;
  unsigned bestDistance = 3;
  for (const std::string &name : names) {
    unsigned distance = word.edit_distance(name, true, bestDistance);
    if (distance < bestDistance) {
      best = &name;
      bestDistance = distance;
    }
  }
  return best ? fmt::format("; did you mean '{}'?", *best) : "";
}

static std::string unknownOption(StringRef word, const VerbSpec &verb) {
  std::vector<std::string> names;
  for (const OptionSpec &option : optionTable())
    if (takes(option, verb) && option.refusal.empty())
      names.push_back(fmt::format("--{}", option.name));
  std::string hint = suggest(word, names);
  if (hint.empty())
    hint = fmt::format("; 'attnc help {}' lists the options", verb.name);
  return fmt::format("unknown option '{}' of 'attnc {}'{}",
                     std::string_view(word), verb.name, hint);
}

//===----------------------------------------------------------------------===//
// One verb's arguments
//===----------------------------------------------------------------------===//

namespace {
/// Walks the arguments that follow the verb.
class ArgumentReader {
public:
  ArgumentReader(const VerbSpec &verb, ArrayRef<StringRef> arguments)
      : verb(verb), arguments(arguments) {
    invocation.verb = verb.verb;
  }

  CommandLine read();

private:
  /// Reads the option at the head of `arguments`; false with `problem` set if
  /// it is wrong.
  bool readOption(StringRef word);
  bool readOperand(StringRef word);
  bool fail(std::string message, int withStatus = usageError) {
    problem = std::move(message);
    status = withStatus;
    return false;
  }
  std::string missingArgument() const;

  const VerbSpec &verb;
  ArrayRef<StringRef> arguments;
  Invocation invocation;
  llvm::SmallVector<const OptionSpec *> seen;
  std::string problem;
  int status = 0;
};
} // namespace

CommandLine ArgumentReader::read() {
  bool onlyOperands = false;
  while (!arguments.empty()) {
    StringRef word = arguments.consume_front();
    if (!onlyOperands && word == "--") {
      onlyOperands = true;
      continue;
    }
    bool isOption = !onlyOperands && word.size() > 1 && word.front() == '-';
    if (isOption && (word == "--help" || word == "-h"))
      return leave(0, helpText(verb.verb));
    if (!(isOption ? readOption(word) : readOperand(word)))
      return leave(status, problem);
  }
  if (std::string missing = missingArgument(); !missing.empty())
    return leave(usageError, missing);
  return {std::move(invocation), {}, 0};
}

/// Whether `word` can stand as the value of an option: a word that looks like
/// an option means that the value was forgotten.
static bool isValue(StringRef word) {
  int64_t number;
  return !word.starts_with("-") || word == "-" ||
         !word.getAsInteger(10, number);
}

bool ArgumentReader::readOption(StringRef word) {
  auto [name, value] = word.split('=');
  bool hasValue = name.size() != word.size();
  const OptionSpec *option = findOption(name, verb);
  if (!option)
    return fail(unknownOption(name, verb));
  std::string_view spelled = name;
  if (!takes(*option, verb))
    return fail(
        fmt::format("'attnc {}' takes no option '{}'", verb.name, spelled));
  if (!option->refusal.empty())
    return fail(fmt::format("option '{}' {}", spelled, option->refusal), 1);
  if (option->value.empty() && hasValue)
    return fail(fmt::format("option '{}' takes no value", spelled));
  if (!option->value.empty() && !hasValue) {
    if (arguments.empty() || !isValue(arguments.front()))
      return fail(
          fmt::format("option '{}' needs a value {}", spelled, option->value));
    value = arguments.consume_front();
  }
  if (!option->repeatable && llvm::is_contained(seen, option))
    return fail(fmt::format("option '{}' is given twice", spelled));
  seen.push_back(option);
  invocation.given.push_back(option->name);
  std::string wrong = option->store(invocation, value);
  return wrong.empty() || fail(fmt::format("option '{}': {}", spelled, wrong));
}

bool ArgumentReader::readOperand(StringRef word) {
  if (word.empty())
    return fail(
        fmt::format("the {} of 'attnc {}' is empty", verb.operand, verb.name));
  if (!invocation.input.empty())
    return fail(fmt::format("'attnc {}' takes one {}, got '{}' and '{}'",
                            verb.name, verb.operand, invocation.input,
                            std::string_view(word)));
  invocation.input = word.str();
  return true;
}

std::string ArgumentReader::missingArgument() const {
  std::string missing;
  if (invocation.input.empty())
    missing = verb.operand;
  else if (verb.verb == Verb::Compile && invocation.output.empty())
    missing = "-o DIR";
  else if (verb.verb == Verb::Run && invocation.inTensors.empty())
    missing = "--in FILE";
  else if (verb.verb == Verb::PackWeights && invocation.weights.empty())
    missing = "--weights FILE";
  else if ((verb.verb == Verb::Run || verb.verb == Verb::PackWeights) &&
           invocation.outTensors.empty())
    missing = "--out FILE";
  else if (invocation.peakGflops && !invocation.bandwidthGbs)
    missing = "--bandwidth-gbs X beside --peak-gflops";
  else if (invocation.bandwidthGbs && !invocation.peakGflops)
    missing = "--peak-gflops X beside --bandwidth-gbs";
  else if (verb.verb == Verb::Compile && invocation.peakGflops &&
           invocation.reportFile.empty())
    missing = "--report FILE beside --peak-gflops";
  if (missing.empty())
    return {};
  return fmt::format("'attnc {0}' needs {1}; see 'attnc help {0}'", verb.name,
                     missing);
}

//===----------------------------------------------------------------------===//
// The whole line
//===----------------------------------------------------------------------===//

static CommandLine unknownVerb(StringRef word) {
  std::vector<std::string> names = {"--help", "--version"};
  for (const VerbSpec &row : verbTable())
    names.emplace_back(row.name);
  std::string hint = suggest(word, names);
  return leave(
      usageError,
      fmt::format("unknown {} '{}'{}",
                  word.starts_with("-") ? "option" : "verb",
                  std::string_view(word),
                  hint.empty() ? "; 'attnc --help' lists the verbs" : hint));
}

static CommandLine helpOn(ArrayRef<StringRef> words) {
  if (words.empty())
    return leave(0, overviewText());
  if (words.size() > 1)
    return leave(usageError, "'attnc help' takes at most one verb");
  if (const VerbSpec *verb = findVerb(words.front()))
    return leave(0, helpText(verb->verb));
  return unknownVerb(words.front());
}

CommandLine attn::parseCommandLine(ArrayRef<StringRef> arguments) {
  if (arguments.empty())
    return leave(usageError, "no verb given; 'attnc --help' lists the verbs");
  StringRef word = arguments.consume_front();
  if (word == "--help" || word == "-h" || word == "help")
    return helpOn(arguments);
  if (word == "--version")
    return leave(0, spellVersion());
  if (const VerbSpec *verb = findVerb(word))
    return ArgumentReader(*verb, arguments).read();
  return unknownVerb(word);
}

//===----------------------------------------------------------------------===//
// What this version compiles
//===----------------------------------------------------------------------===//

static llvm::Error refuse(const std::string &message) {
  return llvm::createStringError(llvm::errc::not_supported, message);
}

llvm::Error attn::checkLowered(const CompileOptions &options) {
  for (const std::string &target : options.targets)
    if (StringRef(target).starts_with("sm_"))
      return refuse(fmt::format(
          "target '{}' is not supported yet; this version compiles for native, "
          "x86-64-v3, x86-64-v4 and aarch64",
          target));
  return llvm::Error::success();
}

llvm::Error attn::checkCompiled(const Invocation &invocation,
                                ArrayRef<std::string_view> selectors) {
  const VerbSpec &compiling = specOf(Verb::Compile);
  for (const OptionSpec &option : optionTable())
    if (takes(option, compiling) &&
        llvm::is_contained(invocation.given, option.name) &&
        !llvm::is_contained(selectors, option.name))
      return refuse(
          fmt::format("'--{}' says how a config.json or .mlir file is "
                      "compiled, and folder '{}' is compiled already",
                      option.name, invocation.input));
  return llvm::Error::success();
}

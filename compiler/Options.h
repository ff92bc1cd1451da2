//===- Options.h - What the command line says -------------------*- C++ -*-===//
//
// One table of verbs and one of options (OptionTable.cpp) from which parsing
// and every help text come. The rest of the compiler sees plain structs.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_OPTIONS_H
#define COMPILER_OPTIONS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace attn {

/// Storage types of tensors.
enum class Dtype { F32, BF16, F16 };
/// How much of the layer a kernel covers.
enum class Scope { Core, Attend, Layer };
/// Which schedules a compilation asks for.
enum class Phase { Prefill, Decode };
/// How keys and values that are projected from shared rows are attended to: in
/// the form with less work, on the rows, or projected.
enum class Absorb { Auto, Absorbed, Expanded };
/// What attnc is asked to do.
enum class Verb {
  Import,
  Compile,
  Verify,
  Run,
  PackWeights,
  Bench,
  Replay,
  Explain
};

std::string_view spell(Dtype dtype);
std::string_view spell(Scope scope);
std::string_view spell(Phase phase);
std::string_view spell(Absorb form);

/// Options of every verb that compiles. An empty list or optional is the
/// documented default.
struct CompileOptions {
  std::vector<std::string> targets;
  std::vector<Scope> scopes;
  std::vector<Phase> phases;
  std::optional<Dtype> dtype, kDtype, vDtype;
  std::optional<Absorb> absorb;
  /// How declared layers rotate: "half" or "interleaved"; empty: as they say.
  std::string pairing;
  /// How many ranks share each declared layer; one of them is compiled.
  int64_t ranks = 1;
  std::string name;
  std::string dumpIrDir;
  bool requireFused = false;
  bool verifyEachNumeric = false;
  bool printSchedule = false;
};

/// One call of attnc.
struct Invocation {
  Verb verb = Verb::Import;
  CompileOptions compile;
  /// Names of the options that stand on the line, in order.
  std::vector<std::string_view> given;
  std::string input;
  std::string output;
  std::string inTensors, outTensors, weights;
  std::string layer;
  std::string function;
  bool json = false;
  /// Weights are packed before the call.
  bool packsWeights = false;
  unsigned threads = 0;
  int64_t queryLength = 1, kvLength = 4096;
  /// The limits of the user's machine; both or none.
  std::optional<double> peakGflops, bandwidthGbs;
  /// The page that tells how the input was compiled; empty: none.
  std::string reportFile;
  /// Steps of a replay: of a file, or so many that are made up; where they are
  /// written to; layouts of caches, valid ones.
  std::string trace, savedTrace;
  int64_t steps = 48;
  std::vector<std::string> layouts;
};

/// What parsing gives: an invocation, or a text to print and leave with.
struct CommandLine {
  std::optional<Invocation> invocation;
  std::string text;
  int status = 0;
};

/// Reads `arguments` (without the program's name).
CommandLine parseCommandLine(llvm::ArrayRef<llvm::StringRef> arguments);

/// Fails with a message that names what is supported if `options` ask for a
/// scope or target that this version knows but does not lower to.
llvm::Error checkLowered(const CompileOptions &options);

/// Fails if `invocation` says how its input is compiled, which is a folder that
/// is compiled already; `selectors` choose among what is there.
llvm::Error checkCompiled(const Invocation &invocation,
                          llvm::ArrayRef<std::string_view> selectors = {});

/// The texts of `attnc --help` and of `attnc help VERB`.
std::string overviewText();
std::string helpText(Verb verb);

/// Breaks `text` into lines of at most 79 columns, each after the first begun
/// with `indent` spaces; `column` is where the first line starts.
std::string wrapText(std::string_view text, size_t indent, size_t column);

//===----------------------------------------------------------------------===//
// The tables
//===----------------------------------------------------------------------===//

/// One option: how it is written, what it means, where it puts its value.
struct OptionSpec {
  std::string_view name;
  /// One-letter spelling, or 0.
  char letter;
  /// Name of the value in help texts; empty for a flag.
  std::string_view value;
  std::string_view help;
  bool repeatable;
  /// The verbs that take it, as letters of VerbSpec::letter.
  std::string_view verbs;
  /// Stores `value`; returns what is wrong with it, or nothing.
  std::string (*store)(Invocation &invocation, llvm::StringRef value);
  /// Why this version refuses a word that it knows; such options are not
  /// listed in the help.
  std::string_view refusal = {};
};

struct VerbSpec {
  Verb verb;
  char letter;
  std::string_view name;
  std::string_view operand;
  /// Options without which the verb cannot work, as the synopsis shows them.
  std::string_view required;
  std::string_view summary;
  std::string_view details;
  std::string_view example;
};

llvm::ArrayRef<OptionSpec> optionTable();
llvm::ArrayRef<VerbSpec> verbTable();
const VerbSpec &specOf(Verb verb);

} // namespace attn

#endif // COMPILER_OPTIONS_H

//===- OptionTable.cpp - Verbs and options of attnc, as data --------------===//
//
// The only place that names a verb or an option: a row here is parsed, listed
// in the help texts and checked without any other change.
//
//===----------------------------------------------------------------------===//

#include "compiler/Options.h"

#include "codegen/cpu/CpuTarget.h"
#include "compiler/replay/CacheLayout.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/ErrorHandling.h"

#include <fmt/format.h>

using namespace attn;
using llvm::StringRef;

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

static std::string storeText(std::string &slot, StringRef value) {
  if (value.empty())
    return "needs a value that is not empty";
  slot = value.str();
  return {};
}

template <typename Enum>
static std::string readWord(std::optional<Enum> &slot, StringRef value,
                            std::initializer_list<Enum> choices) {
  std::string known;
  for (Enum choice : choices) {
    std::string_view word = spell(choice);
    if (value == StringRef(word)) {
      slot = choice;
      return {};
    }
    known += fmt::format("{}{}", known.empty() ? "" : ", ", word);
  }
  return fmt::format("'{}' is not one of {}", std::string_view(value), known);
}

static std::string storeDtype(std::optional<Dtype> &slot, StringRef value) {
  return readWord(slot, value, {Dtype::F32, Dtype::BF16, Dtype::F16});
}

template <typename Enum>
static std::string storeInList(std::vector<Enum> &list, StringRef value,
                               std::initializer_list<Enum> choices) {
  std::optional<Enum> word;
  std::string problem = readWord(word, value, choices);
  if (word && !llvm::is_contained(list, *word))
    list.push_back(*word);
  return problem;
}

/// The targets that this version compiles for; errors list them too.
static constexpr StringRef targetHelp =
    "native (default), x86-64-v3 (AVX2), x86-64-v4 (AVX-512), aarch64 (NEON); "
    "may be repeated";

static std::string storeTarget(Invocation &invocation, StringRef value) {
  // checkLowered has a message of its own for what is to come.
  static constexpr StringRef planned[] = {"sm_80", "sm_90a"};
  if (!llvm::is_contained(cpu::getTargetNames(), value) &&
      !llvm::is_contained(planned, value))
    return fmt::format("'{}' is not one of {}", std::string_view(value),
                       std::string_view(targetHelp.split(';').first));
  if (!llvm::is_contained(invocation.compile.targets, value))
    invocation.compile.targets.push_back(value.str());
  return {};
}

template <typename Integer>
static std::string storeNumber(Integer &slot, StringRef value, Integer least,
                               Integer most) {
  Integer number = 0;
  if (value.getAsInteger(10, number) || number < least || number > most)
    return fmt::format("'{}' is not a whole number from {} to {}",
                       std::string_view(value), least, most);
  slot = number;
  return {};
}

static std::string storeRate(std::optional<double> &slot, StringRef value) {
  double number = 0;
  bool isNumber = !value.getAsDouble(number);
  // NaN is not.
  bool isInRange = number >= 1e-3 && number <= 1e12;
  if (!isNumber || !isInRange)
    return fmt::format("'{}' is not a number from 0.001 to 1e12",
                       std::string_view(value));
  slot = number;
  return {};
}

static std::string storeLayout(Invocation &invocation, StringRef value) {
  if (!replay::CacheLayout::parse(value))
    return fmt::format("'{}' is not contiguous, head-major, pages:ROWS or "
                       "pages:ROWS:head-major",
                       std::string_view(value));
  if (!llvm::is_contained(invocation.layouts, value))
    invocation.layouts.push_back(value.str());
  return {};
}

static std::string storePairing(Invocation &invocation, StringRef value) {
  // The words of #attn.rope.
  if (value != "half" && value != "interleaved")
    return fmt::format("'{}' is not one of half, interleaved",
                       std::string_view(value));
  invocation.compile.pairing = value.str();
  return {};
}

static std::string storeName(Invocation &invocation, StringRef value) {
  auto isWordCharacter = [](char c) { return llvm::isAlnum(c) || c == '_'; };
  // What cannot begin an identifier gets a "k_" like the names of files.
  if (value.empty() || !llvm::all_of(value, isWordCharacter) ||
      value.size() > 128)
    return fmt::format("'{}' is not made of at most 128 letters, digits and _",
                       std::string_view(value));
  invocation.compile.name = value.str();
  return {};
}

//===----------------------------------------------------------------------===//
// Verbs
//===----------------------------------------------------------------------===//

// clang-format off
static constexpr VerbSpec verbs[] = {
    {Verb::Import, 'i', "import", "config.json", "",
     "print the attention layers that a config.json declares",
     "Reads the config.json of a Hugging Face checkpoint and prints its "
     "attention layers in the declared form of the attn dialect. Equal layers "
     "are one operation that lists their numbers. A layer that attnc does not "
     "compile is printed as attn.refused with the reason.",
     "attnc import examples/configs/llama-3-8b.json"},
    {Verb::Compile, 'c', "compile", "INPUT", "-o DIR",
     "compile INPUT into a folder of kernels",
     "INPUT is a config.json or a .mlir file of the attn dialect. DIR receives "
     "a C header, an object per target, an archive, a shared library and the "
     "manifest NAME.json. DIR appears whole or not at all, with the folders "
     "above it; one that an earlier compile wrote is replaced, any other folder "
     "that is not empty is left alone and is an error. How an engine calls the "
     "kernels: the comments of the header, and runtime/README.md.",
     "attnc compile examples/configs/llama-3-8b.json -o kernels"},
    {Verb::Verify, 'v', "verify", "INPUT|DIR", "",
     "compare compiled kernels with the float64 reference",
     "Runs the kernels of INPUT (compiled first) or of the folder DIR on random "
     "and on adversarial tensors and compares every element with the reference "
     "interpreter. Layers of equal kernels are verified once. Status 1 if a "
     "case fails.",
     "attnc verify kernels"},
    {Verb::Run, 'r', "run", "DIR", "--in X.safetensors --out Y.safetensors",
     "run a compiled kernel on the tensors of a file",
     "Runs a kernel of the compiled folder DIR on tensors of files; which, "
     "these tell. Core: 'query' [batch, queries, heads, dim], 'key' and 'value' "
     "[batch, keys, kv heads, dim], 'kv_lengths' [batch] (int32 or int64, "
     "optional) and, for layers that have them, 'sinks' [heads]; writes "
     "'output' and 'lse'. Layer: 'hidden_states' [batch, tokens, hidden], "
     "'past_key' and 'past_value' (MLA: 'past_latent', 'past_rope_key') of the "
     "call before, 'position_ids' and 'kv_lengths' if they do not just go on; "
     "writes 'output' and 'present_*', the next call's 'past_*'. Attend: the "
     "same with 'query', 'key' and 'value' as projected. Weights have their "
     "checkpoint names, with or without the parts before the layer's own. Other "
     "tensors are ignored, with a warning if the name of an optional one is "
     "near.",
     "attnc run kernels --in qkv.safetensors --out result.safetensors"},
    {Verb::PackWeights, 'w', "pack-weights", "DIR",
     "--weights W.safetensors --out P.safetensors",
     "pack a layer's weights as its kernel reads them",
     "Packs the weights of one layer for the kernel of scope layer in the "
     "compiled folder DIR and the target that this machine runs. Writes "
     "'packed_weights', bytes that take the place of all weights of the layer: "
     "in a file of 'attnc run', or as args.packed_weights of an engine, which "
     "may also pack for itself. Results have the same bits.",
     "attnc pack-weights kernels --weights model.safetensors --out p.safetensors"},
    {Verb::Bench, 'b', "bench", "INPUT|DIR", "",
     "measure speed as a fraction of this machine's limits",
     "Times the kernels of INPUT (compiled first) or of the folder DIR, and the "
     "limits of this machine in the same run: fused multiply-adds and memory "
     "reads. Each case is held against the one that allows less: multiply-adds "
     "for prefill, memory for decode, unless many query heads share a key head. "
     "Without --scope it times scope core of INPUT, and all that a DIR has. "
     "Cases beyond the core prefill 512 tokens, and count the weights that they "
     "read and multiply with. "
     "The reference cases of the phase, a layer of 32 heads over 8, are always "
     "among them.",
     "attnc bench examples/configs/llama-3-8b.json --scope layer --threads 1"},
    {Verb::Replay, 'p', "replay", "INPUT|DIR", "",
     "run the steps of a serving engine with caches in several layouts",
     "Runs a trace on the core kernel of one layer: each step is one call with "
     "new tokens of several sequences, packed end to end, prompts and single "
     "tokens mixed. A trace has a step a line, as in '3:512 1:1 -1': 512 new "
     "tokens of sequence 3, one of 1, which ends. Without --trace an engine "
     "with up to 16 sequences is made up. Every layout of the caches and every "
     "sequence without the others must give the same bits, and rows from all over the trace "
     "what the float64 reference gives; status 1 if not. Keys and values are "
     "written before a step is timed.",
     "attnc replay examples/configs/llama-3.2-1b.json --steps 24"},
    {Verb::Explain, 'e', "explain", "INPUT|DIR", "",
     "tell what a model's attention costs and what was rewritten",
     "Prints parameters, matrix FLOPs, bytes and KV-cache bytes per token of "
     "each layer of INPUT, or of what the folder DIR was compiled from; FLOPs "
     "per byte of its prefill and decode kernels; and the remarks of every "
     "pass: what was rewritten, what was not, and the number that decided.",
     "attnc explain examples/configs/llama-3-8b.json --kv-length 8192"},
};

//===----------------------------------------------------------------------===//
// Options
//===----------------------------------------------------------------------===//

#define STORE [](Invocation &call, StringRef value) -> std::string

static constexpr OptionSpec options[] = {
    {"output", 'o', "DIR", "folder that receives the kernels",
     false, "c", STORE { return storeText(call.output, value); }},
    {"in", 0, "FILE", "safetensors file with the kernel's arguments",
     false, "r", STORE { return storeText(call.inTensors, value); }},
    {"out", 0, "FILE", "safetensors file that is written",
     false, "rw", STORE { return storeText(call.outTensors, value); }},
    {"weights", 0, "FILE", "safetensors file with the weights, or the .json index "
     "of several (run: whatever --in lacks)",
     false, "rw", STORE { return storeText(call.weights, value); }},
    {"layer", 0, "N", "one layer: its number, from 0, or its checkpoint prefix "
     "(default: the first; run, pack-weights: if all are equal)",
     false, "ivrwp", STORE { return storeText(call.layer, value); }},
    {"function", 0, "F", "function that the kernel was compiled from, where "
     "the .mlir file had several; or a kernel of a layer, without NAME_",
     false, "r", STORE { return storeText(call.function, value); }},
    {"pack-weights", 0, "", "pack a layer's weights before the call, as 'attnc "
     "pack-weights' does; the results are the same",
     false, "r", STORE { call.packsWeights = true; return {}; }},
    {"trace", 0, "FILE", "steps to run (default: made up, the same every time)",
     false, "p", STORE { return storeText(call.trace, value); }},
    {"steps", 0, "N", "steps to make up (default: 48)",
     false, "p", STORE { return storeNumber<int64_t>(call.steps, value,
                                                     1, 100000); }},
    {"save-trace", 0, "FILE", "write the steps that are run",
     false, "p", STORE { return storeText(call.savedTrace, value); }},
    {"layout", 0, "L", "how caches are kept: contiguous, head-major, pages:ROWS "
     "or pages:ROWS:head-major; may be repeated (default: the first two, "
     "pages:16 and pages:128)",
     true, "p", storeLayout},
    {"target", 0, "T", targetHelp, true, "cvbpe", storeTarget},
    {"scope", 0, "S", "core: rotated queries and cached keys in, attention out; "
     "attend: projected ones, with norms, rotation and append to the caches; "
     "layer: hidden states, with the projections too; default: all that the "
     "types allow; bench of a description: core",
     true, "cvrbe",
     STORE { return storeInList(call.compile.scopes, value,
                                {Scope::Core, Scope::Attend, Scope::Layer}); }},
    {"phase", 0, "P", "prefill or decode (default: both)",
     true, "cvrbe",
     STORE { return storeInList(call.compile.phases, value,
                                {Phase::Prefill, Phase::Decode}); }},
    {"absorb", 0, "FORM", "where a .mlir file projects keys and values from "
     "shared rows (MLA): absorbed, expanded, or auto (default), the one with "
     "less work",
     false, "cvbpe",
     STORE { return readWord(call.compile.absorb, value,
                             {Absorb::Auto, Absorb::Absorbed,
                              Absorb::Expanded}); }},
    {"dtype", 0, "T", "type of activations, weights and outputs: f32, bf16 or "
     "f16 (default: the input's, else f32); what is computed is f32",
     false, "cvbpe",
     STORE { return storeDtype(call.compile.dtype, value); }},
    {"k-dtype", 0, "T", "type of the key cache (default: --dtype, else the "
     "input's)",
     false, "cvbpe",
     STORE { return storeDtype(call.compile.kDtype, value); }},
    {"v-dtype", 0, "T", "type of the value cache (default: --dtype, else the "
     "input's); a latent is both",
     false, "cvbpe",
     STORE { return storeDtype(call.compile.vDtype, value); }},
    {"pairing", 0, "P", "how queries and keys rotate, half or interleaved, "
     "where the rows of weights were permuted (GGUF files of the llama family: "
     "interleaved); default: as the input says",
     false, "icvbpe", storePairing},
    {"tp", 0, "N", "compile one rank of N (tensor parallel): its share of the "
     "query heads, and the key/value heads that these read; what the N ranks of "
     "scope layer give adds up (default: 1)",
     false, "icvbpe",
     STORE { return storeNumber<int64_t>(call.compile.ranks, value, 1,
                                         1 << 16); }},
    {"name", 0, "NAME", "prefix of every symbol and file (default: from "
     "INPUT's name); a keyword or a leading digit gets a k_ before it",
     false, "icvbpe", storeName},
    {"query-length", 0, "N", "queries to count FLOPs for (default: 1)",
     false, "e", STORE { return storeNumber<int64_t>(call.queryLength, value,
                                                     1, 1LL << 20); }},
    {"kv-length", 0, "N", "keys to count FLOPs for (default: 4096)",
     false, "e", STORE { return storeNumber<int64_t>(call.kvLength, value,
                                                     0, 1LL << 31); }},
    {"peak-gflops", 0, "X", "what a machine computes at most, in GFLOP/s; with "
     "--bandwidth-gbs says what binds each kernel",
     false, "ce", STORE { return storeRate(call.peakGflops, value); }},
    {"bandwidth-gbs", 0, "X", "what it reads from memory, in GB/s",
     false, "ce", STORE { return storeRate(call.bandwidthGbs, value); }},
    {"threads", 0, "N", "threads to measure with (default: bench: one, then "
     "all; replay: one)",
     false, "bp", STORE { return storeNumber<unsigned>(call.threads, value,
                                                      1, 4096); }},
    {"dump-ir", 0, "DIR", "write the IR after each stage of the lowering, one "
     "numbered file each, up to a stage that fails; DIR is made, or replaced "
     "if it is an earlier dump",
     false, "cvbe",
     STORE { return storeText(call.compile.dumpIrDir, value); }},
    {"report", 0, "FILE", "write one HTML page: the IR of each stage beside the "
     "one before, what changed, remarks, schedules, roofline",
     false, "c", STORE { return storeText(call.reportFile, value); }},
    {"print-schedule", 0, "", "print the candidates for each kernel's block "
     "sizes, their numbers, and the choice",
     false, "c",
     STORE { call.compile.printSchedule = true; return {}; }},
    {"require-fused", 0, "", "fail if attention in a function of a .mlir file "
     "stays unfused (default: warn, and leave the function out)",
     false, "cvbe",
     STORE { call.compile.requireFused = true; return {}; }},
    {"verify-each-numeric", 0, "", "interpret the IR after every pass that "
     "leaves functions, not tile programs; name the first pass that changed "
     "one, and say how much was compared",
     false, "cvbe",
     STORE { call.compile.verifyEachNumeric = true; return {}; }},
    {"json", 0, "", "print one JSON document instead of text",
     false, "vbpe", STORE { call.json = true; return {}; }},
    {"simulate", 0, "", "", false, "v", STORE { return {}; },
     "runs PTX in the simulator, and this version has no sm_* target"},
    {"cubin", 0, "", "", false, "c", STORE { return {}; },
     "needs an sm_* target, which this version does not have"},
};
#undef STORE
// clang-format on

llvm::ArrayRef<OptionSpec> attn::optionTable() { return options; }
llvm::ArrayRef<VerbSpec> attn::verbTable() { return verbs; }

const VerbSpec &attn::specOf(Verb verb) {
  for (const VerbSpec &spec : verbs)
    if (spec.verb == verb)
      return spec;
  llvm_unreachable("every verb has a row");
}

//===----------------------------------------------------------------------===//
// Spelling
//===----------------------------------------------------------------------===//

std::string_view attn::spell(Dtype dtype) {
  switch (dtype) {
  case Dtype::F32:
    return "f32";
  case Dtype::BF16:
    return "bf16";
  case Dtype::F16:
    return "f16";
  }
  llvm_unreachable("unknown dtype");
}

std::string_view attn::spell(Scope scope) {
  switch (scope) {
  case Scope::Core:
    return "core";
  case Scope::Attend:
    return "attend";
  case Scope::Layer:
    return "layer";
  }
  llvm_unreachable("unknown scope");
}

std::string_view attn::spell(Phase phase) {
  switch (phase) {
  case Phase::Prefill:
    return "prefill";
  case Phase::Decode:
    return "decode";
  }
  llvm_unreachable("unknown phase");
}

std::string_view attn::spell(Absorb form) {
  switch (form) {
  case Absorb::Auto:
    return "auto";
  case Absorb::Absorbed:
    return "absorbed";
  case Absorb::Expanded:
    return "expanded";
  }
  llvm_unreachable("unknown form");
}

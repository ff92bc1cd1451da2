//===- CpuTarget.cpp - table of CPUs --------------------------------------===//
//
// The table of CPUs. Register blockings follow Goto and van de Geijn, "Anatomy
// of high-performance matrix multiplication": accumulators fill the registers.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/CpuTarget.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"

using namespace attn::cpu;
using llvm::StringRef;

// The x86-64 psABI's microarchitecture level 3.
static std::vector<std::string> getLevel3() {
  return {"+avx",  "+avx2",   "+bmi",    "+bmi2",  "+crc32",  "+cx16",
          "+f16c", "+fma",    "+lzcnt",  "+movbe", "+popcnt", "+sahf",
          "+sse3", "+sse4.1", "+sse4.2", "+ssse3", "+xsave"};
}

// Level 4 adds the AVX-512 of Skylake servers.
static std::vector<std::string> getLevel4() {
  std::vector<std::string> features = getLevel3();
  for (const char *feature :
       {"+avx512bw", "+avx512cd", "+avx512dq", "+avx512f", "+avx512vl"})
    features.emplace_back(feature);
  llvm::sort(features);
  return features;
}

// What all targets have measured best so far. 128 keys: at D = 128 a block is
// 64 KiB of keys, and a panel of it half of a first-level cache. On Zen 5
// (fraction of the FMA peak, D = 128 and 64): 64 keys 0.75 and 0.79, 128 keys
// 0.89 and 0.84, 256 keys 0.88 and 0.83. Packing is 1/rows of a task's work.
// 2048 rows of DeepSeek-V3 do 5 times the work of the products that make their
// keys and values, and pass through the second-level cache unhurried: a block
// of keys has 2500 cycles of work on a row's 2 KB.
static constexpr TaskSizes getSizes() {
  return {.keyBlock = 128,
          .splitKeys = 1024,
          .maxSplits = 32,
          .splitRows = 64,
          .fewestRows = 96,
          .mostRows = 384,
          .projectedRows = 2048};
}

// 16 ymm: 12 accumulators, 2 panel vectors, a broadcast. 97-99% of the FMA
// peak on Zen 3 (the vector form of an outer product, measured).
static CpuTarget getAvx2() {
  return {.name = "x86-64-v3",
          .triple = "x86_64-unknown-linux-gnu",
          .cpu = "x86-64-v3",
          .features = getLevel3(),
          .tuning = "",
          .lanes = 8,
          .registers = 16,
          .rows = {6, 4, 1},
          .streamRows = 4,
          // As below; AVX2 code on Zen 4: first level, twice 0.52 and 0.23;
          // second level, once 0.98 and 0.43, twice 0.99 and 0.54.
          .prefetchKeys = {32, 16},
          .panelVectors = 2,
          .softmaxRows = 3,
          // Of 512 KiB (Zen 2 and 3).
          .taskBytes = 384 << 10,
          .unroll = 4,
          .sizes = getSizes()};
}

// 32 zmm: 24 accumulators. Measured on Zen 5, prefill of 2048 keys, D = 128,
// fraction of the FMA peak: 12x2 0.88, 14x2 0.87, 6x4 0.87; 12x2 reads a
// panel half as often, and its panel halves the waste at a causal edge.
static CpuTarget getAvx512() {
  return {.name = "x86-64-v4",
          .triple = "x86_64-unknown-linux-gnu",
          .cpu = "x86-64-v4",
          .features = getLevel4(),
          .tuning = "-prefer-256-bit",
          .lanes = 16,
          .registers = 32,
          .rows = {12, 8, 4, 1},
          .streamRows = 8,
          // Measured on Zen 4, decode of 16384 keys, D = 128, fraction of the
          // read bandwidth, keys side by side and every 4 KiB. First level,
          // twice: 0.52 and 0.29. Second level, once: 0.77 and 0.70, twice:
          // 0.96 and 0.78. From 24 to 64 ahead all are equal.
          .prefetchKeys = {32, 16},
          .panelVectors = 2,
          .softmaxRows = 12,
          // Of 1 MiB (Zen 4 and 5, Skylake servers).
          .taskBytes = 640 << 10,
          .unroll = 4,
          .sizes = getSizes()};
}

// 32 q registers of 4 lanes: 24 accumulators, 4 panel vectors, broadcasts.
static CpuTarget getNeon() {
  return {.name = "aarch64",
          .triple = "aarch64-unknown-linux-gnu",
          .cpu = "generic",
          .features = {"+neon"},
          .tuning = "",
          .lanes = 4,
          .registers = 32,
          .rows = {6, 4, 1},
          .streamRows = 4,
          .prefetchKeys = {32, 16},
          .panelVectors = 4,
          .softmaxRows = 6,
          // Of 1 MiB (Neoverse).
          .taskBytes = 640 << 10,
          .unroll = 4,
          .sizes = getSizes()};
}

/// The best form that the host runs; its instruction set is that form's, so
/// that equal forms give equal bytes on every host.
static std::optional<CpuTarget> getNative() {
  auto features = llvm::sys::getHostCPUFeatures();
  auto has = [&](std::initializer_list<StringRef> names) {
    return llvm::all_of(names, [&](StringRef n) { return features.lookup(n); });
  };
  llvm::Triple triple(llvm::sys::getProcessTriple());
  std::optional<CpuTarget> target;
  if (triple.isAArch64())
    target = getNeon();
  else if (has({"avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512cd"}))
    target = getAvx512();
  else if (has({"avx2", "fma", "bmi2", "f16c"}))
    target = getAvx2();
  if (!target)
    return std::nullopt;
  target->name = "native";
  return target;
}

std::string CpuTarget::featureString() const {
  std::string text = llvm::join(features, ",");
  return tuning.empty() ? text : text + "," + tuning;
}

llvm::ArrayRef<StringRef> attn::cpu::getTargetNames() {
  static constexpr StringRef names[] = {"native", "x86-64-v3", "x86-64-v4",
                                        "aarch64"};
  return names;
}

std::optional<CpuTarget> attn::cpu::getTarget(StringRef name) {
  if (name == "native")
    return getNative();
  for (CpuTarget target : {getAvx2(), getAvx512(), getNeon()})
    if (name == target.name)
      return target;
  return std::nullopt;
}

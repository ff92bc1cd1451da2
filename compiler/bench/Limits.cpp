//===- Limits.cpp - What this machine can do at most ----------------------===//
//
// Inline assembly, because a compiler would remove the work or narrow it.
//
//===----------------------------------------------------------------------===//

#include "compiler/bench/Limits.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <fstream>

using namespace attn;

//===----------------------------------------------------------------------===//
// The loops, per instruction set
//===----------------------------------------------------------------------===//

namespace {
/// How a limit is reached on one instruction set.
struct Loops {
  const char *vectors;
  /// Multiply-adds of one iteration, times lanes, times two.
  int64_t flopsPerIteration;
  void (*multiplyAdd)(int64_t iterations);
  /// Either reads [data, data + bytes), a multiple of 2048 bytes.
  void (*reads[2])(const char *data, size_t bytes);
};
} // namespace

// A prefetch one page ahead, in two forms, since either may be the faster. Four
// streams into the first level were the fastest of ten forms on Zen 5, by 0 to
// 7%. One stream into the second level was so on Zen 4, by a third while others
// were using the memory: lines came late, and few misses of the first level can
// wait at once.
static constexpr size_t kPrefetchBytes = 4096;
static constexpr int kFirstLevel = 3, kSecondLevel = 2;

/// Calls read512(address) for every 512 bytes of the streams.
template <size_t streams, int level, typename ReadFn>
[[gnu::always_inline]] static inline void
readStreams(const char *data, size_t bytes, ReadFn read512) {
  size_t part = bytes / streams;
  for (size_t offset = 0; offset < part; offset += 512) {
    for (size_t stream = 0; stream < streams; ++stream) {
      const char *address = data + stream * part + offset;
      for (size_t line = 0; line < 512; line += 64)
        __builtin_prefetch(address + line + kPrefetchBytes, 0, level);
      read512(address);
    }
  }
}

#if defined(__x86_64__)
// Twelve independent chains: four cycles of latency on two ports need eight.
#define ATTN_FMA_CHAINS(REG)                                                   \
  "1:\n" ATTN_FMA4(REG, 0, 1, 2, 3) ATTN_FMA4(REG, 4, 5, 6, 7)                 \
      ATTN_FMA4(REG, 8, 9, 10, 11) "dec %0\n jnz 1b\n"
#define ATTN_FMA1(REG, N) "vfmadd231ps %%" REG "14, %%" REG "15, %%" REG #N "\n"
#define ATTN_FMA4(REG, A, B, C, D)                                             \
  ATTN_FMA1(REG, A) ATTN_FMA1(REG, B) ATTN_FMA1(REG, C) ATTN_FMA1(REG, D)
#define ATTN_ALL_REGISTERS                                                     \
  "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",      \
      "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15"

[[gnu::target("avx512f")]] static void multiplyAdd512(int64_t iterations) {
  asm volatile("vzeroall\n" ATTN_FMA_CHAINS("zmm")
               : "+r"(iterations)
               :
               : ATTN_ALL_REGISTERS, "cc");
}

template <size_t streams, int level>
[[gnu::target("avx512f")]] static void read512(const char *data, size_t bytes) {
  readStreams<streams, level>(
      data, bytes, [](const char *address) __attribute__((target("avx512f"))) {
        asm volatile("vmovups (%0), %%zmm0\n vmovups 64(%0), %%zmm1\n"
                     "vmovups 128(%0), %%zmm2\n vmovups 192(%0), %%zmm3\n"
                     "vmovups 256(%0), %%zmm4\n vmovups 320(%0), %%zmm5\n"
                     "vmovups 384(%0), %%zmm6\n vmovups 448(%0), %%zmm7\n"
                     :
                     : "r"(address)
                     : ATTN_ALL_REGISTERS, "memory");
      });
}

[[gnu::target("avx2")]] static void multiplyAdd256(int64_t iterations) {
  asm volatile("vzeroall\n" ATTN_FMA_CHAINS("ymm")
               : "+r"(iterations)
               :
               : ATTN_ALL_REGISTERS, "cc");
}

template <size_t streams, int level>
[[gnu::target("avx2")]] static void read256(const char *data, size_t bytes) {
  readStreams<streams, level>(
      data, bytes, [](const char *address) __attribute__((target("avx2"))) {
        for (size_t half = 0; half < 512; half += 256)
          asm volatile("vmovups (%0), %%ymm0\n vmovups 32(%0), %%ymm1\n"
                       "vmovups 64(%0), %%ymm2\n vmovups 96(%0), %%ymm3\n"
                       "vmovups 128(%0), %%ymm4\n vmovups 160(%0), %%ymm5\n"
                       "vmovups 192(%0), %%ymm6\n vmovups 224(%0), %%ymm7\n"
                       :
                       : "r"(address + half)
                       : ATTN_ALL_REGISTERS, "memory");
      });
}

static bool hasLoops() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static Loops chooseLoops() {
  if (__builtin_cpu_supports("avx512f"))
    return {"AVX-512",
            12 * 16 * 2,
            multiplyAdd512,
            {read512<4, kFirstLevel>, read512<1, kSecondLevel>}};
  return {"AVX2",
          12 * 8 * 2,
          multiplyAdd256,
          {read256<4, kFirstLevel>, read256<1, kSecondLevel>}};
}
#elif defined(__aarch64__)
static void multiplyAddNeon(int64_t iterations) {
  asm volatile("1:\n"
               "fmla v0.4s, v30.4s, v31.4s\n fmla v1.4s, v30.4s, v31.4s\n"
               "fmla v2.4s, v30.4s, v31.4s\n fmla v3.4s, v30.4s, v31.4s\n"
               "fmla v4.4s, v30.4s, v31.4s\n fmla v5.4s, v30.4s, v31.4s\n"
               "fmla v6.4s, v30.4s, v31.4s\n fmla v7.4s, v30.4s, v31.4s\n"
               "fmla v16.4s, v30.4s, v31.4s\n fmla v17.4s, v30.4s, v31.4s\n"
               "fmla v18.4s, v30.4s, v31.4s\n fmla v19.4s, v30.4s, v31.4s\n"
               "fmla v20.4s, v30.4s, v31.4s\n fmla v21.4s, v30.4s, v31.4s\n"
               "fmla v22.4s, v30.4s, v31.4s\n fmla v23.4s, v30.4s, v31.4s\n"
               "subs %0, %0, #1\n b.ne 1b\n"
               : "+r"(iterations)
               :
               : "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v16", "v17",
                 "v18", "v19", "v20", "v21", "v22", "v23", "v30", "v31", "cc");
}

template <size_t streams, int level>
static void readNeon(const char *data, size_t bytes) {
  readStreams<streams, level>(data, bytes, [](const char *address) {
    for (size_t part = 0; part < 512; part += 128)
      asm volatile("ldp q0, q1, [%0]\n ldp q2, q3, [%0, #32]\n"
                   "ldp q4, q5, [%0, #64]\n ldp q6, q7, [%0, #96]\n"
                   :
                   : "r"(address + part)
                   : "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "memory");
  });
}

static bool hasLoops() { return true; }

static Loops chooseLoops() {
  return {"NEON",
          16 * 4 * 2,
          multiplyAddNeon,
          {readNeon<4, kFirstLevel>, readNeon<1, kSecondLevel>}};
}
#else
#error "no loops that reach the limits of this architecture"
#endif

//===----------------------------------------------------------------------===//
// LimitProbe
//===----------------------------------------------------------------------===//

bool LimitProbe::isUsable() const { return memory.data() && hasLoops(); }

std::string LimitProbe::describeCpu() const {
  std::string name = "unknown processor";
  std::ifstream cpuInfo("/proc/cpuinfo");
  for (std::string line; std::getline(cpuInfo, line);) {
    size_t colon = line.find(": ");
    if (line.rfind("model name", 0) == 0 && colon != std::string::npos) {
      name = line.substr(colon + 2);
      break;
    }
  }
  return name + " (" + chooseLoops().vectors + ")";
}

/// Seconds that `task` takes on every thread of `crew` at once.
template <typename TaskFn>
static double timeOnAll(Crew &crew, TaskFn task) {
  auto start = std::chrono::steady_clock::now();
  crew.parallelFor(
      crew.size(),
      [](void *closure, int64_t index) {
        (*static_cast<TaskFn *>(closure))(index);
      },
      &task);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
      .count();
}

double LimitProbe::sampleFma(Crew &crew) const {
  constexpr int64_t kIterations = 3 << 20;
  Loops loops = chooseLoops();
  double seconds =
      timeOnAll(crew, [&](int64_t) { loops.multiplyAdd(kIterations); });
  return double(kIterations) * loops.flopsPerIteration * crew.size() / seconds /
         1e9;
}

double LimitProbe::sampleRead(Crew &crew) const {
  Loops loops = chooseLoops();
  size_t part = memory.size() / crew.size() / 2048 * 2048;
  double best = 0;
  for (auto *read : loops.reads) {
    double seconds = timeOnAll(
        crew, [&](int64_t index) { read(memory.data() + index * part, part); });
    best = std::max(best, double(part) * crew.size() / seconds / 1e9);
  }
  return best;
}

/* Which targets this CPU can run: CPUID, and XCR0 for what the operating
   system saves (Intel SDM volume 1, 14.3 and 15.2). */
#include "runtime/attn_rt_impl.h"

#include <stdatomic.h>

#if defined(__x86_64__)
#include "runtime/attn_rt_features.h"

typedef struct {
  const char *name;
  uint32_t leaf, subleaf, reg, bit, state;
} feature;

#define ATTN_RT_ROW(name, leaf, subleaf, reg, bit, state)                      \
  {name, leaf, subleaf, reg, bit, state},
static const feature features[] = {ATTN_RT_X86_FEATURES(ATTN_RT_ROW)};
#define FEATURES (sizeof(features) / sizeof(features[0]))

static void cpuid(uint32_t leaf, uint32_t subleaf, uint32_t reg[4]) {
  __asm__ volatile("cpuid"
                   : "=a"(reg[0]), "=b"(reg[1]), "=c"(reg[2]), "=d"(reg[3])
                   : "a"(leaf), "c"(subleaf));
}

/* The register states that the operating system has enabled. */
static uint32_t enabled_states(void) {
  uint32_t reg[4], low, high;
  cpuid(1, 0, reg);
  if (!(reg[2] & (1u << 27)))
    return 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

static uint64_t detect(void) {
  uint32_t standard[4], extended[4], structured[4], states = enabled_states();
  uint64_t found = 0;
  cpuid(0, 0, standard);
  cpuid(0x80000000u, 0, extended);
  cpuid(7, 0, structured);
  for (uint64_t i = 0; i < FEATURES; ++i) {
    const feature *f = &features[i];
    uint32_t reg[4];
    if (f->leaf > (f->leaf < 0x80000000u ? standard[0] : extended[0]) ||
        (f->subleaf && f->subleaf > structured[0]))
      continue;
    cpuid(f->leaf, f->subleaf, reg);
    if ((reg[f->reg] >> f->bit & 1) && (states & f->state) == f->state)
      found |= (uint64_t)1 << i;
  }
  return found;
}

/* The first feature of a set, as LLVM calls it. */
static const char *first_name(uint64_t set) {
  int first = __builtin_ctzll(set);
  return (uint64_t)first < FEATURES ? features[first].name : "unknown";
}
#else
static uint64_t detect(void) { return 0; }
static const char *first_name(uint64_t set) {
  (void)set;
  return "unknown";
}
#endif

#define DETECTED ((uint64_t)1 << 63)

uint64_t attn_rt_features(void) {
  /* CPUID traps under a hypervisor: once is enough. Racing threads store the
     same value. */
  static _Atomic uint64_t known;
  uint64_t value = atomic_load_explicit(&known, memory_order_relaxed);
  if (value & DETECTED)
    return value & ~DETECTED;
  value = detect();
  atomic_store_explicit(&known, value | DETECTED, memory_order_relaxed);
  return value;
}

static int same(const char *a, const char *b) {
  for (; *a && *a == *b; ++a, ++b)
    ;
  return *a == *b;
}

attn_status attn_rt_choose_target(const attn_rt_kernel *kernel,
                                  const attn_context *context,
                                  const attn_rt_target **chosen) {
  uint64_t have = attn_rt_features();
  for (int64_t i = 0; i < kernel->target_count; ++i) {
    const attn_rt_target *target = &kernel->targets[i];
    uint64_t lacks = target->features & ~have;
    if (context->target && !same(context->target, target->name))
      continue;
    if (!lacks) {
      *chosen = target;
      return ATTN_OK;
    }
    if (context->target || i + 1 == kernel->target_count)
      return attn_rt_fail(
          context, ATTN_BAD_TARGET,
          "%s: target '%s' needs CPU features that this CPU lacks, the first "
          "is '%s'",
          kernel->symbol, target->name, first_name(lacks));
  }
  return attn_rt_fail(context, ATTN_BAD_TARGET,
                      "%s: there is no target '%s' in this kernel, only %k",
                      kernel->symbol, context->target, kernel);
}

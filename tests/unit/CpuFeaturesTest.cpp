//===- CpuFeaturesTest.cpp - What this CPU has, against LLVM's opinion ----===//

#include "runtime/attn_rt.h"
#include "runtime/attn_rt_features.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/TargetParser/Host.h"

#include <gtest/gtest.h>

#ifdef __x86_64__
#define ATTN_RT_NAME(name, ...) name,
static const char *const kNames[] = {ATTN_RT_X86_FEATURES(ATTN_RT_NAME)};
#undef ATTN_RT_NAME

TEST(CpuFeaturesTest, EachIsFoundWhereLlvmFindsIt) {
  llvm::StringMap<bool> expected = llvm::sys::getHostCPUFeatures();
  uint64_t found = attn_rt_features();
  for (auto [index, name] : llvm::enumerate(kNames)) {
    ASSERT_TRUE(expected.contains(name)) << name;
    EXPECT_EQ(found >> index & 1, expected.lookup(name)) << name;
  }
  EXPECT_EQ(found >> std::size(kNames), 0u);
}
#endif

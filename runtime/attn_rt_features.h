/* The x86-64 features that compiled kernels may ask for.
   Each line: LLVM's name, CPUID leaf, subleaf, register (0 eax .. 3 edx), bit,
   and the XCR0 bits that the operating system must have set. A feature's bit in
   attn_rt_features() is its position in this list. */
#ifndef RUNTIME_ATTN_RT_FEATURES_H
#define RUNTIME_ATTN_RT_FEATURES_H

#define ATTN_RT_X86_FEATURES(FEATURE)                                          \
  FEATURE("sse3", 1, 0, 2, 0, 0x0)                                             \
  FEATURE("ssse3", 1, 0, 2, 9, 0x0)                                            \
  FEATURE("cx16", 1, 0, 2, 13, 0x0)                                            \
  FEATURE("sse4.1", 1, 0, 2, 19, 0x0)                                          \
  FEATURE("sse4.2", 1, 0, 2, 20, 0x0)                                          \
  FEATURE("crc32", 1, 0, 2, 20, 0x0)                                           \
  FEATURE("movbe", 1, 0, 2, 22, 0x0)                                           \
  FEATURE("popcnt", 1, 0, 2, 23, 0x0)                                          \
  FEATURE("xsave", 1, 0, 2, 26, 0x0)                                           \
  FEATURE("avx", 1, 0, 2, 28, 0x6)                                             \
  FEATURE("f16c", 1, 0, 2, 29, 0x6)                                            \
  FEATURE("fma", 1, 0, 2, 12, 0x6)                                             \
  FEATURE("sahf", 0x80000001, 0, 2, 0, 0x0)                                    \
  FEATURE("lzcnt", 0x80000001, 0, 2, 5, 0x0)                                   \
  FEATURE("prfchw", 0x80000001, 0, 2, 8, 0x0)                                  \
  FEATURE("bmi", 7, 0, 1, 3, 0x0)                                              \
  FEATURE("avx2", 7, 0, 1, 5, 0x6)                                             \
  FEATURE("bmi2", 7, 0, 1, 8, 0x0)                                             \
  FEATURE("adx", 7, 0, 1, 19, 0x0)                                             \
  FEATURE("avx512f", 7, 0, 1, 16, 0xe6)                                        \
  FEATURE("avx512dq", 7, 0, 1, 17, 0xe6)                                       \
  FEATURE("avx512ifma", 7, 0, 1, 21, 0xe6)                                     \
  FEATURE("avx512cd", 7, 0, 1, 28, 0xe6)                                       \
  FEATURE("avx512bw", 7, 0, 1, 30, 0xe6)                                       \
  FEATURE("avx512vl", 7, 0, 1, 31, 0xe6)                                       \
  FEATURE("avx512vbmi", 7, 0, 2, 1, 0xe6)                                      \
  FEATURE("avx512vbmi2", 7, 0, 2, 6, 0xe6)                                     \
  FEATURE("gfni", 7, 0, 2, 8, 0x0)                                             \
  FEATURE("vaes", 7, 0, 2, 9, 0x6)                                             \
  FEATURE("vpclmulqdq", 7, 0, 2, 10, 0x6)                                      \
  FEATURE("avx512vnni", 7, 0, 2, 11, 0xe6)                                     \
  FEATURE("avx512bitalg", 7, 0, 2, 12, 0xe6)                                   \
  FEATURE("avx512vpopcntdq", 7, 0, 2, 14, 0xe6)                                \
  FEATURE("avx512fp16", 7, 0, 3, 23, 0xe6)                                     \
  FEATURE("avxvnni", 7, 1, 0, 4, 0x6)                                          \
  FEATURE("avx512bf16", 7, 1, 0, 5, 0xe6)

#endif /* RUNTIME_ATTN_RT_FEATURES_H */

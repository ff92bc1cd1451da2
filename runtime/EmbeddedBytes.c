/* The runtime's objects and the common header text, carried inside attnc so
   that it needs no file of its own at run time. */

#define EMBED(symbol, path)                                                    \
  __asm__(".section .rodata\n"                                                 \
          ".balign 16\n"                                                       \
          ".globl " symbol "_begin\n" symbol "_begin:\n"                       \
          ".incbin \"" path "\"\n"                                             \
          ".globl " symbol "_end\n" symbol "_end:\n"                           \
          ".byte 0\n"                                                          \
          ".text\n")

EMBED("attn_runtime_x86_64", "attn_runtime_x86_64.o");
EMBED("attn_runtime_aarch64", "attn_runtime_aarch64.o");
EMBED("attn_runtime_header", "attn.h");

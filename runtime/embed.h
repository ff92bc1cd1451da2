/* Puts the bytes of a file into an object, between two symbols, and a zero
   behind them. */

#ifndef RUNTIME_EMBED_H
#define RUNTIME_EMBED_H

#define EMBED(symbol, path)                                                    \
  __asm__(".section .rodata\n"                                                 \
          ".balign 16\n"                                                       \
          ".globl " symbol "_begin\n" symbol "_begin:\n"                       \
          ".incbin \"" path "\"\n"                                             \
          ".globl " symbol "_end\n" symbol "_end:\n"                           \
          ".byte 0\n"                                                          \
          ".text\n")

#endif

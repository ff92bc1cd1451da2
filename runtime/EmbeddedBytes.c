/* The runtime's objects and the common header text, carried inside attnc so
   that it needs no file of its own at run time. */

#include "runtime/embed.h"

EMBED("attn_runtime_x86_64", "attn_runtime_x86_64.o");
EMBED("attn_runtime_aarch64", "attn_runtime_aarch64.o");
EMBED("attn_runtime_ffi_x86_64", "attn_runtime_ffi_x86_64.o");
EMBED("attn_runtime_ffi_aarch64", "attn_runtime_ffi_aarch64.o");
EMBED("attn_runtime_pool_x86_64", "attn_runtime_pool_x86_64.o");
EMBED("attn_runtime_pool_aarch64", "attn_runtime_pool_aarch64.o");
EMBED("attn_runtime_header", "attn.h");

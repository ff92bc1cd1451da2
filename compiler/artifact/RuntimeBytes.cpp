//===- RuntimeBytes.cpp - The runtime that attnc carries ------------------===//
//
// runtime/EmbeddedBytes.c defines the symbols.
//
//===----------------------------------------------------------------------===//

#include "compiler/artifact/RuntimeBytes.h"

#include "llvm/TargetParser/Triple.h"

using llvm::StringRef;

extern "C" {
extern const char attn_runtime_x86_64_begin[], attn_runtime_x86_64_end[];
extern const char attn_runtime_aarch64_begin[], attn_runtime_aarch64_end[];
extern const char attn_runtime_ffi_x86_64_begin[],
    attn_runtime_ffi_x86_64_end[];
extern const char attn_runtime_ffi_aarch64_begin[],
    attn_runtime_ffi_aarch64_end[];
extern const char attn_runtime_pool_x86_64_begin[],
    attn_runtime_pool_x86_64_end[];
extern const char attn_runtime_pool_aarch64_begin[],
    attn_runtime_pool_aarch64_end[];
extern const char attn_runtime_header_begin[], attn_runtime_header_end[];
}

static StringRef between(const char *begin, const char *end) {
  return StringRef(begin, end - begin);
}

StringRef attn::artifact::runtimeObject(StringRef triple) {
  llvm::Triple::ArchType arch = llvm::Triple(triple).getArch();
  if (arch == llvm::Triple::x86_64)
    return between(attn_runtime_x86_64_begin, attn_runtime_x86_64_end);
  if (arch == llvm::Triple::aarch64)
    return between(attn_runtime_aarch64_begin, attn_runtime_aarch64_end);
  return {};
}

StringRef attn::artifact::ffiRuntimeObject(StringRef triple) {
  llvm::Triple::ArchType arch = llvm::Triple(triple).getArch();
  if (arch == llvm::Triple::x86_64)
    return between(attn_runtime_ffi_x86_64_begin, attn_runtime_ffi_x86_64_end);
  if (arch == llvm::Triple::aarch64)
    return between(attn_runtime_ffi_aarch64_begin,
                   attn_runtime_ffi_aarch64_end);
  return {};
}

StringRef attn::artifact::poolRuntimeObject(StringRef triple) {
  llvm::Triple::ArchType arch = llvm::Triple(triple).getArch();
  if (arch == llvm::Triple::x86_64)
    return between(attn_runtime_pool_x86_64_begin,
                   attn_runtime_pool_x86_64_end);
  if (arch == llvm::Triple::aarch64)
    return between(attn_runtime_pool_aarch64_begin,
                   attn_runtime_pool_aarch64_end);
  return {};
}

StringRef attn::artifact::runtimeHeader() {
  return between(attn_runtime_header_begin, attn_runtime_header_end);
}

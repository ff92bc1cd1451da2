# A toolchain for attnc itself as a program of aarch64 Debian: its packages lie
# unpacked in ATTN_SYSROOT, and what is run is emulated.

set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES ATTN_SYSROOT)
set(CMAKE_SYSROOT ${ATTN_SYSROOT})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)

foreach(language C CXX)
  set(CMAKE_${language}_COMPILER_TARGET aarch64-linux-gnu)
endforeach()
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -L ${ATTN_SYSROOT})

# The runtime that attnc carries is compiled as it would be there.
set(ATTN_RUNTIME_CLANG ${CMAKE_CROSSCOMPILING_EMULATOR}
  ${ATTN_SYSROOT}/usr/lib/llvm-22/bin/clang)
set(ATTN_RUNTIME_LLD ${CMAKE_CROSSCOMPILING_EMULATOR}
  ${ATTN_SYSROOT}/usr/lib/llvm-22/bin/ld.lld)
set(MLIR_DIR ${ATTN_SYSROOT}/usr/lib/llvm-22/lib/cmake/mlir CACHE PATH
  "MLIR's CMake package")

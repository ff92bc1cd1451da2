# Finds MLIR and LLVM 22.1, asking llvm-config-22 where they are.

if(NOT MLIR_DIR)
  find_program(ATTN_LLVM_CONFIG NAMES llvm-config-22 llvm-config REQUIRED)
  execute_process(COMMAND ${ATTN_LLVM_CONFIG} --prefix
    OUTPUT_VARIABLE ATTN_LLVM_PREFIX OUTPUT_STRIP_TRAILING_WHITESPACE
    COMMAND_ERROR_IS_FATAL ANY)
  set(MLIR_DIR ${ATTN_LLVM_PREFIX}/lib/cmake/mlir CACHE PATH "MLIR's CMake package")
endif()

# The package carries no compatibility file: the version is checked by hand.
find_package(MLIR REQUIRED CONFIG)
if(NOT LLVM_PACKAGE_VERSION MATCHES "^22\\.1\\.")
  message(FATAL_ERROR
    "attnc needs MLIR and LLVM 22.1, found ${LLVM_PACKAGE_VERSION} in ${MLIR_DIR}")
endif()
find_package(fmt REQUIRED)

include_directories(${CMAKE_SOURCE_DIR})  # TableGen reads directory properties
include_directories(SYSTEM ${MLIR_INCLUDE_DIRS} ${LLVM_INCLUDE_DIRS})
list(APPEND CMAKE_MODULE_PATH ${MLIR_CMAKE_DIR} ${LLVM_CMAKE_DIR})
include(TableGen)
include(AddLLVM)
include(AddMLIR)
if(CMAKE_CROSSCOMPILING)
  # The package's own is a program of the other machine.
  find_program(ATTN_TABLEGEN NAMES mlir-tblgen-22 mlir-tblgen REQUIRED)
  set(MLIR_TABLEGEN_EXE ${ATTN_TABLEGEN})
endif()

# AddMLIR links LLVM component libraries by default; the shared ones serve.
set(LLVM_LINK_LLVM_DYLIB ON)
set(MLIR_LINK_MLIR_DYLIB ON)

# How attnc's own libraries and tools are built: one precompiled header, the
# shared MLIR and LLVM, warnings and sanitizers for our code alone.

find_program(ATTN_CCACHE ccache)
if(ATTN_CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${ATTN_CCACHE})
  # A precompiled header is only cacheable when its time stamp does not count.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
    CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
    CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} ${ATTN_CCACHE})
endif()

# Numbers that attnc computes reach its output: they are rounded as written, also
# where the machine could fuse a product and a sum.
add_library(attn_options INTERFACE)
target_include_directories(attn_options INTERFACE
  ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
target_include_directories(attn_options SYSTEM INTERFACE
  ${MLIR_INCLUDE_DIRS} ${LLVM_INCLUDE_DIRS})
target_compile_options(attn_options INTERFACE
  -Wall -Wextra -Wno-unused-parameter
  $<$<COMPILE_LANGUAGE:CXX>:-fno-exceptions;-ffp-contract=off>
  $<$<CXX_COMPILER_ID:Clang>:$<$<COMPILE_LANGUAGE:CXX>:-Xclang;-fno-pch-timestamp>>
  $<$<BOOL:${ATTN_WERROR}>:-Werror>
  $<$<BOOL:${ATTN_ASSERTS}>:-UNDEBUG>)
if(ATTN_SANITIZE)
  target_compile_options(attn_options INTERFACE
    -fsanitize=${ATTN_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(attn_options INTERFACE -fsanitize=${ATTN_SANITIZE})
endif()
target_link_libraries(attn_options INTERFACE MLIR LLVM fmt::fmt)

# The one precompiled header, reused everywhere.
file(WRITE ${CMAKE_BINARY_DIR}/attn_pch.cpp "// carries the precompiled header\n")
add_library(attn_pch OBJECT ${CMAKE_BINARY_DIR}/attn_pch.cpp)
target_link_libraries(attn_pch PRIVATE attn_options)
target_precompile_headers(attn_pch PRIVATE
  <mlir/Dialect/Arith/IR/Arith.h>
  <mlir/Dialect/Func/IR/FuncOps.h>
  <mlir/Dialect/SCF/IR/SCF.h>
  <mlir/IR/Builders.h>
  <mlir/IR/BuiltinOps.h>
  <mlir/IR/DialectImplementation.h>
  <mlir/IR/OpImplementation.h>
  <mlir/IR/PatternMatch.h>
  <mlir/Pass/Pass.h>
  <mlir/Transforms/DialectConversion.h>
  <llvm/ADT/TypeSwitch.h>)

# attn_add_library(NAME SOURCES... [LINK libs...] [DEPENDS targets...])
function(attn_add_library name)
  cmake_parse_arguments(ARG "" "" "LINK;DEPENDS" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PUBLIC attn_options ${ARG_LINK})
  target_precompile_headers(${name} REUSE_FROM attn_pch)
  if(ARG_DEPENDS)
    add_dependencies(${name} ${ARG_DEPENDS})
  endif()
endfunction()

# attn_add_tool(NAME SOURCES... [LINK libs...])
function(attn_add_tool name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  if(ATTN_SANITIZE MATCHES "address")
    target_sources(${name} PRIVATE ${CMAKE_SOURCE_DIR}/tools/cmake/asan_options.cpp)
  endif()
  target_link_libraries(${name} PRIVATE attn_options ${ARG_LINK})
  target_precompile_headers(${name} REUSE_FROM attn_pch)
endfunction()

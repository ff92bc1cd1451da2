# What `cmake --install` gives: the tools, and a CMake package for engines. The
# tree may be moved; nothing in it names the place it was built in. The build tree
# is a package too.

include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

foreach(tool attnc attn-opt attn-lsp-server)
  if(TARGET ${tool})
    # MLIR's shared libraries stay where their package put them.
    set_target_properties(${tool} PROPERTIES INSTALL_RPATH_USE_LINK_PATH ON)
    install(TARGETS ${tool} RUNTIME)
  endif()
endforeach()

# The package of a tree that is, or comes to lie, in `prefix`.
function(attn_configure_package file destination prefix tools_dir)
  set(ATTN_TOOLS_DIR ${tools_dir})
  configure_package_config_file(tools/cmake/attncConfig.cmake.in ${file}
    INSTALL_DESTINATION ${destination} INSTALL_PREFIX ${prefix}
    PATH_VARS ATTN_TOOLS_DIR)
endfunction()

set(ATTN_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/attnc)
set(ATTN_INSTALLED_CONFIG ${CMAKE_BINARY_DIR}/installed/attncConfig.cmake)
attn_configure_package(${CMAKE_BINARY_DIR}/attncConfig.cmake
  . ${CMAKE_BINARY_DIR} bin)
attn_configure_package(${ATTN_INSTALLED_CONFIG}
  ${ATTN_PACKAGE_DIR} ${CMAKE_INSTALL_PREFIX} ${CMAKE_INSTALL_BINDIR})
write_basic_package_version_file(attncConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES
  ${ATTN_INSTALLED_CONFIG}
  ${CMAKE_BINARY_DIR}/attncConfigVersion.cmake
  DESTINATION ${ATTN_PACKAGE_DIR})
# Pages and what they link to, where the links of the README find them.
install(FILES CHANGELOG.md LICENSE README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY examples DESTINATION ${CMAKE_INSTALL_DOCDIR}
  PATTERN __pycache__ EXCLUDE)
file(GLOB_RECURSE attn_pages RELATIVE ${PROJECT_SOURCE_DIR} CONFIGURE_DEPENDS
  codegen/*.md compiler/*.md dialects/*.md dialects/*.td passes/*.md runtime/*.md)
foreach(page IN LISTS attn_pages)
  cmake_path(GET page PARENT_PATH folder)
  install(FILES ${page} DESTINATION ${CMAKE_INSTALL_DOCDIR}/${folder})
endforeach()

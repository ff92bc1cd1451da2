# What `cmake --install` gives: the tools, and a CMake package for engines. The
# tree may be moved; nothing in it names the place it was built in.

include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

foreach(tool attnc attn-opt attn-lsp-server)
  if(TARGET ${tool})
    # MLIR's shared libraries stay where their package put them.
    set_target_properties(${tool} PROPERTIES INSTALL_RPATH_USE_LINK_PATH ON)
    install(TARGETS ${tool} RUNTIME)
  endif()
endforeach()

set(ATTN_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/attnc)
configure_package_config_file(
  tools/cmake/attncConfig.cmake.in attncConfig.cmake
  INSTALL_DESTINATION ${ATTN_PACKAGE_DIR}
  PATH_VARS CMAKE_INSTALL_BINDIR)
write_basic_package_version_file(attncConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES
  ${CMAKE_BINARY_DIR}/attncConfig.cmake
  ${CMAKE_BINARY_DIR}/attncConfigVersion.cmake
  DESTINATION ${ATTN_PACKAGE_DIR})
install(FILES CHANGELOG.md LICENSE README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})

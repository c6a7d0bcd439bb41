# What `cmake --install` puts where: the public headers, the library, the program, and how CMake (find_package) and
# pkg-config find them. The rooms' own compile flags and LibTorch's headers stay out of what a user of the library gets.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

function(deltascape_install)
  set(package ${CMAKE_INSTALL_LIBDIR}/cmake/deltascape)
  target_include_directories(deltascape INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  # Defined by deltascapeConfig.cmake.
  target_link_libraries(deltascape INTERFACE $<INSTALL_INTERFACE:$<LINK_ONLY:deltascape::dependencies>>)
  target_compile_features(deltascape INTERFACE cxx_std_20)
  install(TARGETS deltascape EXPORT deltascapeTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(DIRECTORY include/deltascape DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN *.h)
  install(EXPORT deltascapeTargets NAMESPACE deltascape:: DESTINATION ${package})

  set(generated ${PROJECT_BINARY_DIR}/package)
  configure_package_config_file(cmake/deltascapeConfig.cmake.in ${generated}/deltascapeConfig.cmake
    INSTALL_DESTINATION ${package} NO_SET_AND_CHECK_MACRO)
  write_basic_package_version_file(${generated}/deltascapeConfigVersion.cmake COMPATIBILITY SameMinorVersion)
  install(FILES ${generated}/deltascapeConfig.cmake ${generated}/deltascapeConfigVersion.cmake cmake/FindLibTorch.cmake
    DESTINATION ${package})

  # pkg-config knows no imported targets: LibTorch's libraries and options by name.
  get_target_property(torch LibTorch::LibTorch INTERFACE_LINK_LIBRARIES)
  get_target_property(torch_options LibTorch::LibTorch INTERFACE_LINK_OPTIONS)
  list(REMOVE_ITEM torch Threads::Threads)
  list(TRANSFORM torch REPLACE "^([^/]+)$" "-l\\1")
  list(JOIN torch " " DELTASCAPE_PC_TORCH)
  list(JOIN torch_options " " DELTASCAPE_PC_TORCH_OPTIONS)
  file(RELATIVE_PATH DELTASCAPE_PC_UP /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
  string(REGEX REPLACE "/$" "" DELTASCAPE_PC_UP ${DELTASCAPE_PC_UP})
  set(DELTASCAPE_PC_REQUIRES "libxxhash, libpcre2-8, zlib, oniguruma, libutf8proc, sqlite3")
  if(DELTASCAPE_DOWNLOADS)
    string(APPEND DELTASCAPE_PC_REQUIRES ", libcurl, libcrypto")
  endif()
  configure_file(cmake/deltascape.pc.in ${generated}/deltascape.pc @ONLY)
  install(FILES ${generated}/deltascape.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

  # Where the program finds LibTorch.
  set_target_properties(deltascape_cli PROPERTIES INSTALL_RPATH_USE_LINK_PATH ON)
  install(TARGETS deltascape_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endfunction()

# Owns compiler and linker settings: every target takes them from the one interface target deltascape_flags.
option(DELTASCAPE_ASSERTS "Keep assert() in optimised builds" OFF)
option(DELTASCAPE_SANITIZE "Build with address and undefined-behaviour sanitizers" OFF)
option(DELTASCAPE_FUZZ "Build the fuzz targets alone (Clang; no LibTorch is needed)" OFF)

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

find_program(DELTASCAPE_CCACHE ccache)
if(DELTASCAPE_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${DELTASCAPE_CCACHE})
endif()

add_library(deltascape_flags INTERFACE)
# -ffp-contract=off: dequantised values must equal the reference's to the last bit on every machine.
# Designated initialisers leave members at their defaults on purpose.
target_compile_options(deltascape_flags INTERFACE -Wall -Wextra -Wno-missing-field-initializers -ffp-contract=off)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # GCC 12 sees overflows in std::string's own operator+ (GCC bug 105651).
  target_compile_options(deltascape_flags INTERFACE -Wno-restrict -Wno-stringop-overflow)
endif()
target_include_directories(deltascape_flags INTERFACE
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src> $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>)
# Files are hostile: an index behind a vector's or a string's end is an abort, not a read of something else.
target_compile_definitions(deltascape_flags INTERFACE DELTASCAPE_VERSION="${PROJECT_VERSION}" _GLIBCXX_ASSERTIONS)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND DELTASCAPE_CCACHE)
  target_compile_options(deltascape_flags INTERFACE -fpch-preprocess)
endif()
if(DELTASCAPE_ASSERTS)
  target_compile_options(deltascape_flags INTERFACE -UNDEBUG)
endif()
if(DELTASCAPE_SANITIZE)
  target_compile_options(deltascape_flags INTERFACE -fsanitize=address,undefined -fno-omit-frame-pointer)
  target_link_options(deltascape_flags INTERFACE -fsanitize=address,undefined)
endif()
if(DELTASCAPE_FUZZ)
  set(sanitizers -fsanitize=address,undefined,float-cast-overflow -fno-sanitize-recover=all)
  target_compile_options(deltascape_flags INTERFACE ${sanitizers} -fsanitize=fuzzer-no-link -fno-omit-frame-pointer)
  target_link_options(deltascape_flags INTERFACE ${sanitizers})
endif()

find_program(DELTASCAPE_MOLD mold)
if(DELTASCAPE_MOLD)
  target_link_options(deltascape_flags INTERFACE -fuse-ld=mold)
endif()

# Owns the build with Clang's sanitizers (preset fuzz), of what needs no LibTorch: the fuzz targets (scripts/fuzz.sh), and
# with DELTASCAPE_ROOM_TESTS the rooms' tests (scripts/check.sh).
option(DELTASCAPE_ROOM_TESTS "The tests of the rooms without LibTorch too, under sanitizers" OFF)
if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  message(FATAL_ERROR "the fuzz targets need Clang's libFuzzer: cmake --preset fuzz -DCMAKE_CXX_COMPILER=clang++")
endif()
find_package(nlohmann_json 3.10 REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(ZLIB REQUIRED)
find_package(SQLite3 REQUIRED)
pkg_check_modules(pcre2 REQUIRED IMPORTED_TARGET libpcre2-8)
include(Oniguruma)
pkg_check_modules(utf8proc REQUIRED IMPORTED_TARGET libutf8proc)
pkg_check_modules(xxhash REQUIRED IMPORTED_TARGET libxxhash)

# Instrumented code takes the optimiser long; a report needs lines, not variables.
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O1 -gline-tables-only -DNDEBUG")
set(DELTASCAPE_TEST_FLAGS -O1)

file(GLOB sources CONFIGURE_DEPENDS src/core/*.cpp src/io/*.cpp src/text/*.cpp src/store/*.cpp)
# What of the rooms with LibTorch only reads configurations.
list(APPEND sources src/model/architecture.cpp src/model/fingerprint.cpp src/adapter/keys.cpp src/adapter/kinds.cpp
  src/adapter/kind_options.cpp src/adapter/peft_config.cpp src/adapter/targeting.cpp src/adapter/gguf_lora.cpp)
file(GLOB specs CONFIGURE_DEPENDS src/model/spec*.cpp src/model/families*.cpp)
add_library(deltascape_readers STATIC ${sources} ${specs})
target_link_libraries(deltascape_readers PUBLIC deltascape_flags nlohmann_json::nlohmann_json ZLIB::ZLIB
  SQLite::SQLite3 PkgConfig::pcre2 deltascape_oniguruma PkgConfig::utf8proc PkgConfig::xxhash)

# A fuzzer's changes to an archive's entry must reach what reads it: no checksums.
add_library(deltascape_fuzzed OBJECT src/io/zip_read.cpp)
target_compile_definitions(deltascape_fuzzed PRIVATE FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION)
target_link_libraries(deltascape_fuzzed PRIVATE deltascape_readers)

add_custom_target(fuzz_targets)
file(GLOB targets CONFIGURE_DEPENDS tests/fuzz/*_fuzz.cpp)
foreach(file ${targets})
  get_filename_component(name ${file} NAME_WE)
  add_executable(${name} ${file} $<TARGET_OBJECTS:deltascape_fuzzed>)
  target_link_libraries(${name} PRIVATE deltascape_readers)
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  add_dependencies(fuzz_targets ${name})
endforeach()

if(DELTASCAPE_ROOM_TESTS)
  find_package(GTest REQUIRED)
  find_package(CURL 7.68 REQUIRED)
  find_package(OpenSSL 1.1.1 REQUIRED COMPONENTS Crypto)
  include(Assorthead)
  file(GLOB others CONFIGURE_DEPENDS src/hub/*.cpp src/landscape/*.cpp src/report/*.cpp)
  add_library(deltascape_others STATIC ${others})
  deltascape_embed_files(deltascape_others report/page.h ${DELTASCAPE_PAGE})
  target_compile_definitions(deltascape_others PRIVATE DELTASCAPE_DOWNLOADS)
  target_link_libraries(deltascape_others PUBLIC deltascape_readers CURL::libcurl OpenSSL::Crypto
    PRIVATE deltascape_assorthead)
  add_custom_target(room_tests)
  foreach(room core io hub text store landscape report)
    add_library(deltascape_${room}_usage INTERFACE)
    target_link_libraries(deltascape_${room}_usage INTERFACE deltascape_others)
    deltascape_room_test_program(${room})
    add_dependencies(room_tests ${room}_test)
  endforeach()
  deltascape_write_gtests()
endif()

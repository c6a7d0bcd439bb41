# Owns the build of the fuzz targets (preset fuzz; scripts/fuzz.sh): the rooms that read files, without LibTorch.
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

file(GLOB sources CONFIGURE_DEPENDS src/core/*.cpp src/io/*.cpp src/text/*.cpp src/store/*.cpp)
# What of the rooms with LibTorch only reads configurations.
list(APPEND sources src/model/architecture.cpp src/model/fingerprint.cpp src/adapter/keys.cpp src/adapter/kinds.cpp
  src/adapter/kind_options.cpp src/adapter/peft_config.cpp src/adapter/targeting.cpp src/adapter/gguf_lora.cpp)
file(GLOB specs CONFIGURE_DEPENDS src/model/spec*.cpp src/model/families*.cpp)
add_library(deltascape_readers STATIC ${sources} ${specs})
target_link_libraries(deltascape_readers PUBLIC deltascape_flags nlohmann_json::nlohmann_json ZLIB::ZLIB
  SQLite::SQLite3 PkgConfig::pcre2 deltascape_oniguruma PkgConfig::utf8proc PkgConfig::xxhash)

file(GLOB targets CONFIGURE_DEPENDS tests/fuzz/*_fuzz.cpp)
foreach(file ${targets})
  get_filename_component(name ${file} NAME_WE)
  add_executable(${name} ${file})
  target_link_libraries(${name} PRIVATE deltascape_readers)
endforeach()

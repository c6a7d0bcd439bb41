# How tests/ROOM/*_test.cpp become a test program, and what ctest runs of it.

# What kind of test this is, for `ctest -L KIND`, and the seconds after which it hangs (some twenty times what it takes).
# Kinds that take longer start first, so that no core is idle at the end.
#   unit    one room's own rules, seconds         parity  beside transformers, PEFT and tokenizers, or a training
#   slow    the program as a whole, many runs     kill    killed in the middle         fuzz    short runs of the targets
set(DELTASCAPE_SECONDS_unit 600)
set(DELTASCAPE_SECONDS_parity 3000)
set(DELTASCAPE_SECONDS_slow 3600)
set(DELTASCAPE_SECONDS_kill 1800)
set(DELTASCAPE_SECONDS_fuzz 1800)

# Cases that are of another kind than the rest of their room: NAME_parity, NAME_slow … are tests of their own.
set(DELTASCAPE_text_parity "TokenizerGoldens.*:Detokenizer.Gives*")
set(DELTASCAPE_text_slow "Pieces.AMegabyte*")
set(DELTASCAPE_landscape_slow
  "Project.ManyRows*:Many.*:Cluster.ManyVariants*:Fits.*:NearestRows.OfMany*:KMeans.FindsTheGroups*:*Golden.*/4")
set(DELTASCAPE_store_kill "*.AKill*")
set(DELTASCAPE_hub_kill "*.AKill*")
set(DELTASCAPE_study_unit "Metrics.*:Paired.*:StudyFile.*:TrainSettings.*")
set(DELTASCAPE_parity_rooms pass lm represent train study)

function(deltascape_kind test kind)
  set_tests_properties(${test} PROPERTIES LABELS ${kind} TIMEOUT ${DELTASCAPE_SECONDS_${kind}}
    COST ${DELTASCAPE_SECONDS_${kind}})
endfunction()

# deltascape_gtest(NAME PROGRAM KIND FILTER): ctest runs the cases of PROGRAM that FILTER names (cmake/RoomTests.cmake).
function(deltascape_gtest name program kind filter)
  set_property(GLOBAL APPEND_STRING PROPERTY DELTASCAPE_GTESTS
    "deltascape_gtest(${name} \"$<TARGET_FILE:${program}>\" ${kind} ${DELTASCAPE_SECONDS_${kind}} \"${filter}\")\n")
endfunction()

# The tests of a room's program: one a kind.
function(deltascape_room_tests room)
  set(usual unit)
  if(room IN_LIST DELTASCAPE_parity_rooms)
    set(usual parity)
  endif()
  set(rest "*-")  # all but what follows
  foreach(kind unit parity slow kill)
    if(DELTASCAPE_${room}_${kind})
      deltascape_gtest(${room}_${kind} ${room}_test ${kind} "${DELTASCAPE_${room}_${kind}}")
      string(APPEND rest "${DELTASCAPE_${room}_${kind}}:")
    endif()
  endforeach()
  deltascape_gtest(${room} ${room}_test ${usual} "${rest}")
endfunction()

# Test code is compiled without optimisation and with the headers that most of it includes precompiled: a third of the
# time. The library keeps its own flags; its objects come first in the link, so a template that both instantiate is the
# library's. TORCH precompiles LibTorch's headers too.
set(DELTASCAPE_TEST_HEADERS <gmock/gmock.h> <nlohmann/json.hpp> <algorithm> <cmath> <filesystem> <fstream> <functional>
  <map> <random> <set> <sstream> <thread>)
set(DELTASCAPE_TEST_FLAGS -O0)
# These compute on many rows themselves.
set(DELTASCAPE_OPTIMISED_TESTS tests/landscape/noise_test.cpp tests/landscape/projection_test.cpp
  tests/landscape/scale_test.cpp)

function(deltascape_test_code program)
  cmake_parse_arguments(CODE "TORCH" "" "" ${ARGN})
  if(CODE_TORCH)
    set(pch deltascape_torch_test_pch)
  else()
    set(pch deltascape_test_pch)
  endif()
  if(NOT TARGET ${pch})
    file(WRITE ${PROJECT_BINARY_DIR}/${pch}.cpp "")
    add_library(${pch} OBJECT ${PROJECT_BINARY_DIR}/${pch}.cpp)
    target_link_libraries(${pch} PRIVATE deltascape_flags nlohmann_json::nlohmann_json GTest::gmock GTest::gtest_main)
    target_precompile_headers(${pch} PRIVATE ${DELTASCAPE_TEST_HEADERS})
    if(CODE_TORCH)
      target_link_libraries(${pch} PRIVATE LibTorch::LibTorch)
      target_precompile_headers(${pch} PRIVATE <ATen/ATen.h>)
    endif()
    target_compile_options(${pch} PRIVATE ${DELTASCAPE_TEST_FLAGS})
  endif()
  target_precompile_headers(${program} REUSE_FROM ${pch})
  # Programs get -fPIE where the precompiled header has -fPIC; the later flag wins and the header is usable.
  target_compile_options(${program} PRIVATE ${DELTASCAPE_TEST_FLAGS} -fPIC)
  target_link_libraries(${program} PRIVATE GTest::gmock GTest::gtest_main)
  target_include_directories(${program} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
endfunction()

# The test program of a room, of its objects and those of the rooms that it sees.
function(deltascape_room_test_program room)
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/${room}/*_test.cpp)
  if(NOT sources)
    return()
  endif()
  add_executable(${room}_test ${sources})
  target_link_libraries(${room}_test PRIVATE deltascape_${room}_usage)
  get_property(seen GLOBAL PROPERTY DELTASCAPE_SEEN_${room})
  foreach(other ${seen})
    if(TARGET deltascape_${other})
      target_sources(${room}_test PRIVATE $<TARGET_OBJECTS:deltascape_${other}>)
    endif()
  endforeach()
  set(torch)
  if(TARGET deltascape_${room})
    get_target_property(torch deltascape_${room} PRECOMPILE_HEADERS_REUSE_FROM)
  endif()
  if(torch)
    deltascape_test_code(${room}_test TORCH)
  else()
    deltascape_test_code(${room}_test)
  endif()
  deltascape_room_tests(${room})
endfunction()

function(deltascape_tests)
  if(NOT BUILD_TESTING)
    return()
  endif()
  find_package(GTest REQUIRED)
  set_source_files_properties(${DELTASCAPE_OPTIMISED_TESTS} PROPERTIES COMPILE_OPTIONS -O2 SKIP_PRECOMPILE_HEADERS ON)
  get_property(rooms GLOBAL PROPERTY DELTASCAPE_ROOMS)
  foreach(room ${rooms})
    deltascape_room_test_program(${room})
  endforeach()
  if(EXISTS ${PROJECT_SOURCE_DIR}/tests/CMakeLists.txt)
    add_subdirectory(tests)
  endif()
  deltascape_write_gtests()
endfunction()

# What ctest reads: the tests that deltascape_gtest() was told.
function(deltascape_write_gtests)
  get_property(entries GLOBAL PROPERTY DELTASCAPE_GTESTS)
  file(GENERATE OUTPUT ${PROJECT_BINARY_DIR}/gtests.cmake CONTENT
    "set(source \"${PROJECT_SOURCE_DIR}\")\nset(build \"${PROJECT_BINARY_DIR}\")\ninclude(\"${PROJECT_SOURCE_DIR}/cmake/RoomTests.cmake\")\n${entries}")
  set_property(DIRECTORY ${PROJECT_SOURCE_DIR} APPEND PROPERTY TEST_INCLUDE_FILES ${PROJECT_BINARY_DIR}/gtests.cmake)
endfunction()

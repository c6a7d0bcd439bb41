# Read by ctest, after the build's folders `source` and `build` are set: what of a GoogleTest program is a test.
# Plainly that is one process for all cases of a kind: starting a program that loads LibTorch takes 0.3 s to 0.4 s,
# and for each of 1500 cases that would be ten minutes. With `ctest -C cases` every case is a test: ROOM.SUITE.CASE.
set(environment "DELTASCAPE_SOURCE_DIR=${source}" "DELTASCAPE_BINARY_DIR=${build}" "DELTASCAPE_GOLDENS=${build}/goldens"
  OMP_WAIT_POLICY=passive HF_HUB_OFFLINE=1)

# What `--gtest_list_tests` prints: a suite with its dot on a line of its own, its cases indented below.
function(deltascape_cases name program kind seconds filter)
  execute_process(COMMAND env ${environment} ${program} --gtest_list_tests --gtest_filter=${filter}
    OUTPUT_VARIABLE listed RESULT_VARIABLE failed ERROR_QUIET)
  if(NOT failed EQUAL 0)  # not built, or it does not start: shown as a test that cannot run
    add_test(${name} ${program})
    return()
  endif()
  string(REPLACE ";" "," listed "${listed}")
  string(REGEX REPLACE "\n" ";" lines "${listed}")
  foreach(line IN LISTS lines)
    string(REGEX REPLACE " *#.*" "" line "${line}")
    if(line MATCHES "^([^ ]+\\.)$")
      set(suite ${CMAKE_MATCH_1})
    elseif(line MATCHES "^  (.+)$")
      set(case ${suite}${CMAKE_MATCH_1})
      string(REGEX REPLACE "_(unit|parity|slow|kill)$" "" room ${name})
      add_test(${room}.${case} ${program} --gtest_filter=${case})
      set_tests_properties(${room}.${case} PROPERTIES LABELS ${kind} TIMEOUT ${seconds}
        SKIP_REGULAR_EXPRESSION "\\[  SKIPPED \\]" ENVIRONMENT "${environment}")
    endif()
  endforeach()
endfunction()

# A report for scripts/test_summary.py lies in test-results, what was compared with an oracle in coverage.
function(deltascape_gtest name program kind seconds filter)
  if(CTEST_CONFIGURATION_TYPE STREQUAL "cases")
    deltascape_cases(${name} ${program} ${kind} ${seconds} "${filter}")
    return()
  endif()
  add_test(${name} ${program} --gtest_filter=${filter})
  set_tests_properties(${name} PROPERTIES LABELS ${kind} TIMEOUT ${seconds} COST ${seconds} ENVIRONMENT
    "${environment};DELTASCAPE_COVERAGE=${build}/coverage;GTEST_OUTPUT=xml:${build}/test-results/${name}.xml")
endfunction()

# How GoogleTest programs become tests of ctest.
set(MYNAH_TEST_SHARDS 0 CACHE STRING "0: a ctest test for each test. N: each test program in N parts, for builds where \
starting a program takes longer than most of its tests (sanitizers)")

include(GoogleTest)

# mynah_discover_tests(TARGET [PREFIX TEXT] [SUFFIX TEXT] [FILTER PATTERN] [TIMEOUT SECONDS] [COST NUMBER]
#                      [ENVIRONMENT NAME=VALUE...])
function(mynah_discover_tests TARGET)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "PREFIX;SUFFIX;FILTER;TIMEOUT;COST" "ENVIRONMENT")
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 600)
  endif()
  if(MYNAH_TEST_SHARDS GREATER 0)
    math(EXPR last "${MYNAH_TEST_SHARDS} - 1")
    foreach(shard RANGE ${last})
      set(name ${arg_PREFIX}${TARGET}${arg_SUFFIX}.part_${shard})
      add_test(NAME ${name} COMMAND ${TARGET} --gtest_brief=1 $<$<BOOL:${arg_FILTER}>:--gtest_filter=${arg_FILTER}>
               COMMAND_EXPAND_LISTS)
      set_tests_properties(${name} PROPERTIES TIMEOUT 3600 ENVIRONMENT
        "GTEST_TOTAL_SHARDS=${MYNAH_TEST_SHARDS};GTEST_SHARD_INDEX=${shard};${arg_ENVIRONMENT}")
    endforeach()
    return()
  endif()
  set(properties TIMEOUT ${arg_TIMEOUT})
  if(arg_COST)
    list(APPEND properties COST ${arg_COST})
  endif()
  if(arg_ENVIRONMENT)
    list(APPEND properties ENVIRONMENT "${arg_ENVIRONMENT}")
  endif()
  gtest_discover_tests(${TARGET} TEST_PREFIX "${arg_PREFIX}" TEST_SUFFIX "${arg_SUFFIX}" TEST_FILTER "${arg_FILTER}"
                       DISCOVERY_TIMEOUT 60 PROPERTIES ${properties})
endfunction()

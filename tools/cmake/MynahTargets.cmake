# Options of mynah's own sources. All are PRIVATE: a program that links mynah inherits none of them.
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES AND PROJECT_IS_TOP_LEVEL)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

find_program(MYNAH_CCACHE ccache)
if(MYNAH_CCACHE AND PROJECT_IS_TOP_LEVEL)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${MYNAH_CCACHE})
  set(CMAKE_CUDA_COMPILER_LAUNCHER ${MYNAH_CCACHE})
endif()

function(mynah_target_options TARGET)
  target_compile_features(${TARGET} PUBLIC cxx_std_20)
  set_target_properties(${TARGET} PROPERTIES CXX_EXTENSIONS OFF POSITION_INDEPENDENT_CODE ON)
  target_compile_options(${TARGET} PRIVATE
    $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -ffp-contract=fast>
    # GCC 12 warns of overlapping copies inside std::string's own operator+ (GCC bug 105651).
    $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-restrict>
    $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<BOOL:${MYNAH_WARNINGS_AS_ERRORS}>>:-Werror>
    $<$<AND:$<COMPILE_LANGUAGE:CUDA>,$<BOOL:${MYNAH_WARNINGS_AS_ERRORS}>>:-Werror=all-warnings>)
  if(MYNAH_SANITIZE)
    target_compile_options(${TARGET} PRIVATE
      $<$<COMPILE_LANGUAGE:CXX>:-fsanitize=${MYNAH_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -g1>)
    target_link_options(${TARGET} PUBLIC -fsanitize=${MYNAH_SANITIZE})
  endif()
endfunction()

# One object library a room, so that the same objects serve the library and the CUDA-on-CPU build of it.
function(mynah_room NAME)
  add_library(mynah_${NAME} OBJECT ${ARGN})
  mynah_target_options(mynah_${NAME})
  target_include_directories(mynah_${NAME} PUBLIC ${PROJECT_SOURCE_DIR})
endfunction()

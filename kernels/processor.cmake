# The float operations of kernels/eigen/vectorized, once for each instruction set; kernels/processor.cpp chooses among
# them when the program runs, so that one binary is right for every processor.
set(MYNAH_VECTORIZED ${CMAKE_CURRENT_SOURCE_DIR}/eigen/vectorized)
target_sources(mynah_eigen PRIVATE ${MYNAH_VECTORIZED}/generic.cpp)
set(MYNAH_VECTORIZED_OPTIONS $<$<NOT:$<CONFIG:Debug>>:-O3> -fno-math-errno -fno-trapping-math)
set_source_files_properties(${MYNAH_VECTORIZED}/generic.cpp PROPERTIES COMPILE_OPTIONS "${MYNAH_VECTORIZED_OPTIONS}")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
  target_sources(mynah_eigen PRIVATE ${MYNAH_VECTORIZED}/avx2.cpp ${MYNAH_VECTORIZED}/avx512.cpp)
  # Tuning by name, so that the machine that compiles has no say.
  set_source_files_properties(${MYNAH_VECTORIZED}/avx2.cpp PROPERTIES COMPILE_OPTIONS
    "${MYNAH_VECTORIZED_OPTIONS};-mavx2;-mfma;-mtune=haswell")
  set_source_files_properties(${MYNAH_VECTORIZED}/avx512.cpp PROPERTIES COMPILE_OPTIONS
    "${MYNAH_VECTORIZED_OPTIONS};-mavx2;-mfma;-mavx512f;-mavx512bw;-mavx512dq;-mavx512vl;-mprefer-vector-width=512;-mtune=skylake-avx512")
endif()

# Decides whether the tasks that MuJoCo simulates are built. Sets MYNAH_WITH_MUJOCO (TRUE or FALSE), and
# MYNAH_MUJOCO_LIBRARY to what they link: MuJoCo::MuJoCo, or nothing.
set(MYNAH_WITH_MUJOCO FALSE)
set(MYNAH_MUJOCO_LIBRARY)
if(NOT MYNAH_MUJOCO STREQUAL "OFF")
  find_package(MuJoCo QUIET)
  if(MuJoCo_FOUND)
    set(MYNAH_WITH_MUJOCO TRUE)
    set(MYNAH_MUJOCO_LIBRARY MuJoCo::MuJoCo)
    message(STATUS "mynah: MuJoCo ${MuJoCo_VERSION}")
  elseif(MYNAH_MUJOCO STREQUAL "ON")
    message(FATAL_ERROR "mynah: MYNAH_MUJOCO=ON, but mujoco/mujoco.h and libmujoco were not found; install libmujoco-dev "
                        "(tools/setup does) or add MuJoCo's folder to CMAKE_PREFIX_PATH")
  endif()
endif()
if(NOT MYNAH_WITH_MUJOCO)
  message(STATUS "mynah: no MuJoCo found (or MYNAH_MUJOCO=OFF): building without the tasks that it simulates")
endif()

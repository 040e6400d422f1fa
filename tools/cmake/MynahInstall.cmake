# What `cmake --install` puts where: the library, its headers and the program, and the package that find_package(mynah)
# reads. The package names no path of the machine that built it, so that the folder may be moved.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(MYNAH_INSTALL_HEADERS ${CMAKE_INSTALL_INCLUDEDIR}/mynah)
set(MYNAH_INSTALL_PACKAGE ${CMAKE_INSTALL_LIBDIR}/cmake/mynah)

target_include_directories(mynah PUBLIC $<INSTALL_INTERFACE:${MYNAH_INSTALL_HEADERS}>)
install(TARGETS mynah EXPORT mynah ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
if(TARGET mynah_program)
  install(TARGETS mynah_program RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()

# Headers include each other by room ("engine/graph.h"). What lies in kernels' folders is the backends' own, but for the
# rules of the tasks, which a program may step by itself.
file(GLOB MYNAH_KERNEL_HEADERS CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/kernels/*.h)
install(FILES ${MYNAH_KERNEL_HEADERS} DESTINATION ${MYNAH_INSTALL_HEADERS}/kernels)
install(DIRECTORY kernels/dynamics DESTINATION ${MYNAH_INSTALL_HEADERS}/kernels FILES_MATCHING PATTERN "*.h")
# The names of choices, which kernels/linear_tuning.h is about.
install(FILES ${PROJECT_SOURCE_DIR}/kernels/cuda/linear_selection.h DESTINATION ${MYNAH_INSTALL_HEADERS}/kernels/cuda)
install(DIRECTORY engine algorithms DESTINATION ${MYNAH_INSTALL_HEADERS} FILES_MATCHING PATTERN "*.h")
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

install(EXPORT mynah NAMESPACE mynah:: FILE mynahTargets.cmake DESTINATION ${MYNAH_INSTALL_PACKAGE})
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/mynahConfig.cmake.in ${PROJECT_BINARY_DIR}/mynahConfig.cmake
                              INSTALL_DESTINATION ${MYNAH_INSTALL_PACKAGE})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/mynahConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/mynahConfig.cmake ${PROJECT_BINARY_DIR}/mynahConfigVersion.cmake
        DESTINATION ${MYNAH_INSTALL_PACKAGE})
if(MYNAH_WITH_MUJOCO)
  install(FILES ${CMAKE_CURRENT_LIST_DIR}/FindMuJoCo.cmake DESTINATION ${MYNAH_INSTALL_PACKAGE})
endif()

# Headers, libraries, and the package that makes `find_package(weir)` work.

include(CMakePackageConfigHelpers)

install(FILES weir.hpp DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/weir")
install(DIRECTORY mailbox supervision actors dead_letters stages pipeline node cli connectors testkit
  DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/weir" FILES_MATCHING PATTERN "*.hpp")

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/weir")
install(EXPORT weir NAMESPACE weir:: FILE weirTargets.cmake DESTINATION "${package_dir}")
configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/weirConfig.cmake.in"
  "${PROJECT_BINARY_DIR}/weirConfig.cmake" INSTALL_DESTINATION "${package_dir}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/weirConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES
  "${PROJECT_BINARY_DIR}/weirConfig.cmake"
  "${PROJECT_BINARY_DIR}/weirConfigVersion.cmake"
  "${PROJECT_SOURCE_DIR}/cmake/FindCAF.cmake"
  DESTINATION "${package_dir}")

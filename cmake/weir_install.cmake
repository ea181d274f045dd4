# Headers, libraries, and the package that makes `find_package(weir)` work.

include(CMakePackageConfigHelpers)

# All headers are installed, as the public ones need the others; the package says which ones are public.
set(rooms mailbox supervision actors dead_letters stages pipeline node cluster inspect cli connectors testkit)
foreach(room IN LISTS rooms)
  if(NOT IS_DIRECTORY "${PROJECT_SOURCE_DIR}/${room}")
    list(REMOVE_ITEM rooms ${room})
  endif()
endforeach()
install(FILES weir.hpp DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/weir")
install(DIRECTORY ${rooms}
  DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/weir" FILES_MATCHING PATTERN "*.hpp")

# "path  what it is for # comment": only the path counts.
set(public_headers_file "${PROJECT_SOURCE_DIR}/cmake/public_headers.txt")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${public_headers_file}")
file(STRINGS "${public_headers_file}" weir_public_headers REGEX "^[^# ]+\\.hpp")
list(TRANSFORM weir_public_headers REPLACE "[ #].*" "")

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

# Finds the C++ Actor Framework: targets CAF::core and, on request, CAF::io. CAF_VERSION is what was found.
#
# A CAF that brings its own CMake package (0.18 and later) is taken from there. Debian's 0.17.6 brings
# none: its headers and libraries are looked up, and its version is read from its headers.
#
# Whether a version will do is decided here: a package's own answer depends on its version (1.1 refuses every
# range, also one that it lies in), and then its headers would be found as those of no known version.

include(FindPackageHandleStandardArgs)

# --- a CMake package ---------------------------------------------------------------------------------

# Nothing has this version, so no package is loaded, and all that there are tell theirs.
find_package(CAF 0.0.0.1 EXACT CONFIG QUIET)
set(caf_configs ${CAF_CONSIDERED_CONFIGS})
set(caf_versions ${CAF_CONSIDERED_VERSIONS})
set(caf_found "") # for the message
foreach(config version IN ZIP_LISTS caf_configs caf_versions)
  find_package_check_version("${version}" caf_fits HANDLE_VERSION_RANGE)
  if(caf_fits AND NOT version STREQUAL unknown)
    cmake_path(GET config PARENT_PATH folder)
    find_package(CAF ${version} EXACT CONFIG QUIET PATHS "${folder}" NO_DEFAULT_PATH)
    if(CAF_FOUND AND TARGET CAF::core)
      foreach(component IN LISTS CAF_FIND_COMPONENTS)
        if(TARGET CAF::${component})
          set(CAF_${component}_FOUND TRUE)
        endif()
      endforeach()
      find_package_handle_standard_args(CAF CONFIG_MODE HANDLE_COMPONENTS HANDLE_VERSION_RANGE)
      return()
    endif()
  endif()
  list(APPEND caf_found "${version} (${config})")
endforeach()

# --- headers and libraries ---------------------------------------------------------------------------

# As "major.minor.patch"; "unknown" if the headers don't say.
function(caf_version_in headers result)
  set(lines "")
  foreach(header IN ITEMS config.hpp detail/build_config.hpp) # later ones say it in the second one
    if(EXISTS "${headers}/caf/${header}")
      file(STRINGS "${headers}/caf/${header}" found REGEX "^ *# *define +CAF_[A-Z_]*VERSION[A-Z_]* +[0-9]+")
      string(APPEND lines "${found};")
    endif()
  endforeach()
  set(version "")
  foreach(part IN ITEMS MAJOR MINOR PATCH)
    if(lines MATCHES "CAF_${part}_VERSION +([0-9]+)")
      list(APPEND version ${CMAKE_MATCH_1})
    endif()
  endforeach()
  list(LENGTH version parts)
  if(NOT parts EQUAL 3)
    # 0.17 has expressions there, of "#define CAF_VERSION 1706": major * 10000 + minor * 100 + patch. Later ones
    # say the parts themselves, and rightly so: in 1.1.0 the sum begins with a 0, and is octal.
    if(NOT lines MATCHES "CAF_VERSION +([1-9][0-9]*)")
      set(${result} unknown PARENT_SCOPE)
      return()
    endif()
    math(EXPR major "${CMAKE_MATCH_1} / 10000")
    math(EXPR minor "${CMAKE_MATCH_1} / 100 % 100")
    math(EXPR patch "${CMAKE_MATCH_1} % 100")
    set(version ${major} ${minor} ${patch})
  endif()
  list(JOIN version . version)
  set(${result} ${version} PARENT_SCOPE)
endfunction()

find_path(CAF_INCLUDE_DIR caf/config.hpp)
mark_as_advanced(CAF_INCLUDE_DIR)
set(required_variables CAF_INCLUDE_DIR)

unset(CAF_VERSION)
if(CAF_INCLUDE_DIR)
  caf_version_in("${CAF_INCLUDE_DIR}" CAF_VERSION)
  list(APPEND caf_found "${CAF_VERSION} (${CAF_INCLUDE_DIR}/caf/config.hpp)")
endif()

if(NOT CAF_FIND_COMPONENTS)
  set(CAF_FIND_COMPONENTS core)
endif()
foreach(component IN LISTS CAF_FIND_COMPONENTS)
  find_library(CAF_${component}_LIBRARY caf_${component})
  mark_as_advanced(CAF_${component}_LIBRARY)
  list(APPEND required_variables CAF_${component}_LIBRARY)
  if(CAF_${component}_LIBRARY)
    set(CAF_${component}_FOUND TRUE)
  endif()
endforeach()

list(JOIN caf_found " and " caf_found)
if(NOT caf_found)
  set(caf_found "none")
endif()
find_package_handle_standard_args(CAF
  REQUIRED_VARS ${required_variables}
  VERSION_VAR CAF_VERSION
  HANDLE_VERSION_RANGE
  HANDLE_COMPONENTS
  REASON_FAILURE_MESSAGE
    "CAF ${CAF_FIND_VERSION_COMPLETE} is needed, and ${caf_found} was found: \
install libcaf-dev, or run scripts/setup.sh")

if(CAF_FOUND)
  find_package(Threads QUIET REQUIRED)
  foreach(component IN LISTS CAF_FIND_COMPONENTS)
    if(NOT TARGET CAF::${component})
      add_library(CAF::${component} UNKNOWN IMPORTED)
      set_target_properties(CAF::${component} PROPERTIES
        IMPORTED_LOCATION "${CAF_${component}_LIBRARY}"
        INTERFACE_INCLUDE_DIRECTORIES "${CAF_INCLUDE_DIR}"
        INTERFACE_LINK_LIBRARIES Threads::Threads)
    endif()
  endforeach()
  if(TARGET CAF::io)
    set_property(TARGET CAF::io APPEND PROPERTY INTERFACE_LINK_LIBRARIES CAF::core)
  endif()
endif()

# cmake -D WORK=<folder> -P find_caf_test.cmake: which versions of CAF cmake/FindCAF.cmake takes, and what it says of
# the others. Each case is a tree of installed files that look like that version's, and a small project that wants one.

cmake_minimum_required(VERSION 3.25)
cmake_path(SET modules NORMALIZE "${CMAKE_CURRENT_LIST_DIR}/../../cmake")

# A fresh tree for the next case.
function(tree name)
  set(tree "${WORK}/${name}" PARENT_SCOPE)
  file(REMOVE_RECURSE "${WORK}/${name}")
  file(MAKE_DIRECTORY "${WORK}/${name}")
endfunction()

# Headers and a library, with these lines in <caf/FILE>.
function(installs_headers file lines)
  file(WRITE "${tree}/prefix/lib/libcaf_core.so" "")
  file(WRITE "${tree}/prefix/include/caf/config.hpp" "// CAF\n")
  file(APPEND "${tree}/prefix/include/caf/${file}" "${lines}")
endfunction()

# A CMake package that takes itself for what is wanted if it is asked for its own version, but not if for a range.
function(installs_package version)
  set(folder "${tree}/prefix/lib/cmake/CAF")
  file(WRITE "${folder}/CAFConfig.cmake" "add_library(CAF::core INTERFACE IMPORTED)\n")
  file(WRITE "${folder}/CAFConfigVersion.cmake"
    "set(PACKAGE_VERSION ${version})
    if(NOT PACKAGE_FIND_VERSION_RANGE AND PACKAGE_FIND_VERSION VERSION_EQUAL PACKAGE_VERSION)
      set(PACKAGE_VERSION_EXACT TRUE)
      set(PACKAGE_VERSION_COMPATIBLE TRUE)
    endif()\n")
endfunction()

# wants(VERSION SAYS...): each of SAYS is in what the configuration of a project that wants VERSION prints.
function(wants version)
  # With a FindThreads of its own: the real one wants a compiler, and that takes longer than all the rest.
  file(WRITE "${tree}/CMakeLists.txt" "
    cmake_minimum_required(VERSION 3.25)
    project(wants_caf LANGUAGES NONE)
    set(CMAKE_FIND_USE_CMAKE_SYSTEM_PATH OFF) # not the machine's own
    set(CMAKE_FIND_USE_SYSTEM_ENVIRONMENT_PATH OFF)
    list(APPEND CMAKE_MODULE_PATH \"${modules}\" \"\${CMAKE_SOURCE_DIR}\")
    find_package(CAF ${version} MODULE REQUIRED COMPONENTS core)
    get_target_property(location CAF::core IMPORTED_LOCATION)
    message(STATUS \"took \${CAF_VERSION} \${location}\")\n")
  file(WRITE "${tree}/FindThreads.cmake" "add_library(Threads::Threads INTERFACE IMPORTED)\nset(Threads_FOUND TRUE)\n")
  execute_process(
    COMMAND "${CMAKE_COMMAND}" -S "${tree}" -B "${tree}/build" -G Ninja "-DCMAKE_PREFIX_PATH=${tree}/prefix"
    OUTPUT_VARIABLE printed ERROR_VARIABLE printed)
  string(REGEX REPLACE "[ \n]+" " " printed "${printed}") # lines are broken anywhere
  foreach(sentence IN LISTS ARGN)
    string(FIND "${printed}" "${sentence}" at)
    if(at EQUAL -1)
      message(SEND_ERROR "${tree}\n  should say: ${sentence}\n  said: ${printed}\n")
    endif()
  endforeach()
endfunction()

set(range "0.17.6...<0.18")
set(expressions "#define CAF_MAJOR_VERSION (CAF_VERSION / 10000)
#define CAF_MINOR_VERSION ((CAF_VERSION / 100) % 100)
#define CAF_PATCH_VERSION (CAF_VERSION % 100)
")

tree(debian)
installs_headers(config.hpp "#define CAF_VERSION 1706\n${expressions}")
wants(${range} "took 0.17.6 ${tree}/prefix/lib/libcaf_core.so")

tree(too_old)
installs_headers(config.hpp "#define CAF_VERSION 1705\n${expressions}")
wants(${range} "CAF ${range} is needed, and 0.17.5 (${tree}/prefix/include/caf/config.hpp) was found: install libcaf-dev")

tree(of_0_18)
installs_headers(detail/build_config.hpp "#define CAF_VERSION 1807\n${expressions}")
wants(${range} "CAF ${range} is needed, and 0.18.7 (${tree}/prefix/include/caf/config.hpp) was found:")

tree(of_0_18_with_package)
installs_headers(detail/build_config.hpp "#define CAF_VERSION 1807\n${expressions}")
installs_package(0.18.7)
wants(${range} "CAF ${range} is needed, and 0.18.7 (${tree}/prefix/lib/cmake/CAF/CAFConfig.cmake) and 0.18.7 (")

set(of_1_1 "#define CAF_VERSION 010100
#define CAF_MAJOR_VERSION 1
#define CAF_MINOR_VERSION 1
#define CAF_PATCH_VERSION 0
")
tree(of_1_1)
installs_headers(detail/build_config.hpp "${of_1_1}")
installs_package(1.1.0)
wants(${range} "CAF ${range} is needed, and 1.1.0 (${tree}/prefix/lib/cmake/CAF/CAFConfig.cmake) and 1.1.0 (")

# A later Weir, which asks for it: the package's own refusal does not count.
tree(of_1_1_wanted)
installs_package(1.1.0)
wants("1.1...<1.2" "took 1.1.0 location-NOTFOUND")

tree(of_1_1_headers_wanted)
installs_headers(detail/build_config.hpp "${of_1_1}")
wants("1.1...<1.2" "took 1.1.0 ${tree}/prefix/lib/libcaf_core.so")

tree(package_that_does_not_fit_beside_headers_that_do)
installs_headers(config.hpp "#define CAF_VERSION 1706\n${expressions}")
installs_package(1.1.0)
wants(${range} "took 0.17.6 ${tree}/prefix/lib/libcaf_core.so")

tree(of_no_version)
installs_headers(config.hpp "#define CAF_CACHE_LINE_SIZE 64\n")
wants(${range} "CAF ${range} is needed, and unknown (${tree}/prefix/include/caf/config.hpp) was found:")

tree(none)
wants(${range} "CAF ${range} is needed, and none was found: install libcaf-dev, or run scripts/setup.sh")

# The language, the warnings, and what is measured or sanitized: for our own targets only.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_CXX_SCAN_FOR_MODULES OFF)

if(PROJECT_IS_TOP_LEVEL AND NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Kind of build" FORCE)
endif()

set(WEIR_SANITIZE "" CACHE STRING "Sanitizers, as for -fsanitize=: address,undefined or thread")
option(WEIR_COVERAGE "Count which lines ran (gcov)" OFF)

set(weir_compile_options -Wall -Wextra -Wpedantic -Wconversion -Wshadow)
set(weir_link_options "")
if(WEIR_WARNINGS_AS_ERRORS)
  list(APPEND weir_compile_options -Werror)
endif()
if(WEIR_SANITIZE)
  list(APPEND weir_compile_options -fsanitize=${WEIR_SANITIZE} -fno-sanitize-recover=all
       -fno-omit-frame-pointer)
  list(APPEND weir_link_options -fsanitize=${WEIR_SANITIZE})
endif()
if(WEIR_COVERAGE)
  list(APPEND weir_compile_options --coverage -fprofile-update=atomic)
  list(APPEND weir_link_options --coverage)
endif()

# Precompiled headers and ccache go together only with these (ccache manual, "Precompiled headers").
find_program(WEIR_CCACHE ccache)
mark_as_advanced(WEIR_CCACHE)
if(WEIR_CCACHE AND PROJECT_IS_TOP_LEVEL AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CMAKE_COMMAND}" -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      "${WEIR_CCACHE}")
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    list(APPEND weir_compile_options -fpch-preprocess)
  endif()
endif()

# What every program, library and test of ours is compiled and linked with.
function(weir_compiler_settings target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_compile_options(${target} PRIVATE ${weir_compile_options})
  # A sanitizer's or gcov's run time must reach whoever links a static library of ours.
  target_link_options(${target} PUBLIC "$<BUILD_INTERFACE:${weir_link_options}>")
endfunction()

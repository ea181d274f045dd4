# weir_library(<name> [SOURCES <file>...] [DEPENDS <target>...] [PRIVATE_DEPENDS <target>...]
#              [PCH <header>...])
#
# One library per folder: target <name> (weir_mailbox), alias weir::mailbox, installed and exported.
# DEPENDS is what its headers need, PRIVATE_DEPENDS what only its sources need. Headers are not
# listed. Without SOURCES it is an interface library. PCH headers are precompiled for it alone.
function(weir_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPENDS;PRIVATE_DEPENDS;PCH")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "weir_library(${name}): what is '${arg_UNPARSED_ARGUMENTS}'?")
  endif()

  set(visibility PUBLIC)
  if(arg_SOURCES)
    add_library(${name} ${arg_SOURCES})
    weir_compiler_settings(${name})
    target_link_libraries(${name} PRIVATE ${arg_PRIVATE_DEPENDS})
    if(arg_PCH)
      target_precompile_headers(${name} PRIVATE ${arg_PCH})
    endif()
  else()
    set(visibility INTERFACE)
    add_library(${name} INTERFACE)
    target_compile_features(${name} INTERFACE cxx_std_20)
  endif()
  target_link_libraries(${name} ${visibility} ${arg_DEPENDS})
  target_include_directories(${name} ${visibility}
    "$<BUILD_INTERFACE:${weir_BINARY_DIR}/include>"
    "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")

  string(REGEX REPLACE "^weir_" "" short_name ${name})
  add_library(weir::${short_name} ALIAS ${name})
  set_target_properties(${name} PROPERTIES EXPORT_NAME ${short_name})
  install(TARGETS ${name} EXPORT weir)
endfunction()

# weir_program(<name> SOURCES <file>... [DEPENDS <target>...] [PCH <header>...])
#
# A program of ours (an example, a benchmark): same warnings, same sanitizers, not installed.
function(weir_program name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPENDS;PCH")
  add_executable(${name} ${arg_SOURCES})
  weir_compiler_settings(${name})
  target_link_libraries(${name} PRIVATE ${arg_DEPENDS})
  target_include_directories(${name} PRIVATE "${weir_BINARY_DIR}/include")
  if(arg_PCH)
    target_precompile_headers(${name} PRIVATE ${arg_PCH})
  endif()
endfunction()

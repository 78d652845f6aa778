# Which processors the code is compiled for.
#
#   WIDELOAD_NATIVE_ARCH=ON     this machine's
#   WIDELOAD_NATIVE_ARCH=OFF    every x86-64 of its kind: all for x86-64-v2, and the core again for v3 and v4 in folders where
#                               the loader of glibc 2.33 and later looks first, if the processor has what it takes:
#
#     wideload/libwideload_core.so
#     wideload/glibc-hwcaps/x86-64-v3/libwideload_core.so
#     wideload/glibc-hwcaps/x86-64-v4/libwideload_core.so
set(WIDELOAD_LEVELS "")
if(WIDELOAD_NATIVE_ARCH)
  add_compile_options(-march=native)
elseif(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
  add_compile_options(-march=x86-64-v2)
  set(WIDELOAD_LEVELS v3 v4)
endif()

# The core, once for every further level.
function(wideload_add_levels)
  foreach(level ${WIDELOAD_LEVELS})
    set(folder glibc-hwcaps/x86-64-${level})
    add_library(wideload_core_${level} SHARED ${WIDELOAD_TABLE_SOURCES})
    target_compile_options(wideload_core_${level} PRIVATE -march=x86-64-${level})  # the last one counts
    target_link_libraries(wideload_core_${level} PRIVATE wideload_flags Threads::Threads ${CMAKE_DL_LIBS})
    wideload_export(wideload_core_${level} "_Z*N8wideload*;_Z*NK8wideload*")
    set_target_properties(wideload_core_${level} PROPERTIES
      OUTPUT_NAME wideload_core LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/${folder})
    install(TARGETS wideload_core_${level} LIBRARY DESTINATION wideload/${folder})
  endforeach()
endfunction()

# Leaves only these symbols visible (patterns, `;` between them).
function(wideload_export target symbols)
  set(map ${CMAKE_BINARY_DIR}/${target}.map)
  file(WRITE ${map} "{ global: ${symbols}; local: *; };\n")
  target_link_options(${target} PRIVATE -Wl,--version-script=${map})
  set_target_properties(${target} PROPERTIES LINK_DEPENDS ${map})
endfunction()

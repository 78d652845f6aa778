# MpiTransport and MpiCollectives in a library of its own for each MPI, named after the family whose ABI it has.
#
#   WIDELOAD_MPI_PREFIXES empty    the MPI that CMake finds, by mpicc
#   WIDELOAD_MPI_PREFIXES=A;B      those with include/mpi.h and lib/libmpi.so in these folders, both: for a wheel
set(WIDELOAD_MPI_PREFIXES "" CACHE STRING "Folders with an MPI in each; empty: the one that is found")
include(CheckSymbolExists)

# Only the headers and the library, and none of the flags that mpicc adds: they name this machine's folders.
function(wideload_add_transport headers library)
  string(MAKE_C_IDENTIFIER "WIDELOAD_OPEN_MPI_${headers}" is_open_mpi)
  set(CMAKE_REQUIRED_INCLUDES ${headers})
  check_symbol_exists(OPEN_MPI mpi.h ${is_open_mpi})
  set(name wideload_mpich)
  if(${is_open_mpi})
    set(name wideload_openmpi)
  endif()
  add_library(${name} MODULE cluster/mpi_comm.cpp cluster/mpi_collectives.cpp cluster/mpi_exports.cpp cluster/mpi_transport.cpp)
  target_include_directories(${name} SYSTEM PRIVATE ${headers})
  target_link_libraries(${name} PRIVATE wideload_flags ${library})
  wideload_export(${name} "wideload_make_*")
  set_target_properties(${name} PROPERTIES SKIP_BUILD_RPATH ON)
  install(TARGETS ${name} LIBRARY DESTINATION wideload)
endfunction()

foreach(prefix ${WIDELOAD_MPI_PREFIXES})
  wideload_add_transport(${prefix}/include ${prefix}/lib/libmpi.so)
endforeach()
if(WIDELOAD_MPI_PREFIXES)
  return()
endif()

find_package(MPI COMPONENTS C)
if(MPI_C_FOUND)
  wideload_add_transport("${MPI_C_INCLUDE_DIRS}" "${MPI_C_LIBRARIES}")
else()
  message(WARNING "wideload: no MPI was found (mpicc on the PATH); building without the transport that clusters need")
endif()

# MpiTransport and MpiCollectives in a library of its own for the MPI that is found, named after the family whose ABI it has.
find_package(MPI COMPONENTS C)
if(NOT MPI_C_FOUND)
  message(WARNING "wideload: no MPI was found (mpicc on the PATH); building without the transport that clusters need")
  return()
endif()

include(CheckSymbolExists)
set(CMAKE_REQUIRED_INCLUDES ${MPI_C_INCLUDE_DIRS})
check_symbol_exists(OPEN_MPI mpi.h WIDELOAD_OPEN_MPI)
set(WIDELOAD_TRANSPORT wideload_$<IF:$<BOOL:${WIDELOAD_OPEN_MPI}>,openmpi,mpich>)

# The headers and the library, and none of the flags that mpicc adds: they name this machine's folders.
add_library(wideload_transport MODULE cluster/mpi_comm.cpp cluster/mpi_collectives.cpp cluster/mpi_exports.cpp
  cluster/mpi_transport.cpp)
target_include_directories(wideload_transport SYSTEM PRIVATE ${MPI_C_INCLUDE_DIRS})
target_link_libraries(wideload_transport PRIVATE wideload_flags ${MPI_C_LIBRARIES})
set_target_properties(wideload_transport PROPERTIES OUTPUT_NAME ${WIDELOAD_TRANSPORT} CXX_VISIBILITY_PRESET hidden)
install(TARGETS wideload_transport LIBRARY DESTINATION wideload)

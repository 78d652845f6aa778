// What a library for one MPI exports; see transport_library.h.

#include <cstdint>
#include <cstring>

#include "cluster/mpi_collectives.h"
#include "cluster/mpi_transport.h"
#include "cluster/transport_library.h"

namespace {

MPI_Comm CommOf(std::uintptr_t handle) {
  MPI_Comm comm;
  static_assert(sizeof(comm) <= sizeof(handle));
  std::memcpy(&comm, &handle, sizeof(comm));
  return comm;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) wideload::MakeTransport wideload_make_transport;
extern "C" __attribute__((visibility("default"))) wideload::MakeCollectives wideload_make_collectives;

wideload::Transport* wideload_make_transport(std::uintptr_t comm) {
  return new wideload::MpiTransport(CommOf(comm));
}

wideload::Collectives* wideload_make_collectives(std::uintptr_t comm) {
  return new wideload::MpiCollectives(CommOf(comm));
}

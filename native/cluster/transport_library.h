#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "cluster/transport.h"

namespace wideload {

// Transports that are libraries of their own, opened when a cluster is made: an MPI is then needed by clusters
// only, and which one is decided at run time.
//
//   libwideload_core.so      PsCluster, Transport            no MPI
//   libwideload_mpich.so     MpiTransport for MPICH          needs libmpi.so.12, which mpi4py has loaded by then
//   libwideload_openmpi.so   MpiTransport for Open MPI       needs libmpi.so.40, likewise
//
// The loader finds a library that is loaded already by its name, so these have no search path of their own.
// Such a library exports one function, of this name and type. `comm` is the handle of a communicator as mpi4py
// hands it out: an int in MPICH, a pointer in Open MPI. Throws on failure.
inline constexpr char kMakeTransport[] = "wideload_make_transport";
using MakeTransport = Transport*(std::uintptr_t comm);

// Opens the library, which stays open for the life of the process, and makes a transport. Collective over
// `comm`. Throws std::runtime_error when the library cannot be opened, with the loader's reason.
std::unique_ptr<Transport> OpenTransport(const std::string& library, std::uintptr_t comm);

}  // namespace wideload

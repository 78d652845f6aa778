#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "cluster/collectives.h"
#include "cluster/transport.h"

namespace wideload {

// What needs an MPI is in libraries of their own, opened when a cluster is made: an MPI is then needed by clusters
// only, and which one is decided at run time.
//
//   libwideload_core.so      PsCluster, Transport, Collectives              no MPI
//   libwideload_mpich.so     MpiTransport, MpiCollectives for MPICH         needs libmpi.so.12, which mpi4py has
//                                                                           loaded by then
//   libwideload_openmpi.so   the same for Open MPI                          needs libmpi.so.40, likewise
//
// The loader finds a library that is loaded already by its name, so these have no search path of their own.
// Such a library exports one function for each of the two. `comm` is the handle of a communicator as mpi4py hands it
// out: an int in MPICH, a pointer in Open MPI. Throws on failure.
inline constexpr char kMakeTransport[] = "wideload_make_transport";
inline constexpr char kMakeCollectives[] = "wideload_make_collectives";
using MakeTransport = Transport*(std::uintptr_t comm);
using MakeCollectives = Collectives*(std::uintptr_t comm);

// Opens the library, which stays open for the life of the process, and makes a transport. Collective over
// `comm`. Throws std::runtime_error when the library cannot be opened, with the loader's reason.
std::unique_ptr<Transport> OpenTransport(const std::string& library, std::uintptr_t comm);
std::unique_ptr<Collectives> OpenCollectives(const std::string& library, std::uintptr_t comm);

}  // namespace wideload

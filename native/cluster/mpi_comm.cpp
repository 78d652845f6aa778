#include "cluster/mpi_comm.h"

#include <cstddef>
#include <stdexcept>
#include <string>

namespace wideload {

void CheckMpi(int code, const char* what) {
  if (code == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING];
  int length = 0;
  MPI_Error_string(code, text, &length);
  throw std::runtime_error(std::string("MPI: ") + what +
                           " failed: " + std::string(text, static_cast<std::size_t>(length)));
}

MpiComm::MpiComm(MPI_Comm parent) {
  int initialised = 0;
  int level = MPI_THREAD_SINGLE;
  CheckMpi(MPI_Initialized(&initialised), "MPI_Initialized");
  if (!initialised) throw std::runtime_error("MPI is not initialised: import mpi4py.MPI first");
  CheckMpi(MPI_Query_thread(&level), "MPI_Query_thread");
  if (level < MPI_THREAD_MULTIPLE) {
    throw std::runtime_error(
        "MPI was initialised without MPI_THREAD_MULTIPLE; unset mpi4py.rc.thread_level or use another MPI");
  }
  CheckMpi(MPI_Comm_dup(parent, &comm_), "MPI_Comm_dup");
  CheckMpi(MPI_Comm_set_errhandler(comm_, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  CheckMpi(MPI_Comm_rank(comm_, &rank_), "MPI_Comm_rank");
  CheckMpi(MPI_Comm_size(comm_, &ranks_), "MPI_Comm_size");
}

MpiComm::~MpiComm() {
  int finalised = 0;
  MPI_Finalized(&finalised);
  if (!finalised) MPI_Comm_free(&comm_);
}

}  // namespace wideload

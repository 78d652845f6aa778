#pragma once

#include <mpi.h>

namespace wideload {

// Throws std::runtime_error, with MPI's text, unless `code` is MPI_SUCCESS.
void CheckMpi(int code, const char* what);

// A duplicate of a communicator, whose errors are return codes.
class MpiComm {
 public:
  // Collective over `parent`. Throws std::runtime_error when MPI is not initialised with MPI_THREAD_MULTIPLE, which is
  // required since mpi4py and Horovod use MPI from their own threads.
  explicit MpiComm(MPI_Comm parent);
  // Collective, unless MPI is finalised.
  ~MpiComm();
  MpiComm(const MpiComm&) = delete;
  MpiComm& operator=(const MpiComm&) = delete;

  MPI_Comm get() const { return comm_; }
  int rank() const { return rank_; }
  int ranks() const { return ranks_; }

 private:
  MPI_Comm comm_ = MPI_COMM_NULL;
  int rank_ = 0;
  int ranks_ = 1;
};

}  // namespace wideload

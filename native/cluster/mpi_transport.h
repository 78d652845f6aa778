#pragma once

#include <mpi.h>

#include <deque>
#include <vector>

#include "cluster/transport.h"

namespace wideload {

// Messages over a duplicate of an MPI communicator.
//
// Nothing here waits inside MPI: sends are MPI_Isend, arrivals are found by MPI_Improbe and fetched by
// MPI_Imrecv, completion is MPI_Test. MPI_THREAD_MULTIPLE is needed, since mpi4py and Horovod use MPI from
// their own threads.
class MpiTransport final : public Transport {
 public:
  // Collective over `parent`. Throws std::runtime_error when MPI is not initialised with MPI_THREAD_MULTIPLE.
  explicit MpiTransport(MPI_Comm parent);
  // Collective. Every message must have been received by then.
  ~MpiTransport() override;
  MpiTransport(const MpiTransport&) = delete;
  MpiTransport& operator=(const MpiTransport&) = delete;

  int rank() const override { return rank_; }
  int ranks() const override { return ranks_; }
  void Send(int to, Buffer message) override;
  std::optional<Message> Receive() override;
  bool sending() const override { return !sends_.empty() || !arriving_.empty(); }
  Buffer Acquire() override;
  void Release(Buffer buffer) override;

 private:
  struct Transfer {
    int peer;
    MPI_Request request;
    Buffer buffer;
  };

  void Reap();
  void StartArrivals();

  MPI_Comm comm_ = MPI_COMM_NULL;
  int rank_ = 0;
  int ranks_ = 1;
  std::deque<Transfer> sends_;
  std::deque<Transfer> arriving_;  // in order of arrival: order per sender is kept by taking from the front
  std::vector<Buffer> spare_;
};

}  // namespace wideload

#pragma once

#include <mpi.h>

#include <deque>
#include <vector>

#include "cluster/transport.h"

namespace wideload {

// Messages over a duplicate of an MPI communicator.
//
// Nothing here blocks inside MPI: messages are sent by MPI_Isend, found by MPI_Improbe, received by
// MPI_Imrecv and completed by MPI_Test. MPI_THREAD_MULTIPLE is required, since mpi4py and Horovod use MPI
// from their own threads.
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
  std::deque<Transfer>
      arriving_;  // in order of arrival; taken from the front, which keeps each sender's order
  std::vector<Buffer> spare_;
};

}  // namespace wideload

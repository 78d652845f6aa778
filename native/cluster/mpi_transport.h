#pragma once

#include <mpi.h>

#include <deque>
#include <vector>

#include "cluster/mpi_comm.h"
#include "cluster/transport.h"

namespace wideload {

// Messages over a duplicate of an MPI communicator.
//
// Nothing here blocks inside MPI: messages are sent by MPI_Isend, found by MPI_Improbe, received by
// MPI_Imrecv and completed by MPI_Test.
class MpiTransport final : public Transport {
 public:
  // Collective over `parent`. Throws as MpiComm does.
  explicit MpiTransport(MPI_Comm parent) : comm_(parent) {}
  // Collective. Every message must have been received by then.
  ~MpiTransport() override;
  MpiTransport(const MpiTransport&) = delete;
  MpiTransport& operator=(const MpiTransport&) = delete;

  int rank() const override { return comm_.rank(); }
  int ranks() const override { return comm_.ranks(); }
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

  MpiComm comm_;
  std::deque<Transfer> sends_;
  std::deque<Transfer>
      arriving_;  // in order of arrival; taken from the front, which keeps each sender's order
  std::vector<Buffer> spare_;
};

}  // namespace wideload

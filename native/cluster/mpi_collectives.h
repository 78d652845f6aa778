#pragma once

#include <mpi.h>

#include "cluster/collectives.h"
#include "cluster/mpi_comm.h"
#include "cluster/mpi_transport.h"

namespace wideload {

// The MPI's own collectives over a duplicate of a communicator, by their non-blocking forms: MPI_Test in a loop yields
// the core, which MPI_Wait of most implementations does not.
class MpiCollectives final : public Collectives {
 public:
  // Collective over `parent`. Throws as MpiComm does.
  explicit MpiCollectives(MPI_Comm parent) : comm_(parent), transport_(parent) {}

  int rank() const override { return comm_.rank(); }
  int ranks() const override { return comm_.ranks(); }
  void Sum(std::span<float> values) override;
  std::vector<std::int64_t> Counts(std::int64_t own) override;
  void Gather(const void* own, std::size_t size, std::span<const std::int64_t> counts, void* all) override;
  Transport& transport() override { return transport_; }

 private:
  MpiComm comm_;
  MpiTransport transport_;
};

}  // namespace wideload

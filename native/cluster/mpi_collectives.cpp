#include "cluster/mpi_collectives.h"

#include <sched.h>

#include <climits>
#include <numeric>
#include <stdexcept>
#include <string>

namespace wideload {
namespace {

void Finish(MPI_Request request, const char* what) {
  for (int done = 0; done == 0;) {
    CheckMpi(MPI_Test(&request, &done, MPI_STATUS_IGNORE), what);
    if (done == 0) sched_yield();
  }
}

int CountOf(std::int64_t elements) {
  if (elements <= INT_MAX) return static_cast<int>(elements);
  throw std::runtime_error("a collective of " + std::to_string(elements) +
                           " elements exceeds MPI's limit of 2^31 - 1; use a smaller batch");
}

MPI_Datatype ElementOf(std::size_t size) { return size == sizeof(float) ? MPI_FLOAT : MPI_INT64_T; }

}  // namespace

void MpiCollectives::Sum(std::span<float> values) {
  MPI_Request request = MPI_REQUEST_NULL;
  const int count = CountOf(static_cast<std::int64_t>(values.size()));
  CheckMpi(MPI_Iallreduce(MPI_IN_PLACE, values.data(), count, MPI_FLOAT, MPI_SUM, comm_.get(), &request),
           "MPI_Iallreduce");
  Finish(request, "MPI_Iallreduce");
}

std::vector<std::int64_t> MpiCollectives::Counts(std::int64_t own) {
  std::vector<std::int64_t> counts(static_cast<std::size_t>(ranks()));
  MPI_Request request = MPI_REQUEST_NULL;
  CheckMpi(MPI_Iallgather(&own, 1, MPI_INT64_T, counts.data(), 1, MPI_INT64_T, comm_.get(), &request),
           "MPI_Iallgather");
  Finish(request, "MPI_Iallgather");
  return counts;
}

void MpiCollectives::Gather(const void* own, std::size_t size, std::span<const std::int64_t> counts,
                            void* all) {
  CountOf(std::accumulate(counts.begin(), counts.end(), std::int64_t{0}));
  const std::vector<int> parts(counts.begin(), counts.end());
  std::vector<int> begins(parts.size());
  std::exclusive_scan(parts.begin(), parts.end(), begins.begin(), 0);
  const int given = parts[static_cast<std::size_t>(rank())];
  const MPI_Datatype element = ElementOf(size);
  MPI_Request request = MPI_REQUEST_NULL;
  CheckMpi(
      MPI_Iallgatherv(own, given, element, all, parts.data(), begins.data(), element, comm_.get(), &request),
      "MPI_Iallgatherv");
  Finish(request, "MPI_Iallgatherv");
}

}  // namespace wideload

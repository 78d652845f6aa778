#include "cluster/mpi_transport.h"

#include <algorithm>
#include <climits>
#include <stdexcept>
#include <string>

namespace wideload {
namespace {

constexpr int kTag = 1;
constexpr std::size_t kSpareBuffers = 32;

}  // namespace

MpiTransport::~MpiTransport() {
  int finalised = 0;
  MPI_Finalized(&finalised);
  if (finalised) return;
  for (Transfer& send : sends_) MPI_Wait(&send.request, MPI_STATUS_IGNORE);
}

void MpiTransport::Send(int to, Buffer message) {
  if (message.size() > static_cast<std::size_t>(INT_MAX)) {
    throw std::runtime_error("a message of " + std::to_string(message.size()) +
                             " bytes exceeds MPI's limit of 2 GiB; use a smaller batch");
  }
  sends_.push_back({to, MPI_REQUEST_NULL, std::move(message)});
  Transfer& send = sends_.back();
  CheckMpi(MPI_Isend(send.buffer.data(), static_cast<int>(send.buffer.size()), MPI_BYTE, to, kTag,
                     comm_.get(), &send.request),
           "MPI_Isend");
}

std::optional<Message> MpiTransport::Receive() {
  Reap();
  StartArrivals();
  if (arriving_.empty()) return std::nullopt;
  int done = 0;
  CheckMpi(MPI_Test(&arriving_.front().request, &done, MPI_STATUS_IGNORE), "MPI_Test");
  if (!done) return std::nullopt;
  Message message{arriving_.front().peer, std::move(arriving_.front().buffer)};
  arriving_.pop_front();
  return message;
}

void MpiTransport::Reap() {
  while (!sends_.empty()) {
    int done = 0;
    CheckMpi(MPI_Test(&sends_.front().request, &done, MPI_STATUS_IGNORE), "MPI_Test");
    if (!done) return;
    Release(std::move(sends_.front().buffer));
    sends_.pop_front();
  }
}

void MpiTransport::StartArrivals() {
  for (;;) {
    int found = 0;
    MPI_Message handle = MPI_MESSAGE_NULL;
    MPI_Status status;
    CheckMpi(MPI_Improbe(MPI_ANY_SOURCE, kTag, comm_.get(), &found, &handle, &status), "MPI_Improbe");
    if (!found) return;
    int bytes = 0;
    CheckMpi(MPI_Get_count(&status, MPI_BYTE, &bytes), "MPI_Get_count");
    Buffer buffer = Acquire();
    std::byte* begin = buffer.Extend(static_cast<std::size_t>(bytes));
    arriving_.push_back({status.MPI_SOURCE, MPI_REQUEST_NULL, std::move(buffer)});
    CheckMpi(MPI_Imrecv(begin, bytes, MPI_BYTE, &handle, &arriving_.back().request), "MPI_Imrecv");
  }
}

Buffer MpiTransport::Acquire() {
  if (spare_.empty()) return {};
  const auto largest = std::max_element(spare_.begin(), spare_.end(), [](const Buffer& a, const Buffer& b) {
    return a.capacity() < b.capacity();
  });
  std::swap(*largest, spare_.back());
  Buffer buffer = std::move(spare_.back());
  spare_.pop_back();
  buffer.Clear();
  return buffer;
}

void MpiTransport::Release(Buffer buffer) {
  if (spare_.size() < kSpareBuffers) spare_.push_back(std::move(buffer));
}

}  // namespace wideload

#include "cluster/mpi_transport.h"

#include <algorithm>
#include <climits>
#include <cstring>
#include <stdexcept>
#include <string>

#include "cluster/transport_library.h"

namespace wideload {
namespace {

constexpr int kTag = 1;
constexpr std::size_t kSpareBuffers = 32;

void Check(int code, const char* what) {
  if (code == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING];
  int length = 0;
  MPI_Error_string(code, text, &length);
  throw std::runtime_error(std::string("MPI: ") + what +
                           " failed: " + std::string(text, static_cast<std::size_t>(length)));
}

}  // namespace

MpiTransport::MpiTransport(MPI_Comm parent) {
  int initialised = 0;
  int level = MPI_THREAD_SINGLE;
  Check(MPI_Initialized(&initialised), "MPI_Initialized");
  if (!initialised) throw std::runtime_error("MPI is not initialised: import mpi4py.MPI first");
  Check(MPI_Query_thread(&level), "MPI_Query_thread");
  if (level < MPI_THREAD_MULTIPLE) {
    throw std::runtime_error(
        "MPI was initialised without MPI_THREAD_MULTIPLE; unset mpi4py.rc.thread_level or use another MPI");
  }
  Check(MPI_Comm_dup(parent, &comm_), "MPI_Comm_dup");
  Check(MPI_Comm_set_errhandler(comm_, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  Check(MPI_Comm_rank(comm_, &rank_), "MPI_Comm_rank");
  Check(MPI_Comm_size(comm_, &ranks_), "MPI_Comm_size");
}

MpiTransport::~MpiTransport() {
  int finalised = 0;
  MPI_Finalized(&finalised);
  if (finalised) return;
  for (Transfer& send : sends_) MPI_Wait(&send.request, MPI_STATUS_IGNORE);
  MPI_Comm_free(&comm_);
}

void MpiTransport::Send(int to, Buffer message) {
  if (message.size() > static_cast<std::size_t>(INT_MAX)) {
    throw std::runtime_error("a message of " + std::to_string(message.size()) +
                             " bytes exceeds MPI's limit of 2 GiB; use a smaller batch");
  }
  sends_.push_back({to, MPI_REQUEST_NULL, std::move(message)});
  Transfer& send = sends_.back();
  Check(MPI_Isend(send.buffer.data(), static_cast<int>(send.buffer.size()), MPI_BYTE, to, kTag, comm_,
                  &send.request),
        "MPI_Isend");
}

std::optional<Message> MpiTransport::Receive() {
  Reap();
  StartArrivals();
  if (arriving_.empty()) return std::nullopt;
  int done = 0;
  Check(MPI_Test(&arriving_.front().request, &done, MPI_STATUS_IGNORE), "MPI_Test");
  if (!done) return std::nullopt;
  Message message{arriving_.front().peer, std::move(arriving_.front().buffer)};
  arriving_.pop_front();
  return message;
}

void MpiTransport::Reap() {
  while (!sends_.empty()) {
    int done = 0;
    Check(MPI_Test(&sends_.front().request, &done, MPI_STATUS_IGNORE), "MPI_Test");
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
    Check(MPI_Improbe(MPI_ANY_SOURCE, kTag, comm_, &found, &handle, &status), "MPI_Improbe");
    if (!found) return;
    int bytes = 0;
    Check(MPI_Get_count(&status, MPI_BYTE, &bytes), "MPI_Get_count");
    Buffer buffer = Acquire();
    std::byte* begin = buffer.Extend(static_cast<std::size_t>(bytes));
    arriving_.push_back({status.MPI_SOURCE, MPI_REQUEST_NULL, std::move(buffer)});
    Check(MPI_Imrecv(begin, bytes, MPI_BYTE, &handle, &arriving_.back().request), "MPI_Imrecv");
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

extern "C" __attribute__((visibility("default"))) wideload::MakeTransport wideload_make_transport;

wideload::Transport* wideload_make_transport(std::uintptr_t comm) {
  MPI_Comm parent;
  static_assert(sizeof(parent) <= sizeof(comm));
  std::memcpy(&parent, &comm, sizeof(parent));
  return new wideload::MpiTransport(parent);
}

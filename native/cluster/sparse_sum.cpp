#include "cluster/sparse_sum.h"

#include <sched.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>

namespace wideload {
namespace {

// What a message says of one table.
struct Part {
  std::span<const Sign> ids;
  std::span<const float> rows;
};

// A body is the number of ids per table, the ids of all tables, the rows of all tables: 8-byte values come first, so
// that all are aligned.
std::vector<Part> Parse(const Buffer& message, const std::vector<SparseRows>& tables) {
  BodyReader body(message);
  const auto* counts = body.TakeArray<std::uint64_t>(tables.size());
  std::vector<Part> parts(tables.size());
  for (std::size_t t = 0; t < parts.size(); ++t) {
    parts[t].ids = {body.TakeArray<Sign>(counts[t]), static_cast<std::size_t>(counts[t])};
  }
  for (std::size_t t = 0; t < parts.size(); ++t) {
    const std::size_t floats = parts[t].ids.size() * tables[t].width;
    parts[t].rows = {body.TakeArray<float>(floats), floats};
  }
  if (body.remaining() != 0) throw std::runtime_error("the ranks sum different tables");
  return parts;
}

}  // namespace

void SparseSum::Add(std::vector<SparseRows>* tables) {
  ++calls_;
  sent_ = received_ = 0;
  const int ranks = transport_->ranks();
  const int rank = transport_->rank();
  const int doubling =
      static_cast<int>(std::bit_floor(static_cast<unsigned>(ranks)));  // ranks that take part in it
  const int pairs =
      ranks - doubling;  // the first 2 * pairs ranks are pairs, of which the even one takes part
  if (rank < 2 * pairs && rank % 2 == 1) {
    Send(rank - 1, *tables);
    Replace(ReceiveFrom(rank - 1), tables);
  } else {
    if (rank < 2 * pairs) Merge(ReceiveFrom(rank + 1), tables);
    const int own = rank < 2 * pairs ? rank / 2 : rank - pairs;
    for (int distance = 1; distance < doubling; distance *= 2) {
      const int other = own ^ distance;
      const int partner = other < pairs ? 2 * other : other + pairs;
      Send(partner, *tables);
      Merge(ReceiveFrom(partner), tables);
    }
    if (rank < 2 * pairs) Send(rank + 1, *tables);
  }
  while (transport_->sending()) {
    if (auto message = transport_->Receive()) early_[message->peer].push_back(std::move(*message));
  }
}

void SparseSum::Send(int to, const std::vector<SparseRows>& tables) {
  MessageHeader header;
  header.kind = MessageKind::kSum;
  header.sequence = calls_;
  Buffer message = StartMessage(transport_->Acquire(), header);
  for (const SparseRows& table : tables) message.Append(static_cast<std::uint64_t>(table.ids.size()));
  for (const SparseRows& table : tables) message.Append(std::span<const Sign>(table.ids));
  for (const SparseRows& table : tables) message.Append(std::span<const float>(table.rows));
  sent_ += message.size();
  transport_->Send(to, std::move(message));
}

Buffer SparseSum::ReceiveFrom(int peer) {
  std::deque<Message>& early = early_[peer];
  while (early.empty()) {
    if (auto message = transport_->Receive()) {
      early_[message->peer].push_back(std::move(*message));
    } else {
      sched_yield();
    }
  }
  Message message = std::move(early.front());
  early.pop_front();
  RequireHeader(message);
  received_ += message.bytes.size();
  if (message.header().sequence != calls_) {
    throw std::runtime_error("rank " + std::to_string(peer) + " is at sparse sum " +
                             std::to_string(message.header().sequence) + ", this rank at " +
                             std::to_string(calls_));
  }
  return std::move(message.bytes);
}

void SparseSum::Merge(Buffer message, std::vector<SparseRows>* tables) {
  const std::vector<Part> parts = Parse(message, *tables);
  for (std::size_t t = 0; t < parts.size(); ++t) MergeTable(parts[t].ids, parts[t].rows, &(*tables)[t]);
  transport_->Release(std::move(message));
}

void SparseSum::Replace(Buffer message, std::vector<SparseRows>* tables) {
  const std::vector<Part> parts = Parse(message, *tables);
  for (std::size_t t = 0; t < parts.size(); ++t) {
    (*tables)[t].ids.assign(parts[t].ids.begin(), parts[t].ids.end());
    (*tables)[t].rows.assign(parts[t].rows.begin(), parts[t].rows.end());
  }
  transport_->Release(std::move(message));
}

void SparseSum::MergeTable(std::span<const Sign> ids, std::span<const float> rows, SparseRows* table) {
  const std::size_t own = table->ids.size();
  const std::size_t width = table->width;
  ids_.assign(table->ids.begin(), table->ids.end());
  ids_.insert(ids_.end(), ids.begin(), ids.end());
  const Unique::Result found =
      unique_.Find(ids_);  // this rank's ids are distinct, so they come first, in their order
  table->ids.assign(found.unique.begin(), found.unique.end());
  table->rows.resize(table->ids.size() * width);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const auto row = static_cast<std::size_t>(found.inverse[own + i]);
    float* to = table->rows.data() + row * width;
    const float* from = rows.data() + i * width;
    if (row >= own) {
      std::copy_n(from, width, to);
    } else {
      for (std::size_t k = 0; k < width; ++k) to[k] += from[k];
    }
  }
}

}  // namespace wideload

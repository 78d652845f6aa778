#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "cluster/message.h"

namespace wideload {

// Sums small float vectors over the ranks: moments of batch normalisation, in the middle of a step.
//
// Every rank sends its vector to all ranks and adds what it receives in rank order, so that all get the same
// bits. Ranks must call in the same order: the n-th call of one rank belongs to the n-th call of the others.
class RankSum {
 public:
  using OnSum = std::function<void(const std::string& error, std::span<const float> sum)>;
  using Acquire = std::function<Buffer()>;
  using Send = std::function<void(int to, Buffer message)>;

  RankSum(int ranks, Acquire acquire, Send send)
      : ranks_(ranks), acquire_(std::move(acquire)), send_(std::move(send)) {}

  void Add(std::span<const float> values, OnSum on_sum) {
    ++called_;
    for (int to = 0; to < ranks_; ++to) {
      MessageHeader header;
      header.kind = MessageKind::kSum;
      header.sequence = called_;
      Buffer message = StartMessage(acquire_(), header);
      message.Append(values);
      send_(to, std::move(message));
    }
    waiting_ = std::move(on_sum);
    Settle();
  }

  void OnMessage(Message message) {
    auto& parts = parts_[message.header().sequence];
    parts.resize(static_cast<std::size_t>(ranks_));
    const auto from = static_cast<std::size_t>(message.peer);
    parts[from] = std::move(message.bytes);
    Settle();
  }

  bool waiting() const { return waiting_ != nullptr; }
  std::string WaitingFor() const { return "sum " + std::to_string(called_); }

  // Ranks that have not called yet, ascending.
  std::vector<int> Missing() const {
    const auto found = parts_.find(called_);
    std::vector<int> missing;
    for (int rank = 0; rank < ranks_; ++rank) {
      if (found == parts_.end() || !found->second[static_cast<std::size_t>(rank)]) missing.push_back(rank);
    }
    return missing;
  }

  void Fail(const std::string& error) {
    if (waiting_) std::exchange(waiting_, nullptr)(error, {});
  }

 private:
  void Settle() {
    const auto found = parts_.find(called_);
    if (!waiting_ || found == parts_.end()) return;
    for (const auto& part : found->second) {
      if (!part) return;
    }
    const std::size_t size = found->second.front()->size();
    std::vector<float> sum((size - sizeof(MessageHeader)) / sizeof(float), 0.0f);
    for (const auto& part : found->second) {
      if (part->size() != size) return Fail("ranks sum vectors of different sizes");
      BodyReader body(*part);
      const auto* values = reinterpret_cast<const float*>(body.Take(body.remaining()));
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += values[i];
    }
    parts_.erase(found);
    std::exchange(waiting_, nullptr)("", sum);
  }

  const int ranks_;
  const Acquire acquire_;
  const Send send_;
  std::uint64_t called_ = 0;
  std::map<std::uint64_t, std::vector<std::optional<Buffer>>> parts_;  // by call, by rank
  OnSum waiting_;
};

}  // namespace wideload

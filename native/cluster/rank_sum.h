#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "cluster/call.h"
#include "cluster/message.h"
#include "cluster/pending_call.h"

namespace wideload {

// Sums small float vectors over the ranks: moments of batch normalisation, in the middle of a step.
//
// Every rank sends its vector to all ranks and adds what it receives in rank order, so that all get the same
// bits. Ranks must call in the same order: the n-th call of one rank belongs to the n-th call of the others. Several
// calls may be in flight.
class RankSum {
 public:
  using SumCall = Call<std::span<const float>>;
  using OnSum = SumCall::Callback;
  using Acquire = std::function<Buffer()>;
  using Send = std::function<void(int to, Buffer message)>;

  RankSum(int ranks, Acquire acquire, Send send)
      : ranks_(ranks), acquire_(std::move(acquire)), send_(std::move(send)) {}

  void Add(std::span<const float> values, SumCall call) {
    const std::uint64_t sequence = ++called_;
    waiting_.emplace(sequence, Waiting{std::move(call), PendingCall::Clock::now()});
    for (int to = 0; to < ranks_; ++to) {
      MessageHeader header;
      header.kind = MessageKind::kSum;
      header.sequence = sequence;
      Buffer message = StartMessage(acquire_(), header);
      message.Append(values);
      send_(to, std::move(message));
    }
    Settle(sequence);
  }

  void OnMessage(Message message) {
    const std::uint64_t sequence = message.header().sequence;
    auto& parts = parts_[sequence];
    parts.resize(static_cast<std::size_t>(ranks_));
    parts[static_cast<std::size_t>(message.peer)] = std::move(message.bytes);
    Settle(sequence);
  }

  bool waiting() const {
    return std::any_of(waiting_.begin(), waiting_.end(),
                       [](const auto& entry) { return !entry.second.call.answered(); });
  }

  // The call that has waited longest, with the ranks that have not made theirs.
  std::optional<PendingCall> Oldest() const {
    for (const auto& [sequence, waiting] : waiting_) {
      if (waiting.call.answered()) continue;
      return PendingCall{waiting.since, "sum " + std::to_string(sequence), Missing(sequence)};
    }
    return std::nullopt;
  }

  void Fail(const std::string& error) {
    for (const auto& [sequence, waiting] : std::exchange(waiting_, {})) waiting.call.Fail(error);
  }

 private:
  struct Waiting {
    SumCall call;
    PendingCall::Clock::time_point since;
  };

  std::vector<int> Missing(std::uint64_t sequence) const {
    const auto found = parts_.find(sequence);
    std::vector<int> missing;
    for (int rank = 0; rank < ranks_; ++rank) {
      if (found == parts_.end() || !found->second[static_cast<std::size_t>(rank)]) missing.push_back(rank);
    }
    return missing;
  }

  void Settle(std::uint64_t sequence) {
    const auto waiting = waiting_.find(sequence);
    const auto found = parts_.find(sequence);
    if (waiting == waiting_.end() || found == parts_.end()) return;
    for (const auto& part : found->second) {
      if (!part) return;
    }
    const SumCall call = std::move(waiting->second.call);
    const std::vector<std::optional<Buffer>> parts = std::move(found->second);
    waiting_.erase(waiting);
    parts_.erase(found);
    const std::size_t size = parts.front()->size();
    std::vector<float> sum((size - sizeof(MessageHeader)) / sizeof(float), 0.0f);
    for (const auto& part : parts) {
      if (part->size() != size) return call.Fail("ranks sum vectors of different sizes");
      BodyReader body(*part);
      const auto* values = body.TakeArray<float>(sum.size());
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += values[i];
    }
    call.Answer(sum);
  }

  const int ranks_;
  const Acquire acquire_;
  const Send send_;
  std::uint64_t called_ = 0;
  std::map<std::uint64_t, std::vector<std::optional<Buffer>>> parts_;  // by call, by rank
  std::map<std::uint64_t, Waiting> waiting_;                           // by call
};

}  // namespace wideload

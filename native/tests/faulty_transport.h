#pragma once
// A transport with faults, for tests: it throws, delays messages, changes the order of different senders, and
// loses a peer. Messages of one sender stay in order, as Transport guarantees.

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <utility>
#include <vector>

#include "cluster/transport.h"

namespace wideload::testing {

struct Faults {
  int throw_at = -1;       // the number of the send that throws, from 0; -1: none
  std::uint64_t seed = 0;  // of delays and order
  unsigned delay = 0;      // a message is held back for up to this many calls of Receive
  int lost_peer = -1;      // messages to and from this rank disappear; -1: none
};

class FaultyTransport final : public Transport {
 public:
  FaultyTransport(std::unique_ptr<Transport> inner, Faults faults)
      : inner_(std::move(inner)), faults_(faults), random_(faults.seed) {}

  int rank() const override { return inner_->rank(); }
  int ranks() const override { return inner_->ranks(); }
  bool sending() const override { return held_ > 0 || inner_->sending(); }
  Buffer Acquire() override { return inner_->Acquire(); }
  void Release(Buffer buffer) override { inner_->Release(std::move(buffer)); }

  void Send(int to, Buffer message) override {
    if (sent_++ == faults_.throw_at) throw std::runtime_error("the network is unreachable");
    if (to != faults_.lost_peer) inner_->Send(to, std::move(message));
  }

  std::optional<Message> Receive() override {
    ++polls_;
    while (std::optional<Message> message = inner_->Receive()) {
      if (message->peer == faults_.lost_peer) continue;
      ++held_;
      const std::uint64_t due = polls_ + random_() % (faults_.delay + 1u);
      senders_[message->peer].push_back({due, std::move(*message)});
    }
    std::vector<std::deque<Held>*> ready;
    for (auto& [peer, queue] : senders_) {
      if (!queue.empty() && queue.front().due <= polls_) ready.push_back(&queue);
    }
    if (ready.empty()) return std::nullopt;
    std::deque<Held>& queue = *ready[random_() % ready.size()];
    Message message = std::move(queue.front().message);
    queue.pop_front();
    --held_;
    return message;
  }

 private:
  struct Held {
    std::uint64_t due;
    Message message;
  };

  std::unique_ptr<Transport> inner_;
  const Faults faults_;
  std::mt19937_64 random_;
  int sent_ = 0;
  std::uint64_t polls_ = 0;
  std::size_t held_ = 0;
  std::map<int, std::deque<Held>> senders_;
};

}  // namespace wideload::testing

#include <deque>
#include <mutex>

#include "cluster/transport.h"

namespace wideload {
namespace {

struct Mailbox {
  std::mutex mutex;
  std::deque<Message> messages;
};

class LocalTransport final : public Transport {
 public:
  LocalTransport(int rank, std::shared_ptr<std::vector<Mailbox>> boxes)
      : rank_(rank), boxes_(std::move(boxes)) {}

  int rank() const override { return rank_; }
  int ranks() const override { return static_cast<int>(boxes_->size()); }

  void Send(int to, Buffer message) override {
    Mailbox& box = (*boxes_)[static_cast<std::size_t>(to)];
    const std::lock_guard lock(box.mutex);
    box.messages.push_back({rank_, std::move(message)});
  }

  std::optional<Message> Receive() override {
    Mailbox& box = (*boxes_)[static_cast<std::size_t>(rank_)];
    const std::lock_guard lock(box.mutex);
    if (box.messages.empty()) return std::nullopt;
    Message message = std::move(box.messages.front());
    box.messages.pop_front();
    return message;
  }

  bool sending() const override { return false; }
  Buffer Acquire() override { return {}; }
  void Release(Buffer) override {}

 private:
  int rank_;
  std::shared_ptr<std::vector<Mailbox>> boxes_;
};

}  // namespace

std::vector<std::unique_ptr<Transport>> MakeLocalTransports(int ranks) {
  auto boxes = std::make_shared<std::vector<Mailbox>>(static_cast<std::size_t>(ranks));
  std::vector<std::unique_ptr<Transport>> transports;
  transports.reserve(boxes->size());
  for (int rank = 0; rank < ranks; ++rank)
    transports.push_back(std::make_unique<LocalTransport>(rank, boxes));
  return transports;
}

}  // namespace wideload

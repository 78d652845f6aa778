#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "cluster/message.h"

namespace wideload {

// Carries messages between the ranks of a job. Messages from one sender to one receiver arrive once each, in
// the order sent.
//
// Only one thread uses a transport: the cluster's service thread. Nothing here blocks.
class Transport {
 public:
  virtual ~Transport() = default;

  virtual int rank() const = 0;
  virtual int ranks() const = 0;

  // Sends a message; the transport owns the buffer from then on.
  virtual void Send(int to, Buffer message) = 0;

  // The next message that has arrived completely, from any rank.
  virtual std::optional<Message> Receive() = 0;

  // Whether any message is still being sent or received. While it is, Receive must be called regularly.
  virtual bool sending() const = 0;

  // An empty buffer, reused where possible.
  virtual Buffer Acquire() = 0;
  virtual void Release(Buffer buffer) = 0;
};

// Transports between ranks that are threads of one process, for tests.
std::vector<std::unique_ptr<Transport>> MakeLocalTransports(int ranks);

}  // namespace wideload

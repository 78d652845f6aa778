#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "cluster/message.h"

namespace wideload {

// Carries messages between the ranks of a job. Messages of one sender to one receiver arrive in the order
// sent, each once.
//
// One thread uses a transport: the cluster's service thread. Nothing here blocks.
class Transport {
 public:
  virtual ~Transport() = default;

  virtual int rank() const = 0;
  virtual int ranks() const = 0;

  // Hands a message over; the buffer belongs to the transport from then on.
  virtual void Send(int to, Buffer message) = 0;

  // The next message that has arrived whole, from anybody.
  virtual std::optional<Message> Receive() = 0;

  // Messages handed over and not yet out of our hands: while there are any, Receive must be called now and
  // then.
  virtual bool sending() const = 0;

  // An empty buffer, recycled where possible.
  virtual Buffer Acquire() = 0;
  virtual void Release(Buffer buffer) = 0;
};

// Messages between ranks that are threads of one process: for tests, also under the thread sanitizer.
std::vector<std::unique_ptr<Transport>> MakeLocalTransports(int ranks);

}  // namespace wideload

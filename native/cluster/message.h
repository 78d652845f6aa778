#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <stdexcept>
#include <string>

#include "cluster/buffer.h"

namespace wideload {

// The messages between two ranks. Each is one MPI message: a header and a body.
//
//   from   -> to       kind     body                                     purpose
//   worker -> owner    kPull    signs of a step, per table               find or create the rows
//                      kRead    signs, per table                         look rows up without creating any
//                      kPush    gradients, in the order of the pull      sum and apply them
//                      kAbandon nothing                                  drop a step that will not be pushed
//                      kFlush   nothing                                  ask for kAck once all pushes are applied
//   owner  -> worker   kRows    rows in the order requested; dense slice
//                      kAck     nothing                                  answers kPush (asynchronous) and kFlush
//   worker -> worker   kSum     floats                                   add them over the ranks (RankSum)
//   any    -> any      kError   text                                     the sender has failed, and why
//
// Bodies:
//   kPull, kRead   u64 count per table, then the signs of table 0, table 1, ...
//   kPush          gradients [count, width] per table, then the sender's gradient of the owner's dense slice
//   kRows          see RowsPart
enum class MessageKind : std::uint8_t {
  kPull = 1,
  kRead,
  kPush,
  kFlush,
  kRows,
  kAck,
  kSum,
  kError,
  kAbandon
};

inline const char* NameOf(MessageKind kind) {
  switch (kind) {
    case MessageKind::kPull:
      return "pull";
    case MessageKind::kRead:
      return "read";
    case MessageKind::kPush:
      return "push";
    case MessageKind::kFlush:
      return "flush";
    case MessageKind::kRows:
      return "rows";
    case MessageKind::kAck:
      return "ack";
    case MessageKind::kSum:
      return "sum";
    case MessageKind::kError:
      return "error";
    case MessageKind::kAbandon:
      return "abandon";
  }
  return "?";
}

// Which of the requested rows a kRows message holds. A pull that arrives while a push is outstanding is
// answered in two parts: rows that the push cannot change are sent at once (kEarly), the others after it has
// been applied (kLate). A kEarly body has one bit per requested row before the rows of each table, padded to
// 8 bytes; 1 means that the row comes late. A body that is not kEarly ends with the owner's dense slice.
enum class RowsPart : std::uint8_t { kAll = 0, kEarly, kLate };

enum class WireFormat : std::uint8_t { kFloat32 = 0, kFloat16, kBfloat16 };

inline constexpr std::uint32_t kMagic = 0x57444C31;  // "WDL1"

struct MessageHeader {
  std::uint32_t magic = kMagic;
  MessageKind kind{};
  RowsPart part = RowsPart::kAll;
  WireFormat format = WireFormat::kFloat32;
  std::uint8_t reserved = 0;
  std::uint64_t step = 0;
  std::uint32_t staleness = 0;  // kRows: steps of other ranks that these rows do not include yet
  std::uint32_t reserved_2 = 0;
  std::uint64_t sequence = 0;  // kRead, kFlush, their answers, and kSum: number of the caller's call
};
static_assert(sizeof(MessageHeader) == 32);

// "pull 12", "sum 3": the name of a message in errors.
inline std::string Describe(const MessageHeader& header) {
  const bool of_step = header.kind == MessageKind::kPull || header.kind == MessageKind::kPush ||
                       header.kind == MessageKind::kAbandon || header.kind == MessageKind::kRows;
  return std::string(NameOf(header.kind)) + " " + std::to_string(of_step ? header.step : header.sequence);
}

// Whether a message is a call rather than an answer to one.
inline bool IsCall(MessageKind kind) {
  return kind == MessageKind::kPull || kind == MessageKind::kRead || kind == MessageKind::kPush ||
         kind == MessageKind::kFlush || kind == MessageKind::kSum || kind == MessageKind::kAbandon;
}

struct Message {
  int peer = -1;
  Buffer bytes;

  // The message must have been checked by RequireHeader.
  MessageHeader header() const {
    MessageHeader header;
    std::memcpy(&header, bytes.data(), sizeof(header));
    return header;
  }
};

// Throws std::runtime_error unless the message begins with a header whose fields are valid.
inline void RequireHeader(const Message& message) {
  const auto refuse = [&](const char* why) {
    throw std::runtime_error("rank " + std::to_string(message.peer) + " sent a message " + why);
  };
  if (message.bytes.size() < sizeof(MessageHeader)) refuse("shorter than its header");
  const MessageHeader header = message.header();
  if (header.magic != kMagic) refuse("whose magic number is wrong");
  if (header.kind < MessageKind::kPull || header.kind > MessageKind::kAbandon ||
      header.part > RowsPart::kLate || header.format > WireFormat::kBfloat16) {
    refuse("whose header is invalid");
  }
}

inline Buffer StartMessage(Buffer buffer, const MessageHeader& header) {
  buffer.Clear();
  buffer.Append(header);
  return buffer;
}

// Reads a body from front to back. A body that is too short is an error, never an overrun.
class BodyReader {
 public:
  explicit BodyReader(const Buffer& bytes) : at_(sizeof(MessageHeader)), bytes_(bytes) {
    if (bytes.size() < sizeof(MessageHeader))
      throw std::runtime_error("a message is shorter than its header");
  }

  const std::byte* Take(std::size_t bytes) {
    if (bytes > remaining()) {
      throw std::runtime_error("a message body ends " + std::to_string(bytes - remaining()) +
                               " bytes too early");
    }
    const std::byte* begin = bytes_.data() + at_;
    at_ += bytes;
    return begin;
  }
  // The next `count` values. The count comes from a message, so it is compared without overflow.
  template <typename T>
  const T* TakeArray(std::uint64_t count) {
    if (count > remaining() / sizeof(T)) {
      throw std::runtime_error("a message body has room for " + std::to_string(remaining() / sizeof(T)) +
                               " of " + std::to_string(count) + " values");
    }
    return reinterpret_cast<const T*>(Take(static_cast<std::size_t>(count) * sizeof(T)));
  }
  std::size_t remaining() const { return bytes_.size() - at_; }

 private:
  std::size_t at_;
  const Buffer& bytes_;
};

}  // namespace wideload

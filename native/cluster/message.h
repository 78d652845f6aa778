#pragma once

#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>

#include "cluster/buffer.h"

namespace wideload {

// What passes between two ranks. One message is one MPI message: a header and a body.
//
//   worker -> owner   kPull   signs of a step, per table               find or create the rows
//                     kRead   signs, per table                         look up, never create
//                     kPush   gradients, in the order of the pull      sum, apply
//                     kFlush  nothing                                  "tell me when all I sent is applied"
//   owner -> worker   kRows   rows in the order asked for; dense slice
//                     kAck    answers kPush (asynchronous modes) and kFlush
//   worker -> worker  kSum    floats to be added over the ranks (RankSum)
//   any    -> any     kError  text: the sender has failed for good, and says why
//
// Body of kPull and kRead:  u64 count per table, then the signs of table 0, table 1, ...
// Body of kPush:            gradients [count, width] per table, then the sender's gradient of the owner's
// dense slice Body of kRows:            see `RowsPart`
enum class MessageKind : std::uint8_t { kPull = 1, kRead, kPush, kFlush, kRows, kAck, kSum, kError };

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
  }
  return "?";
}

// Which of the rows asked for a kRows message holds. A pull that arrives while a push is outstanding is
// answered in two parts: rows that the push cannot change at once (kEarly), the others when it has been
// applied (kLate). A kEarly body begins with one bit per row asked for, table by table, each padded to 8
// bytes; 1 means that the row comes late.
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
  std::uint32_t staleness = 0;  // kRows: steps of other ranks that these rows do not hold yet
  std::uint32_t reserved_2 = 0;
  std::uint64_t sequence = 0;  // kRead, kFlush, their answers, kSum: which of the sender's calls of its kind
};
static_assert(sizeof(MessageHeader) == 32);

// "pull 12", "sum 3": how errors name what a rank does, or what it sent.
inline std::string Describe(const MessageHeader& header) {
  const bool of_step = header.kind == MessageKind::kPull || header.kind == MessageKind::kPush ||
                       header.kind == MessageKind::kRows;
  return std::string(NameOf(header.kind)) + " " + std::to_string(of_step ? header.step : header.sequence);
}

// Calls, which a rank makes of its own accord, as against answers to those of others.
inline bool IsCall(MessageKind kind) {
  return kind == MessageKind::kPull || kind == MessageKind::kRead || kind == MessageKind::kPush ||
         kind == MessageKind::kFlush || kind == MessageKind::kSum;
}

struct Message {
  int peer = -1;
  Buffer bytes;

  MessageHeader header() const {
    MessageHeader header;
    std::memcpy(&header, bytes.data(), sizeof(header));
    return header;
  }
};

inline Buffer StartMessage(Buffer buffer, const MessageHeader& header) {
  buffer.Clear();
  buffer.Append(header);
  return buffer;
}

// Reads a body front to back. A body that is too short is an error, never an overrun.
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
  std::size_t remaining() const { return bytes_.size() - at_; }

 private:
  std::size_t at_;
  const Buffer& bytes_;
};

}  // namespace wideload

#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "cluster/message.h"
#include "cluster/owner.h"
#include "cluster/rank_sum.h"
#include "cluster/shard_server.h"
#include "cluster/wire.h"
#include "cluster/worker.h"
#include "table_fixture.h"

namespace wideload::testing {

// One rank of two, without threads or a transport, driven by bytes: what a fuzzer changes.
//
//   script = mode u8, records...
//   record = action u8, length u16, `length` bytes
//
//   action 0   a message from rank 1: header and body as given, but with the right magic number
//          1   the same, with the magic number given
//          2   pull of step bytes[0] of the signs bytes[1], bytes[2], ...     by this rank
//          3   read of the signs bytes[0], ...
//          4   push of step bytes[0]
//          5   flush            6   abandon step bytes[0]            7   sum of the bytes
//
// As in PsCluster, an exception from any part ends the job: the rest of the script is ignored.
class ScriptedRank {
 public:
  static constexpr int kRanks = 2;
  static constexpr std::size_t kDense = 5;

  explicit ScriptedRank(std::uint8_t mode)
      : tables_{std::make_shared<SparseTable>(PlainSpec(3)), std::make_shared<SparseTable>(Admitting(mode))},
        dense_(kDense, 0.5f),
        segments_{{kDense, {.kind = OptimizerKind::kSgd}}},
        server_(
            0, kRanks, tables_, DenseShard(dense_, segments_, 0, kRanks), PolicyOf(mode), NewBuffer,
            [](Buffer) {}, [this](int to, Buffer message) { Sent(to, std::move(message)); }),
        worker_(0, kRanks, tables_, kDense, FormatOf(mode),
                {.acknowledged = (mode & 1) == 0, .resent = (mode & 8) != 0}, NewBuffer,
                [this](int to, Buffer message) { Sent(to, std::move(message)); }),
        sum_(kRanks, NewBuffer, [this](int to, Buffer message) { Sent(to, std::move(message)); }) {}

  // Returns the error that ended the job, or "".
  std::string Run(std::span<const std::uint8_t> records) {
    try {
      while (records.size() >= 3) {
        const std::size_t asked = records[1] | static_cast<std::size_t>(records[2]) << 8;
        const std::size_t length = std::min(asked, records.size() - 3);
        Act(records[0] & 7, records.subspan(3, length));
        DeliverOwn();
        records = records.subspan(3 + length);
      }
    } catch (const std::exception& error) {
      worker_.Fail(error.what());
      sum_.Fail(error.what());
      return error.what();
    }
    worker_.Fail("end");
    sum_.Fail("end");
    return "";
  }

  std::uint64_t messages() const { return messages_; }
  const std::vector<Buffer>& sent() const { return sent_; }  // to rank 1

 private:
  static Buffer NewBuffer() { return {}; }
  static TableSpec Admitting(std::uint8_t mode) {
    return {.name = "second",
            .seed = 3,
            .slices = {PlainSlice("wide", 1), PlainSlice("deep", 4, (mode & 2) != 0 ? 2.0f : 0.0f)},
            .life = {}};
  }
  static WireFormat FormatOf(std::uint8_t mode) { return static_cast<WireFormat>((mode >> 4) % 3); }
  static ServerPolicy PolicyOf(std::uint8_t mode) {
    return {(mode & 1) != 0, (mode & 4) != 0 ? 1 : UINT64_MAX, FormatOf(mode)};
  }

  void Act(int action, std::span<const std::uint8_t> bytes) {
    if (action <= 1) return DeliverForeign(bytes, action == 0);
    if (action == 3) return worker_.Read(Signs(bytes), [](const std::string&, const WorkingSet&) {});
    if (action == 5) return worker_.Flush(Ignore);
    if (action == 7) {
      const std::vector<float> values(bytes.begin(), bytes.end());
      return sum_.Add(values, RankSum::SumCall([](const std::string&, std::span<const float>) {}));
    }
    if (bytes.empty()) return;
    const std::uint64_t step = bytes[0];
    if (action == 2) Pull(step, bytes.subspan(1));
    if (action == 4) Push(step);
    if (action == 6) worker_.Abandon(step, Ignore);
  }

  static void Ignore(const std::string&) {}

  std::vector<std::span<const Sign>> Signs(std::span<const std::uint8_t> bytes) {
    signs_.assign(bytes.begin(), bytes.end());
    return {signs_, std::span(signs_).first(signs_.size() / 2)};
  }

  void Pull(std::uint64_t step, std::span<const std::uint8_t> bytes) {
    worker_.Pull(step, Signs(bytes),
                 Worker::RowsCall([this](const std::string& error, const WorkingSet& set) {
                   if (!error.empty()) return;
                   for (std::size_t t = 0; t < 2; ++t) distinct_[t] = set.tables[t].distinct;
                 }));
  }

  void Push(std::uint64_t step) {
    std::vector<Worker::Gradient> gradients;
    std::array<std::vector<float>, 2> values;
    for (std::size_t t = 0; t < 2; ++t) {
      values[t].assign(distinct_[t] * tables_[t]->width(), 0.25f);
      gradients.push_back({values[t].data(), distinct_[t], tables_[t]->width()});
    }
    worker_.Push(step, gradients, dense_.data(), Ignore);
  }

  void DeliverForeign(std::span<const std::uint8_t> bytes, bool repair) {
    Buffer message;
    if (!bytes.empty()) std::memcpy(message.Extend(bytes.size()), bytes.data(), bytes.size());
    if (repair && bytes.size() >= sizeof(kMagic)) std::memcpy(message.data(), &kMagic, sizeof(kMagic));
    Deliver({1, std::move(message)});
  }

  void DeliverOwn() {
    while (!own_.empty()) {
      Message message{0, std::move(own_.front())};
      own_.pop_front();
      Deliver(std::move(message));
    }
  }

  // The routing of PsCluster.
  void Deliver(Message message) {
    ++messages_;
    RequireHeader(message);
    switch (message.header().kind) {
      case MessageKind::kRows:
      case MessageKind::kAck:
        return worker_.OnMessage(message);
      case MessageKind::kSum:
        return sum_.OnMessage(std::move(message));
      case MessageKind::kError:
        throw std::runtime_error("rank 1 has failed");
      default:
        return server_.Handle(std::move(message));
    }
  }

  void Sent(int to, Buffer message) {
    if (to == 0)
      own_.push_back(std::move(message));
    else
      sent_.push_back(std::move(message));
  }

  std::vector<std::shared_ptr<SparseTable>> tables_;
  std::vector<float> dense_;
  std::vector<DenseSegment> segments_;
  std::deque<Buffer> own_;
  std::vector<Buffer> sent_;
  std::vector<Sign> signs_;
  std::array<std::size_t, 2> distinct_{};
  ShardServer server_;
  Worker worker_;
  RankSum sum_;
  std::uint64_t messages_ = 0;
};

inline constexpr int kModes = 48;  // of the first byte of a script: 4 bits of options, 3 wire formats

using Script = std::vector<std::uint8_t>;

inline void AddRecord(Script& script, std::uint8_t action, std::span<const std::uint8_t> bytes) {
  script.push_back(action);
  script.push_back(static_cast<std::uint8_t>(bytes.size()));
  script.push_back(static_cast<std::uint8_t>(bytes.size() >> 8));
  script.insert(script.end(), bytes.begin(), bytes.end());
}

inline void AddMessage(Script& script, const Buffer& message) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(message.data());
  AddRecord(script, 0, {bytes, message.size()});
}

inline Buffer Bare(MessageKind kind, std::uint64_t step, std::uint64_t sequence = 0) {
  MessageHeader header;
  header.kind = kind;
  header.step = step;
  header.sequence = sequence;
  return StartMessage({}, header);
}

// Three steps, a read, a flush and a sum of two ranks that do everything right.
inline Script HonestScript(std::uint8_t mode) {
  Script script{mode};
  const WireFormat format = static_cast<WireFormat>((mode >> 4) % 3);
  const std::uint64_t half = WireBytes(format);
  const std::vector<std::uint8_t> signs{1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
  const SparseTable first(PlainSpec(3)),
      second({.name = "second", .seed = 3, .slices = {PlainSlice("w", 1)}, .life = {}});
  std::array<std::uint64_t, 2> theirs{};  // how many of this rank's signs rank 1 owns
  for (std::size_t i = 0; i < signs.size(); ++i) {
    const auto owned = [&](const SparseTable& table) {
      return ShardOf(signs[i], table.salt()) >= FirstShardOf(1, ScriptedRank::kRanks) ? 1u : 0u;
    };
    theirs[0] += owned(first);
    if (i < signs.size() / 2) theirs[1] += owned(second);
  }
  const std::size_t dense_0 = DenseShard::Begin(ScriptedRank::kDense, 1, ScriptedRank::kRanks);
  const std::size_t dense_1 = ScriptedRank::kDense - dense_0;
  const auto answer = [&](std::uint64_t step, std::uint64_t sequence, WireFormat wire) {
    Buffer rows = Bare(MessageKind::kRows, step, sequence);
    rows.data()[offsetof(MessageHeader, format)] = static_cast<std::byte>(wire);
    const std::size_t bytes = (theirs[0] * 3 + theirs[1] * 5) * WireBytes(wire) + dense_1 * sizeof(float);
    if (bytes > 0) std::memset(rows.Extend(bytes), 0, bytes);
    AddMessage(script, rows);
  };
  for (std::uint8_t step = 0; step < 3; ++step) {
    std::vector<std::uint8_t> pull{step};
    pull.insert(pull.end(), signs.begin(), signs.end());
    AddRecord(script, 2, pull);
    Buffer asked = Bare(MessageKind::kPull, step);
    for (const std::uint64_t count : {3u, 1u}) asked.Append(count);
    for (const Sign sign : {4u, 100u, 200u, 5u}) asked.Append(sign);
    AddMessage(script, asked);
    answer(step, 0, format);
    const std::vector<std::uint8_t> number{step};
    AddRecord(script, 4, number);
    Buffer push = Bare(MessageKind::kPush, step);
    push.data()[offsetof(MessageHeader, format)] = static_cast<std::byte>(format);
    const std::size_t bytes = (3 * 3 + 1 * 5) * half + dense_0 * sizeof(float);
    std::memset(push.Extend(bytes), 0, bytes);
    AddMessage(script, push);
    if ((mode & 1) == 0) AddMessage(script, Bare(MessageKind::kAck, step));
  }
  AddRecord(script, 3, signs);
  answer(0, 1, WireFormat::kFloat32);
  AddRecord(script, 7, signs);
  Buffer sum = Bare(MessageKind::kSum, 0, 1);
  for (std::size_t i = 0; i < signs.size(); ++i) sum.Append(1.0f);
  AddMessage(script, sum);
  AddMessage(script, Bare(MessageKind::kFlush, 0, 9));
  return script;
}

struct ScriptResult {
  std::string error;
  std::uint64_t messages;
};

inline ScriptResult RunScript(std::span<const std::uint8_t> script) {
  if (script.empty()) return {"", 0};
  ScriptedRank rank(script[0]);
  std::string error = rank.Run(script.subspan(1));
  return {std::move(error), rank.messages()};
}

}  // namespace wideload::testing

// The owner half by itself: messages in, messages out.

#include "cluster/shard_server.h"

#include <gtest/gtest.h>

#include <cmath>

#include "cluster/wire.h"
#include "table_fixture.h"

namespace wideload {
namespace {

using testing::PlainSlice;

constexpr ServerPolicy kAsynchronous{false, UINT64_MAX, WireFormat::kFloat32};

struct Owner {
  std::shared_ptr<SparseTable> table;
  std::vector<std::pair<int, Buffer>> replies;
  ShardServer server;

  Owner(TableSpec spec, int ranks, ServerPolicy policy, DenseShard dense = {})
      : table(std::make_shared<SparseTable>(std::move(spec))),
        server(
            0, ranks, {table}, std::move(dense), policy, [] { return Buffer(); }, [](Buffer) {},
            [this](int to, Buffer message) { replies.emplace_back(to, std::move(message)); }) {}

  void Pull(int from, std::uint64_t step, const std::vector<Sign>& signs) {
    Buffer bytes = Start(MessageKind::kPull, step);
    bytes.Append(std::uint64_t{signs.size()});
    bytes.Append(std::span<const Sign>(signs));
    server.Handle({from, std::move(bytes)});
  }
  void Push(int from, std::uint64_t step, const std::vector<float>& gradient,
            WireFormat format = WireFormat::kFloat32, const std::vector<float>& dense = {}) {
    Buffer bytes = Start(MessageKind::kPush, step, format);
    Encode(format, gradient.data(), gradient.size(), bytes.Extend(gradient.size() * WireBytes(format)));
    bytes.Append(std::span<const float>(dense));
    server.Handle({from, std::move(bytes)});
  }
  void Abandon(int from, std::uint64_t step) { server.Handle({from, Start(MessageKind::kAbandon, step)}); }

  static Buffer Start(MessageKind kind, std::uint64_t step, WireFormat format = WireFormat::kFloat32) {
    MessageHeader header;
    header.kind = kind;
    header.step = step;
    header.format = format;
    return StartMessage({}, header);
  }
};

// What a table holds for sign 4 after it was given these gradients.
std::vector<float> After(const std::vector<std::vector<float>>& gradients) {
  SparseTable table(testing::PlainSpec());
  for (const std::vector<float>& gradient : gradients) table.Push(std::vector<Sign>{4}, gradient.data(), 0);
  return testing::Peeked(table, {4});
}

TEST(ShardServer, AppliesAPushThatIsSentTwiceOnceWhereverStepsBegin) {
  for (const std::uint64_t first : {0u, 1u, 1000u}) {
    Owner owner(testing::PlainSpec(), 2, kAsynchronous);
    for (std::uint64_t step = first; step < first + 2; ++step) {
      owner.Pull(1, step, {4});
      owner.Push(1, step, {1, 2, 3, 4});
      owner.Push(1, step, {1, 2, 3, 4});
    }
    EXPECT_EQ(owner.server.duplicate_pushes(), 2u) << first;
    EXPECT_EQ(testing::Peeked(*owner.table, {4}), After({{1, 2, 3, 4}, {1, 2, 3, 4}})) << first;
  }
}

TEST(ShardServer, AppliesWhatTheOthersPushWhenOneRankAbandonsAStep) {
  Owner owner(testing::PlainSpec(), 2, {});
  owner.Pull(0, 0, {4, 5});
  owner.Pull(1, 0, {4, 6});
  owner.Push(0, 0, {1, 2, 3, 4, 5, 6, 7, 8});
  owner.Abandon(1, 0);
  EXPECT_EQ(testing::Peeked(*owner.table, {4}), After({{1, 2, 3, 4}}));
  owner.Pull(0, 1, {4});
  owner.Pull(1, 1, {4});
  EXPECT_EQ(owner.replies.size(), 4u) << "the next step is served";
}

TEST(ShardServer, AppliesNothingWhenEveryRankAbandonsAStep) {
  OptimizerSpec adam{.kind = OptimizerKind::kAdam};
  const std::vector<float> initial{1, 2};
  const std::vector<DenseSegment> segments{{2, adam}};
  Owner owner(testing::PlainSpec(), 2, {}, DenseShard(initial, segments, 0, 1));
  for (const int rank : {0, 1}) owner.Pull(rank, 0, {4});
  for (const int rank : {0, 1}) owner.Abandon(rank, 0);
  EXPECT_EQ(owner.server.dense().updates(), 0u);
  EXPECT_EQ(testing::Peeked(*owner.table, {4}), After({}));
}

TEST(ShardServer, LetsAnAbandonedStepBePulledAgain) {
  Owner owner(testing::PlainSpec(), 2, kAsynchronous);
  owner.Pull(1, 0, {4});
  owner.Abandon(1, 0);
  owner.Pull(1, 0, {4});
  owner.Push(1, 0, {1, 2, 3, 4});
  EXPECT_EQ(owner.server.duplicate_pushes(), 0u);
  EXPECT_EQ(testing::Peeked(*owner.table, {4}), After({{1, 2, 3, 4}}));
}

TEST(ShardServer, TakesHalvesOfAnOddCountBeforeTheDenseGradient) {
  const std::vector<float> initial{1, 2, 3};
  OptimizerSpec plain{.kind = OptimizerKind::kSgd, .learning_rate = 1.0f};
  const std::vector<DenseSegment> segments{{3, plain}};
  ServerPolicy half{true, UINT64_MAX, WireFormat::kFloat16};
  Owner owner(testing::PlainSpec(3), 1, half, DenseShard(initial, segments, 0, 1));
  owner.Pull(0, 0, {4});
  owner.Push(0, 0, {1, 2, 3}, WireFormat::kFloat16, {0.5f, 0.25f, 0.125f});
  EXPECT_EQ(std::vector<float>(owner.server.dense().weights().begin(), owner.server.dense().weights().end()),
            (std::vector<float>{0.5f, 1.75f, 2.875f}));
}

TEST(ShardServer, CountsAnyStalenessInBoundedMemory) {
  for (const std::uint64_t step : {std::uint64_t{1023}, std::uint64_t{UINT32_MAX}, std::uint64_t{1} << 40}) {
    Owner owner(testing::PlainSpec(), 2, kAsynchronous);
    owner.Pull(1, step, {4});
    const std::vector<std::uint64_t>& histogram = owner.server.staleness_histogram();
    ASSERT_EQ(histogram.size(), 1024u) << step;
    EXPECT_EQ(histogram.back(), 1u) << step;
  }
}

TEST(ShardServer, RefusesACountThatOverflowsItsSize) {
  for (const std::uint64_t count : {std::uint64_t{1} << 61, ~std::uint64_t{0}, std::uint64_t{2}}) {
    for (const MessageKind kind : {MessageKind::kPull, MessageKind::kRead}) {
      Owner owner(testing::PlainSpec(), 1, {});
      Buffer bytes = Owner::Start(kind, 0);
      bytes.Append(count);
      bytes.Append(Sign{4});
      EXPECT_THROW(owner.server.Handle({0, std::move(bytes)}), std::runtime_error) << count;
      EXPECT_EQ(owner.table->size(), 0u);
    }
  }
}

TEST(Message, IsRefusedUnlessItsHeaderIsValid) {
  const auto refused = [](auto change) {
    MessageHeader header;
    header.kind = MessageKind::kPull;
    change(header);
    try {
      RequireHeader({1, StartMessage({}, header)});
    } catch (const std::runtime_error& error) {
      return std::string(error.what()).find("rank 1 sent a message") == 0;
    }
    return false;
  };
  EXPECT_FALSE(refused([](MessageHeader&) {}));
  EXPECT_TRUE(refused([](MessageHeader& header) { header.magic = 1; }));
  EXPECT_TRUE(refused([](MessageHeader& header) { header.kind = MessageKind{0}; }));
  EXPECT_TRUE(refused([](MessageHeader& header) { header.kind = MessageKind{200}; }));
  EXPECT_TRUE(refused([](MessageHeader& header) { header.part = RowsPart{9}; }));
  EXPECT_TRUE(refused([](MessageHeader& header) { header.format = WireFormat{9}; }));
  Buffer cut;
  cut.Extend(sizeof(MessageHeader) - 1);
  EXPECT_THROW(RequireHeader({1, std::move(cut)}), std::runtime_error);
}

// Two ranks of which one has always pulled and not pushed: there is never a moment without outstanding steps.
TEST(ShardServer, FreesWhatMovedRowsLeaveThoughStepsAreAlwaysOutstanding) {
  TableSpec spec{
      .name = "t", .seed = 7, .slices = {PlainSlice("wide", 1), PlainSlice("deep", 64, 2.0f)}, .life = {}};
  Owner owner(spec, 2, kAsynchronous);
  const auto signs_of = [](std::uint64_t step) {
    std::vector<Sign> signs(500);
    for (std::size_t i = 0; i < signs.size(); ++i) signs[i] = step * 1000 + i;
    return signs;
  };
  const std::vector<float> gradient(500 * 65, 0.0f);
  std::uint64_t small = 0;
  for (std::uint64_t step = 0; step < 200; ++step) {
    const int from = static_cast<int>(step % 2);
    owner.Pull(from, step, signs_of(step / 2));  // the second pull of these signs admits and moves their rows
    if (step > 0) owner.Push(1 - from, step - 1, gradient);
    if (step == 20) small = owner.table->memory().slack;
  }
  EXPECT_LT(owner.table->memory().slack, 2 * small + 100'000);
}

}  // namespace
}  // namespace wideload

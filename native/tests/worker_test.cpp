// The worker half by itself: calls in, messages out.

#include "cluster/worker.h"

#include <gtest/gtest.h>

#include <chrono>

#include "table_fixture.h"

namespace wideload {
namespace {

struct Sender {
  std::vector<std::pair<int, Buffer>> sent;
  std::shared_ptr<SparseTable> table = std::make_shared<SparseTable>(testing::PlainSpec());
  Worker worker;
  std::vector<std::string> answers;

  Sender(int ranks, Worker::PushPolicy policy)
      : worker(
            0, ranks, {table}, 0, WireFormat::kFloat32, policy, [] { return Buffer(); },
            [this](int to, Buffer message) { sent.emplace_back(to, std::move(message)); }) {}

  void Reply(int from, MessageKind kind, std::uint64_t step) {
    MessageHeader header;
    header.kind = kind;
    header.step = step;
    worker.OnMessage({from, StartMessage({}, header)});
  }
  // A step without signs.
  void Step(std::uint64_t step, int ranks) {
    const std::vector<Sign> none;
    worker.Pull(step, {none}, [](const std::string&, const WorkingSet&) {});
    for (int from = 0; from < ranks; ++from) Reply(from, MessageKind::kRows, step);
    worker.Push(step, {{nullptr, 0, 4}}, nullptr,
                [this](const std::string& error) { answers.push_back(error.empty() ? "done" : error); });
  }
  std::size_t Count(MessageKind kind, int to) const {
    std::size_t count = 0;
    for (const auto& [owner, bytes] : sent) {
      MessageHeader header;
      std::memcpy(&header, bytes.data(), sizeof(header));
      count += owner == to && header.kind == kind ? 1 : 0;
    }
    return count;
  }
};

// One slow owner must not be sent more than the limit because others are fast.
TEST(Worker, CountsPushesInFlightPerOwner) {
  Sender sender(3, {.acknowledged = true, .max_in_flight = 2});
  for (std::uint64_t step = 0; step < 2; ++step) {
    sender.Step(step, 3);
    for (const int fast : {0, 1}) sender.Reply(fast, MessageKind::kAck, step);
  }
  EXPECT_EQ(sender.answers, std::vector<std::string>{"done"}) << "the second push waits for rank 2";
  EXPECT_TRUE(sender.worker.urgent());
  EXPECT_EQ(sender.worker.Oldest()->missing, std::vector<int>{2});
  sender.Reply(2, MessageKind::kAck, 0);
  EXPECT_EQ(sender.answers, (std::vector<std::string>{"done", "done"}));
}

TEST(Worker, ResendsLessAndLessOften) {
  using std::chrono::nanoseconds;
  Sender sender(1, {.acknowledged = true, .resent = true});
  sender.Step(0, 1);
  for (int call = 0; call < 1000; ++call) sender.worker.Resend(nanoseconds(100'000));
  const std::size_t soon = sender.Count(MessageKind::kPush, 0);
  EXPECT_EQ(sender.worker.Resend(std::chrono::hours(1)), 0u);
  std::size_t resent = 0;
  for (int call = 0; call < 20; ++call) resent += sender.worker.Resend(nanoseconds(0));
  EXPECT_EQ(resent, 20u);
  EXPECT_EQ(sender.Count(MessageKind::kPush, 0), soon + 20);
}

TEST(Worker, CopiesNoPushThatWillNotBeResent) {
  const auto bytes = [](bool resent) {
    Sender sender(1, {.acknowledged = true, .resent = resent, .max_in_flight = 1000});
    const std::vector<Sign> signs = testing::RandomSigns(1000, 3);
    std::size_t distinct = 0;
    sender.worker.Pull(0, {signs},
                       [&](const std::string&, const WorkingSet& set) { distinct = set.tables[0].distinct; });
    MessageHeader header;
    header.kind = MessageKind::kRows;
    Buffer rows = StartMessage({}, header);
    rows.Extend(1000 * 4 * sizeof(float));
    sender.worker.OnMessage({0, std::move(rows)});
    const std::vector<float> gradient(distinct * 4, 1.0f);
    sender.worker.Push(0, {{gradient.data(), distinct, 4}}, nullptr, [](const std::string&) {});
    return sender.worker.bytes();
  };
  EXPECT_GE(bytes(true), bytes(false) + 1000 * 4 * sizeof(float));
}

TEST(Worker, AnswersACallThatItDrops) {
  std::string answer;
  {
    const Worker::DoneCall call([&](const std::string& error) { answer = error; });
    const Worker::DoneCall copy = call;
    EXPECT_FALSE(copy.answered());
  }
  EXPECT_NE(answer.find("dropped"), std::string::npos);
}

TEST(Worker, AbandonsAStepOnceItsRowsHaveArrived) {
  Sender sender(2, {});
  const std::vector<Sign> none;
  sender.worker.Pull(3, {none}, [](const std::string&, const WorkingSet&) {});
  std::string answer = "pending";
  sender.worker.Abandon(3, [&](const std::string& error) { answer = error; });
  sender.Reply(0, MessageKind::kRows, 3);
  EXPECT_EQ(answer, "pending");
  sender.Reply(1, MessageKind::kRows, 3);
  EXPECT_EQ(answer, "");
  for (const int owner : {0, 1}) EXPECT_EQ(sender.Count(MessageKind::kAbandon, owner), 1u);
  sender.worker.Pull(3, {none}, [&](const std::string& error, const WorkingSet&) { answer = error; });
  for (const int owner : {0, 1}) sender.Reply(owner, MessageKind::kRows, 3);
  EXPECT_EQ(answer, "") << "the step can be pulled again";
  sender.worker.Abandon(9, [&](const std::string& error) { answer = error; });
  EXPECT_NE(answer.find("step 9 is not pulled"), std::string::npos);
}

}  // namespace
}  // namespace wideload

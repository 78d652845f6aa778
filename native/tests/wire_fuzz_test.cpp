// What a rank does with messages that no honest rank sends: it refuses them and never reads or writes beyond its memory
// (which the sanitizers watch). The same scripts feed native/fuzz, which searches much longer.

#include <gtest/gtest.h>

#include <random>

#include "wire_script.h"

namespace wideload {
namespace {

using testing::AddMessage;
using testing::AddRecord;
using testing::Bare;
using testing::HonestScript;
using testing::kModes;
using testing::RunScript;
using testing::Script;

void Mutate(Script& script, std::mt19937_64& random) {
  const auto position = [&] { return 1 + random() % (script.size() - 1); };
  const auto at = [&](std::size_t i) { return script.begin() + static_cast<std::ptrdiff_t>(i); };
  switch (random() % 6) {
    case 0:
      script[position()] ^= static_cast<std::uint8_t>(1u << random() % 8);
      break;
    case 1:
      script[position()] = static_cast<std::uint8_t>(random());
      break;
    case 2:
      script.erase(at(position()));
      break;
    case 3:
      script.insert(at(position()), static_cast<std::uint8_t>(random()));
      break;
    case 4:
      script.resize(1 + position());
      break;
    default: {  // a part again, elsewhere
      const std::size_t from = position();
      const std::size_t size = std::min<std::size_t>(random() % 64, script.size() - from);
      const Script part(at(from), at(from + size));
      script.insert(at(position()), part.begin(), part.end());
    }
  }
}

TEST(WireFuzz, AcceptsWhatHonestRanksSay) {
  for (int mode = 0; mode < kModes; ++mode) {
    const auto [error, messages] = RunScript(HonestScript(static_cast<std::uint8_t>(mode)));
    EXPECT_EQ(error, "") << "mode " << mode;
    EXPECT_GE(messages, 20u) << "mode " << mode;
  }
}

TEST(WireFuzz, SurvivesMutatedMessages) {
  std::mt19937_64 random(20261127);
  std::uint64_t messages = 0;
  int refused = 0, accepted = 0;
  for (int round = 0; round < 4000; ++round) {
    Script script = HonestScript(static_cast<std::uint8_t>(round % kModes));
    for (std::uint64_t change = 1 + random() % 4; change > 0; --change) Mutate(script, random);
    const auto result = RunScript(script);
    messages += result.messages;
    ++(result.error.empty() ? accepted : refused);
  }
  EXPECT_GT(messages, 20'000u);
  EXPECT_GT(refused, 400);
  EXPECT_GT(accepted, 400);
}

TEST(WireFuzz, RefusesLateRowsWithoutEarlyOnes) {
  Script script{1};
  const std::vector<std::uint8_t> pull{0, 1, 2, 3, 4};
  AddRecord(script, 2, pull);
  Buffer late = Bare(MessageKind::kRows, 0);
  late.data()[offsetof(MessageHeader, part)] = static_cast<std::byte>(RowsPart::kLate);
  late.Extend(64);
  AddMessage(script, late);
  EXPECT_NE(RunScript(script).error.find("late rows"), std::string::npos) << RunScript(script).error;
}

// Step 1 is prefetched while step 0 is outstanding; its push cannot come first.
TEST(WireFuzz, RefusesAPushBeforeThatOfTheStepBefore) {
  Script script{1};
  for (std::uint8_t step = 0; step < 2; ++step) {
    const std::vector<std::uint8_t> pull{step, 1, 2, 3, 4};
    AddRecord(script, 2, pull);
    Buffer asked = Bare(MessageKind::kPull, step);
    for (const std::uint64_t count : {1u, 0u}) asked.Append(count);
    asked.Append(Sign{1});
    AddMessage(script, asked);
  }
  const std::size_t dense = DenseShard::Begin(testing::ScriptedRank::kDense, 1, 2);
  Buffer push = Bare(MessageKind::kPush, 1);
  const std::size_t bytes = (3 + dense) * sizeof(float);
  std::memset(push.Extend(bytes), 0, bytes);
  AddMessage(script, push);
  EXPECT_NE(RunScript(script).error.find("push step 0 first"), std::string::npos) << RunScript(script).error;
}

}  // namespace
}  // namespace wideload

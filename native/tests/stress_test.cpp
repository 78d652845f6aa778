// Threads that create, pull, push, evict and scan at once. Meant for the sanitizers; its assertions hold
// under any interleaving.

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <thread>
#include <vector>

#include "table/sparse_table.h"
#include "table_fixture.h"

namespace wideload {
namespace {

using testing::RandomSigns;

constexpr int kRounds = 30;
constexpr std::size_t kBatch = 2000;

void Together(const std::vector<std::function<void()>>& tasks) {
  std::vector<std::thread> threads;
  for (const auto& task : tasks) threads.emplace_back(task);
  for (std::thread& thread : threads) thread.join();
}

std::vector<Sign> SomeSigns(std::uint64_t seed) {
  auto signs = RandomSigns(kBatch, seed);
  for (Sign& sign : signs) sign %= 8000;
  return signs;
}

// Both elements of a row get the same gradients, so they always differ by a constant: a torn row would not.
TEST(Stress, RowsAreNeverTorn) {
  TableSpec spec = testing::PlainSpec(16);
  spec.slices[0].initializer.kind = InitializerKind::kZeros;
  SparseTable table(spec);
  std::atomic<std::uint64_t> torn{0};
  const auto push = [&](std::uint64_t seed) {
    for (std::uint64_t round = 0; round < kRounds; ++round)
      testing::Push(table, SomeSigns(seed + round), 1.0f);
  };
  const auto pull = [&](std::uint64_t seed) {
    for (std::uint64_t round = 0; round < kRounds; ++round) {
      const auto rows = testing::Pulled(table, SomeSigns(seed + round));
      for (std::size_t i = 0; i < rows.size(); ++i) torn += rows[i] != rows[i / 16 * 16];
    }
  };
  Together({[&] { push(0); }, [&] { push(1000); }, [&] { pull(0); }, [&] { pull(500); }});
  EXPECT_EQ(torn.load(), 0u);
}

TEST(Stress, NoPushIsLost) {
  TableSpec spec = testing::PlainSpec(1);
  spec.slices[0].initializer.kind = InitializerKind::kZeros;
  SparseTable table(spec);
  std::vector<Sign> signs(500);
  for (std::size_t i = 0; i < signs.size(); ++i) signs[i] = i;
  const auto push = [&] {
    for (int round = 0; round < kRounds; ++round) testing::Push(table, signs, -1.0f);
  };
  Together({push, push, push});
  EXPECT_EQ(testing::Pulled(table, signs), std::vector<float>(500, 3.0f * kRounds));
}

TEST(Stress, EveryOperationAtOnce) {
  TableSpec spec{.name = "t",
                 .seed = 1,
                 .slices = {testing::PlainSlice("wide", 1), testing::PlainSlice("deep", 4, 3.0f)},
                 .life = {.ttl_steps = 5, .decay = 0.9f, .max_rows = 5000}};
  SparseTable table(spec);
  table.SetThreads(2);
  std::atomic<std::uint32_t> clock{0};
  std::atomic<bool> working{true};
  const auto train = [&](std::uint64_t seed) {
    for (std::uint64_t round = 0; round < kRounds; ++round) {
      const auto signs = SomeSigns(seed + round);
      const std::uint32_t step = ++clock;
      testing::Pulled(table, signs, step);
      testing::Push(table, signs, 0.1f, step);
      testing::Peeked(table, SomeSigns(seed + round + 7));
    }
  };
  const auto tend = [&] {
    while (working) {
      table.Evict(clock);
      table.Decay();
      table.Erase(std::span<const Sign>(SomeSigns(clock)).first(10));
      table.Shrink();
      std::this_thread::yield();
    }
  };
  const auto watch = [&] {
    while (working) {
      std::uint64_t rows = 0;
      for (std::uint32_t s = 0; s < kShards; s += 16) {
        table.Scan(s, [&](Sign, const RowHeader&, std::span<const float>) { ++rows; });
        rows += table.ExportShard(s + 1).rows();
      }
      EXPECT_LE(rows, 8000u);
      EXPECT_GT(table.memory().total(), 0u);
      std::this_thread::yield();
    }
  };
  std::thread tender(tend), watcher(watch);
  Together({[&] { train(0); }, [&] { train(100); }});
  working = false;
  tender.join();
  watcher.join();
  table.Evict(clock);
  EXPECT_LE(table.size(), 5000u);
  EXPECT_GT(table.size(), 0u);
}

}  // namespace
}  // namespace wideload

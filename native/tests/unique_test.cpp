#include "table/unique.h"

#include <gtest/gtest.h>

#include <numeric>
#include <unordered_map>
#include <vector>

#include "table_fixture.h"

namespace wideload {
namespace {

template <typename T>
std::vector<T> Copy(std::span<const T> span) {
  return {span.begin(), span.end()};
}

TEST(Unique, KeepsTheOrderOfFirstAppearance) {
  Unique unique;
  const auto found = unique.Find(std::vector<Sign>{7, 3, 7, 9, 3, 7});
  EXPECT_EQ(Copy(found.unique), (std::vector<Sign>{7, 3, 9}));
  EXPECT_EQ(Copy(found.inverse), (std::vector<std::int32_t>{0, 1, 0, 2, 1, 0}));
  EXPECT_EQ(Copy(found.counts), (std::vector<std::int32_t>{3, 2, 1}));
}

TEST(Unique, OfNothingIsNothing) {
  Unique unique;
  EXPECT_TRUE(unique.Find({}).unique.empty());
  EXPECT_TRUE(unique.FindByShard({}, 1).inverse.empty());
}

TEST(Unique, ExtremeSignsAreOrdinary) {
  Unique unique;
  const Sign last = ~Sign{0};
  const auto found = unique.Find(std::vector<Sign>{0, last, 0, last});
  EXPECT_EQ(Copy(found.unique), (std::vector<Sign>{0, last}));
}

TEST(Unique, AgreesWithAPlainMapBatchAfterBatch) {
  Unique unique;
  for (std::uint64_t batch = 0; batch < 50; ++batch) {
    std::vector<Sign> signs = testing::RandomSigns(batch * 97, batch);
    for (Sign& sign : signs) sign %= 1 + batch * 31;
    std::unordered_map<Sign, std::int32_t> counts;
    for (const Sign sign : signs) ++counts[sign];
    const auto found = unique.Find(signs);
    ASSERT_EQ(found.unique.size(), counts.size());
    for (std::size_t i = 0; i < signs.size(); ++i) {
      ASSERT_EQ(found.unique[static_cast<std::size_t>(found.inverse[i])], signs[i]);
    }
    for (std::size_t u = 0; u < found.unique.size(); ++u) ASSERT_EQ(found.counts[u], counts[found.unique[u]]);
  }
}

TEST(Unique, SurvivesTheEndOfItsEpochs) {
  Unique unique;
  for (std::uint64_t batch = 0; batch < 70000; ++batch) {
    const std::vector<Sign> signs{batch % 3, 1, 2};
    ASSERT_EQ(unique.Find(signs).unique.size(), batch % 3 == 0 ? 3u : 2u) << batch;
  }
}

TEST(Unique, ByShardIsAscendingWithInverseAndCountsRenumbered) {
  std::vector<Sign> signs = testing::RandomSigns(5000, 1);
  for (Sign& sign : signs) sign %= 3000;
  const std::uint64_t salt = SaltOf("t");
  Unique unique;
  const auto found = unique.FindByShard(signs, salt);
  for (std::size_t i = 0; i < signs.size(); ++i) {
    ASSERT_EQ(found.unique[static_cast<std::size_t>(found.inverse[i])], signs[i]);
  }
  for (std::uint32_t s = 0; s < kShards; ++s) {
    for (std::uint32_t u = found.shard_begin[s]; u < found.shard_begin[s + 1]; ++u) {
      ASSERT_EQ(ShardOf(found.unique[u], salt), s);
    }
  }
  EXPECT_EQ(std::accumulate(found.counts.begin(), found.counts.end(), std::size_t{0}), signs.size());
}

}  // namespace
}  // namespace wideload

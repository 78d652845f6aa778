#include "table/hash.h"

#include <gtest/gtest.h>

#include <array>
#include <random>

#include "table_fixture.h"

namespace wideload {
namespace {

TEST(Hash, MixingIsABijection) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 10000; ++i) {
    const std::uint64_t x = random();
    ASSERT_EQ(Unmix64(Mix64(x)), x);
  }
  EXPECT_EQ(Unmix64(Mix64(0)), 0u);
  EXPECT_EQ(Unmix64(Mix64(~std::uint64_t{0})), ~std::uint64_t{0});
}

// splitmix64 seeded with 0, as its authors' reference code prints it.
TEST(Hash, MixingIsSplitmix64) {
  EXPECT_EQ(Mix64(0), 0xe220a8397b1dcdafu);
  EXPECT_EQ(Mix64(0x9e3779b97f4a7c15u), 0x6e789e6aa1b965f4u);
}

TEST(Hash, EqualValuesOfTwoSlotsHaveDifferentSigns) { EXPECT_NE(SignOf(1, 42), SignOf(2, 42)); }

// Consecutive ids, multiples of 2^32 and of 8: patterns that collide under an identity hash.
TEST(Hash, PatternedKeysSpreadEvenlyOverTheShards) {
  constexpr std::uint64_t kKeys = 1u << 18;
  for (const std::uint64_t stride : {1ull, 8ull, 1ull << 32, 1ull << 40}) {
    std::array<int, kShards> rows{};
    for (std::uint64_t i = 0; i < kKeys; ++i) ++rows[ShardOf(i * stride, SaltOf("t"))];
    for (const int count : rows) {
      ASSERT_GT(count, 1024 - 6 * 32) << "stride " << stride;
      ASSERT_LT(count, 1024 + 6 * 32) << "stride " << stride;
    }
  }
}

TEST(Hash, SignsMadeToShareATagDo) {
  const std::uint64_t salt = SaltOf("plain");
  const auto signs = testing::SameTagSigns(10, salt);
  for (const Sign sign : signs) {
    EXPECT_EQ(TagOfHash(HashOf(sign, salt)), TagOfHash(HashOf(signs[0], salt)));
    EXPECT_EQ(ShardOf(sign, salt), ShardOf(signs[0], salt));
  }
}

}  // namespace
}  // namespace wideload

#include "table/sparse_table.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <vector>

#include "table/initializer.h"
#include "table_fixture.h"

namespace wideload {
namespace {

using testing::Peeked;
using testing::PlainSpec;
using testing::Pulled;
using testing::Push;
using testing::RandomSigns;

TEST(SparseTable, IsEmptyAndSmallAtFirst) {
  const SparseTable table(PlainSpec());
  EXPECT_EQ(table.size(), 0u);
  EXPECT_LT(table.memory().total(), 1u << 20);
}

TEST(SparseTable, PullCreatesTheRowsThatTheInitialiserPrescribes) {
  SparseTable table(PlainSpec());
  const auto signs = RandomSigns(1000, 1);
  std::vector<float> expected(signs.size() * 4);
  InitialRows(table.spec(), signs, expected.data());
  EXPECT_EQ(Pulled(table, signs), expected);
  EXPECT_EQ(table.size(), 1000u);
  EXPECT_EQ(Pulled(table, signs), expected);
  EXPECT_EQ(table.size(), 1000u);
}

TEST(SparseTable, ReadOnlyPullCreatesNothing) {
  SparseTable table(PlainSpec());
  const auto signs = RandomSigns(100, 2);
  const auto peeked = Peeked(table, signs);
  EXPECT_EQ(table.size(), 0u);
  EXPECT_EQ(peeked, Pulled(table, signs));
  const auto zeros = Peeked(table, RandomSigns(5, 3), SparseTable::Absent::kZeros);
  EXPECT_EQ(zeros, std::vector<float>(20, 0.0f));
}

TEST(SparseTable, PushSumsEqualSignsAndAppliesOnce) {
  TableSpec spec = PlainSpec(1);
  spec.slices[0].optimizer = {
      .kind = OptimizerKind::kAdaGrad, .learning_rate = 1.0f, .initial_accumulator = 0.0f, .epsilon = 0.0f};
  SparseTable table(spec);
  const float before = Pulled(table, {5})[0];
  const std::vector<float> gradients{1, 10, 2, 3};
  table.Push(std::vector<Sign>{5, 6, 5, 5}, gradients.data(), 1);
  // AdaGrad's first step is the sign of the summed gradient; three separate steps would move further.
  EXPECT_FLOAT_EQ(Pulled(table, {5})[0], before - 1.0f);
}

TEST(SparseTable, PushCreatesAbsentRows) {
  SparseTable table(PlainSpec(1));
  const float initial = Peeked(table, {9})[0];
  Push(table, {9}, 0.25f);
  EXPECT_EQ(table.size(), 1u);
  EXPECT_FLOAT_EQ(Peeked(table, {9})[0], initial - 0.25f);
}

TEST(SparseTable, LearningRateScaleIsTheStepsSchedule) {
  SparseTable table(PlainSpec(1));
  const float initial = Pulled(table, {1})[0];
  table.SetLearningRateScale(0.5f);
  Push(table, {1}, 1.0f);
  EXPECT_FLOAT_EQ(Pulled(table, {1})[0], initial - 0.5f);
}

TEST(SparseTable, EverySignIsLegal) {
  SparseTable table(PlainSpec(2));
  const std::vector<Sign> signs{0, ~Sign{0}, 1, 1ull << 63};
  Push(table, signs, 1.0f);
  EXPECT_EQ(table.size(), 4u);
  EXPECT_EQ(table.Erase(signs), 4u);
  EXPECT_EQ(table.size(), 0u);
}

TEST(SparseTable, TellsSignsOfOneTagApart) {
  SparseTable table(PlainSpec(2));
  const auto signs = testing::SameTagSigns(500, table.salt());
  std::vector<float> expected(signs.size() * 2);
  InitialRows(table.spec(), signs, expected.data());
  EXPECT_EQ(Pulled(table, signs), expected);
  EXPECT_EQ(table.size(), 500u);
  EXPECT_EQ(table.Erase(std::span(signs).first(250)), 250u);
  EXPECT_EQ(Peeked(table, signs), expected);
  EXPECT_EQ(table.size(), 250u);
}

TEST(SparseTable, AllEqualSignsAreOneRow) {
  SparseTable table(PlainSpec(1));
  const std::vector<Sign> signs(1000, 77);
  const float initial = Pulled(table, signs)[999];
  Push(table, signs, 1.0f);
  EXPECT_EQ(table.size(), 1u);
  EXPECT_FLOAT_EQ(Pulled(table, {77})[0], initial - 1000.0f);
}

TEST(SparseTable, SeveralThreadsGiveTheBitsOfOne) {
  TableSpec spec = PlainSpec(8);
  spec.slices[0].optimizer = {.kind = OptimizerKind::kAdam};
  SparseTable one(spec), three(spec);
  three.SetThreads(3);
  for (std::uint64_t step = 0; step < 5; ++step) {
    auto signs = RandomSigns(10000, step % 2);
    for (Sign& sign : signs) sign %= 6000;
    EXPECT_EQ(Pulled(one, signs), Pulled(three, signs));
    Push(one, signs, 0.1f);
    Push(three, signs, 0.1f);
  }
  EXPECT_EQ(one.size(), three.size());
  for (std::uint32_t s = 0; s < kShards; ++s)
    ASSERT_EQ(one.ExportShard(s).floats, three.ExportShard(s).floats);
}

TEST(SparseTable, AgreesWithAPlainMapOverRandomOperations) {
  std::mt19937_64 random(11);
  SparseTable table(PlainSpec(1));
  std::map<Sign, float> model;
  const auto initial = [&](Sign sign) { return Peeked(SparseTable(PlainSpec(1)), {sign})[0]; };
  for (int step = 0; step < 400; ++step) {
    std::vector<Sign> signs(random() % 60);
    for (Sign& sign : signs) sign = random() % 300;
    const auto kind = random() % 4;
    if (kind == 0) {
      std::size_t gone = 0;
      for (const Sign sign : signs) gone += model.erase(sign);
      ASSERT_EQ(table.Erase(signs), gone);
    } else if (kind == 1) {
      for (const Sign sign : signs) model.try_emplace(sign, initial(sign)).first->second -= 1.0f;
      Push(table, signs, 1.0f);
    } else {
      for (const Sign sign : signs) model.try_emplace(sign, initial(sign));
      const auto rows = Pulled(table, signs);
      for (std::size_t i = 0; i < signs.size(); ++i) ASSERT_NEAR(rows[i], model[signs[i]], 1e-4);
    }
    if (step % 50 == 49) table.Shrink();
    ASSERT_EQ(table.size(), model.size());
  }
}

}  // namespace
}  // namespace wideload

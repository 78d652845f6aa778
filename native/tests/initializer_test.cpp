#include "table/initializer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "table_fixture.h"

namespace wideload {
namespace {

std::vector<float> Sample(InitializerSpec initializer, std::uint32_t dim = 8) {
  SliceSpec slice = testing::PlainSlice("deep", dim);
  slice.initializer = initializer;
  const TableSpec spec{.name = "t", .seed = 3, .slices = {slice}, .life = {}};
  const auto signs = testing::RandomSigns(20000, 5);
  std::vector<float> rows(signs.size() * dim);
  InitialRows(spec, signs, rows.data());
  return rows;
}

struct Moments {
  double mean = 0, deviation = 0, low = 0, high = 0;
};

Moments MomentsOf(const std::vector<float>& values) {
  Moments moments;
  double squares = 0;
  for (const double value : values) {
    moments.mean += value;
    squares += value * value;
    moments.low = std::min(moments.low, value);
    moments.high = std::max(moments.high, value);
  }
  const auto n = static_cast<double>(values.size());
  moments.mean /= n;
  moments.deviation = std::sqrt(squares / n - moments.mean * moments.mean);
  return moments;
}

TEST(Initializer, UniformFillsItsInterval) {
  const Moments m = MomentsOf(Sample({InitializerKind::kUniform, 0.5f}));
  EXPECT_NEAR(m.mean, 0, 0.004);
  EXPECT_NEAR(m.deviation, 0.5 / std::sqrt(3.0), 0.003);
  EXPECT_GE(m.low, -0.5);
  EXPECT_LT(m.high, 0.5);
}

TEST(Initializer, GlorotScalesWithTheDimensionAlone) {
  const Moments m = MomentsOf(Sample({InitializerKind::kGlorot, 99.0f}, 12));
  EXPECT_NEAR(m.low, -0.5, 0.001);
  EXPECT_NEAR(m.high, 0.5, 0.001);
}

TEST(Initializer, NormalHasItsDeviation) {
  const Moments m = MomentsOf(Sample({InitializerKind::kNormal, 2.0f}));
  EXPECT_NEAR(m.mean, 0, 0.03);
  EXPECT_NEAR(m.deviation, 2.0, 0.02);
  EXPECT_GT(m.high, 7.0);
}

TEST(Initializer, TruncatedNormalEndsAtTwoDeviations) {
  const Moments m = MomentsOf(Sample({InitializerKind::kTruncatedNormal, 2.0f}));
  EXPECT_NEAR(m.mean, 0, 0.03);
  EXPECT_NEAR(m.deviation, 2.0 * 0.8796, 0.02);
  EXPECT_GE(m.low, -4.0);
  EXPECT_LE(m.high, 4.0);
}

TEST(Initializer, QuantilesAreThoseOfTheNormalDistribution) {
  EXPECT_DOUBLE_EQ(NormalQuantile(0.5), 0.0);
  EXPECT_NEAR(NormalQuantile(0.975), 1.959963984540054, 1e-14);
  EXPECT_NEAR(NormalQuantile(0.0013498980316300933), -3.0, 1e-13);
  EXPECT_NEAR(NormalQuantile(1e-20), -9.262340089798408, 1e-12);
}

TEST(Initializer, ARowDependsOnSeedTableSliceAndSignOnly) {
  const auto row = [](std::uint64_t seed, const char* table, const char* slice, Sign sign) {
    std::vector<float> out(4);
    RowInitializer(seed, table, testing::PlainSlice(slice, 4)).Fill(sign, out.data());
    return out;
  };
  const auto base = row(1, "t", "s", 5);
  EXPECT_EQ(base, row(1, "t", "s", 5));
  EXPECT_NE(base, row(2, "t", "s", 5));
  EXPECT_NE(base, row(1, "u", "s", 5));
  EXPECT_NE(base, row(1, "t", "r", 5));
  EXPECT_NE(base, row(1, "t", "s", 6));
}

// The first floats of a longer slice are those of a shorter one: widening an embedding keeps what it had.
TEST(Initializer, ElementsDoNotDependOnTheDimension) {
  std::vector<float> small(4), large(8);
  RowInitializer(1, "t", testing::PlainSlice("s", 4)).Fill(9, small.data());
  RowInitializer(1, "t", testing::PlainSlice("s", 8)).Fill(9, large.data());
  EXPECT_TRUE(std::equal(small.begin(), small.end(), large.begin()));
}

SliceSpec PretrainedSlice(std::string name, float admit_at = 0.0f) {
  SliceSpec slice = testing::PlainSlice(std::move(name), 2, admit_at);
  slice.pretrained = std::make_shared<PretrainedRows>(
      PretrainedRows{.signs = {3, 8, ~Sign{0}}, .rows = {1.0f, 2.0f, 3.0f, 4.0f, 5.0f, 6.0f}});
  return slice;
}

TEST(Initializer, ASignWithAPretrainedRowStartsFromItAndOthersAsEver) {
  SparseTable table({.name = "t", .seed = 1, .slices = {PretrainedSlice("s")}, .life = {}});
  SparseTable plain({.name = "t", .seed = 1, .slices = {testing::PlainSlice("s", 2)}, .life = {}});
  EXPECT_EQ(testing::Peeked(table, {8, ~Sign{0}, 3}), (std::vector<float>{3, 4, 5, 6, 1, 2}));
  EXPECT_EQ(table.size(), 0u);
  EXPECT_EQ(testing::Pulled(table, {3, 8}), (std::vector<float>{1, 2, 3, 4}));
  EXPECT_EQ(table.size(), 2u);
  EXPECT_EQ(testing::Pulled(table, {0, 4, 9}), testing::Pulled(plain, {0, 4, 9}));
}

TEST(Initializer, APretrainedRowIsTrainedLikeAnyOther) {
  SparseTable table({.name = "t", .seed = 1, .slices = {PretrainedSlice("s")}, .life = {}});
  testing::Push(table, {8}, 0.5f);
  EXPECT_EQ(testing::Pulled(table, {8}), (std::vector<float>{2.5f, 3.5f}));
}

TEST(Initializer, ASliceThatWaitsForAdmissionStartsFromItsPretrainedRow) {
  SparseTable table({.name = "t", .seed = 1, .slices = {PretrainedSlice("s", 2.0f)}, .life = {}});
  EXPECT_EQ(testing::Pulled(table, {8}), (std::vector<float>{0, 0}));
  testing::Push(table, {8, 8}, 0.5f);
  EXPECT_EQ(testing::Pulled(table, {8}), (std::vector<float>{3, 4}));
}

TEST(Initializer, PretrainedRowsThatDoNotFitAreRefused) {
  SliceSpec slice = testing::PlainSlice("s", 3);
  const auto make = [&](std::vector<Sign> signs, std::size_t floats) {
    slice.pretrained =
        std::make_shared<PretrainedRows>(PretrainedRows{std::move(signs), std::vector<float>(floats)});
    SparseTable({.name = "t", .seed = 1, .slices = {slice}, .life = {}});
  };
  EXPECT_NO_THROW(make({1, 2}, 6));
  EXPECT_THROW(make({1, 2}, 5), std::invalid_argument);
  EXPECT_THROW(make({2, 2}, 6), std::invalid_argument);
  EXPECT_THROW(make({2, 1}, 6), std::invalid_argument);
}

// Pinned: checkpoints and the variables of other strategies depend on these exact bits.
TEST(Initializer, RowsStayTheSameFromVersionToVersion) {
  std::vector<float> out(3);
  RowInitializer(42, "clicks", testing::PlainSlice("deep", 3)).Fill(0, out.data());
  EXPECT_EQ(out, (std::vector<float>{-0x1.38ca780000000p-2f, 0x1.0519800000000p-5f, -0x1.80bbc00000000p-2f}));
}

}  // namespace
}  // namespace wideload

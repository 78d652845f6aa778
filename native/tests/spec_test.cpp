// What a table rejects, and with which message.

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "table/sparse_table.h"
#include "table_fixture.h"

namespace wideload {
namespace {

using testing::PlainSpec;

template <typename Call>
std::string MessageOf(Call call) {
  try {
    call();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "(nothing was thrown)";
}

std::string Refusal(const TableSpec& spec) {
  return MessageOf([&] { SparseTable table(spec); });
}

bool Contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(Spec, ADimensionOfZeroIsRefused) {
  const std::string message = Refusal(PlainSpec(0));
  EXPECT_TRUE(Contains(message, "'deep' has dimension 0")) << message;
  EXPECT_TRUE(Contains(message, "1 to 65536")) << message;
}

TEST(Spec, AnUnknownOptimizerIsRefusedWithTheKnownOnes) {
  const std::string message = MessageOf([] { ParseOptimizerKind("adagradd"); });
  EXPECT_TRUE(Contains(message, "'adagradd'")) << message;
  EXPECT_TRUE(Contains(message, "ftrl, adagrad, row_wise_adagrad, adam, sgd")) << message;
}

TEST(Spec, NamesAreUniqueAndPresent) {
  TableSpec twice = PlainSpec();
  twice.slices.push_back(twice.slices[0]);
  EXPECT_TRUE(Contains(Refusal(twice), "two slices named 'deep'"));
  TableSpec nameless = PlainSpec();
  nameless.name.clear();
  EXPECT_TRUE(Contains(Refusal(nameless), "no name"));
  TableSpec bare = PlainSpec();
  bare.slices.clear();
  EXPECT_TRUE(Contains(Refusal(bare), "no slices"));
}

TEST(Spec, ConstantsOutOfRangeAreNamed) {
  TableSpec spec = PlainSpec();
  spec.slices[0].optimizer.learning_rate = -1.0f;
  EXPECT_TRUE(Contains(Refusal(spec), "sgd: learning_rate is -1"));
  spec = PlainSpec();
  spec.slices[0].optimizer.momentum = 1.0f;
  EXPECT_TRUE(Contains(Refusal(spec), "momentum"));
  spec = PlainSpec();
  spec.slices[0].initializer.scale = std::nanf("");
  EXPECT_TRUE(Contains(Refusal(spec), "scale"));
  spec = PlainSpec();
  spec.life.decay = 1.5f;
  EXPECT_TRUE(Contains(Refusal(spec), "life.decay"));
}

TEST(Spec, AtMostFourAdmissionThresholds) {
  TableSpec spec = PlainSpec(1);
  for (int i = 1; i <= 3; ++i)
    spec.slices.push_back(testing::PlainSlice(std::to_string(i), 1, static_cast<float>(i)));
  EXPECT_NO_THROW(SparseTable table(spec));
  spec.slices.push_back(testing::PlainSlice("4", 1, 4.0f));
  EXPECT_TRUE(Contains(Refusal(spec), "5 different values of admit_at"));
}

TEST(Spec, RowsBeyondAMegabyteAreRefused) {
  TableSpec spec = PlainSpec(65536);
  for (int i = 0; i < 5; ++i) spec.slices.push_back(testing::PlainSlice(std::to_string(i), 65536));
  EXPECT_TRUE(Contains(Refusal(spec), "Declare smaller slices"));
}

TEST(Spec, DigestsDifferWhereRowsWould) {
  TableSpec spec = PlainSpec();
  const std::uint64_t digest = DigestOf(spec);
  spec.seed = 99;
  spec.slices[0].optimizer.learning_rate = 0.5f;
  EXPECT_EQ(DigestOf(spec), digest) << "stored rows mean the same under another learning rate";
  spec.slices[0].optimizer.kind = OptimizerKind::kAdam;
  EXPECT_NE(DigestOf(spec), digest);
  spec = PlainSpec();
  spec.slices[0].dim = 5;
  EXPECT_NE(DigestOf(spec), digest);
}

class NanGuard : public ::testing::TestWithParam<float> {};

TEST_P(NanGuard, RefusesThePushWithNothingApplied) {
  TableSpec spec = PlainSpec(2);
  spec.nan_guard = true;
  SparseTable table(spec);
  const std::vector<Sign> signs{1, 2};
  const auto before = testing::Pulled(table, signs);
  const std::vector<float> gradients{1, 1, 1, GetParam()};
  const std::string message = MessageOf([&] { table.Push(signs, gradients.data(), 1); });
  EXPECT_TRUE(Contains(message, "gradient 1 of table 'plain'")) << message;
  EXPECT_TRUE(Contains(message, "element 1")) << message;
  std::vector<RowRef> refs(2);
  table.Locate(signs, 1, refs.data());
  EXPECT_THROW(table.Apply(refs, gradients.data()), std::invalid_argument);
  EXPECT_EQ(testing::Pulled(table, signs), before);
}

INSTANTIATE_TEST_SUITE_P(Values, NanGuard,
                         ::testing::Values(std::nanf(""), std::numeric_limits<float>::infinity(),
                                           -std::numeric_limits<float>::infinity()));

TEST(Arguments, CountsMustFitTheSigns) {
  SparseTable table(PlainSpec(1));
  const std::vector<Sign> signs{1, 2};
  const std::vector<float> gradients{0, 0}, shows{1};
  const std::string message = MessageOf([&] { table.Push(signs, gradients.data(), 1, shows); });
  EXPECT_TRUE(Contains(message, "shows has 1 values for 2 signs")) << message;
  EXPECT_TRUE(Contains(MessageOf([&] { table.SetLearningRateScale(-0.5f); }), "learning_rate_scale"));
  EXPECT_TRUE(Contains(MessageOf([&] { table.SetThreads(0); }), "threads is 0"));
}

}  // namespace
}  // namespace wideload

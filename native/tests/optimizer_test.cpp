// Limits of the update rules, and that dense parameters have the same rules as rows.

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "cluster/dense_shard.h"
#include "table/optimizer/ftrl.h"
#include "table_fixture.h"

namespace wideload {
namespace {

constexpr std::uint32_t kDim = 5;

std::vector<float> GradientOf(int step) {
  std::vector<float> gradient(kDim);
  for (std::uint32_t j = 0; j < kDim; ++j)
    gradient[j] = 0.3f * std::sin(static_cast<float>(step) + 0.7f * static_cast<float>(j));
  return gradient;
}

class EveryOptimizer : public ::testing::TestWithParam<OptimizerKind> {
 protected:
  static OptimizerSpec Spec() {
    OptimizerSpec spec{.kind = GetParam(), .learning_rate = 0.05f};
    spec.momentum = 0.9f;
    spec.l1 = 0.01f;
    spec.l2 = 0.02f;
    return spec;
  }
};

// Adam counts updates per row and per dense vector: the same while a row is used in every step.
TEST_P(EveryOptimizer, GivesDenseParametersTheBitsOfARow) {
  SliceSpec slice{"all", kDim, Spec(), {InitializerKind::kUniform, 0.5f}, 0.0f};
  SparseTable table({.name = "t", .seed = 7, .slices = {slice}, .life = {}});
  const std::vector<Sign> sign{42};
  std::vector<float> row = testing::Pulled(table, sign);
  const std::vector<DenseSegment> segments{{kDim, Spec()}};
  DenseShard dense(row, segments, 0, 1);
  for (int step = 0; step < 50; ++step) {
    const std::vector<float> gradient = GradientOf(step);
    table.Push(sign, gradient.data(), static_cast<std::uint32_t>(step));
    dense.Apply(gradient, 1.0f);
    row = testing::Peeked(table, sign);
    ASSERT_EQ(row, std::vector<float>(dense.weights().begin(), dense.weights().end())) << step;
  }
}

TEST_P(EveryOptimizer, LeavesWeightsAloneAtALearningRateOfZero) {
  const std::vector<float> initial{1.0f, -2.0f, 0.0f, 0.25f, 3.0f};
  const std::vector<DenseSegment> segments{{kDim, Spec()}};
  DenseShard dense(initial, segments, 0, 1);
  for (const std::vector<float>& gradient : {GradientOf(1), std::vector<float>(kDim, 0.0f)}) {
    dense.Apply(gradient, 0.0f);
    EXPECT_EQ(std::vector<float>(dense.weights().begin(), dense.weights().end()), initial);
  }
  dense.Apply(GradientOf(2), 1.0f);
  for (const float w : dense.weights()) EXPECT_TRUE(std::isfinite(w)) << w;
}

TEST_P(EveryOptimizer, StaysFiniteOnZeroGradientsFromAZeroAccumulator) {
  OptimizerSpec spec = Spec();
  spec.initial_accumulator = 0.0f;
  spec.l1 = spec.l2 = 0.0f;
  const std::vector<float> initial{1.0f, -2.0f, 0.0f, 0.25f, 3.0f};
  const std::vector<DenseSegment> segments{{kDim, spec}};
  DenseShard dense(initial, segments, 0, 1);
  dense.Apply(std::vector<float>(kDim, 0.0f), 1.0f);
  EXPECT_EQ(std::vector<float>(dense.weights().begin(), dense.weights().end()), initial);
  dense.Apply(GradientOf(1), 1.0f);
  for (const float w : dense.weights()) EXPECT_TRUE(std::isfinite(w)) << w;
}

INSTANTIATE_TEST_SUITE_P(Kinds, EveryOptimizer,
                         ::testing::Values(OptimizerKind::kFtrl, OptimizerKind::kAdaGrad,
                                           OptimizerKind::kAdam, OptimizerKind::kSgd));

TEST(Ftrl, KeepsAPulledRowFiniteWhenItsFirstGradientIsZero) {
  OptimizerSpec spec{.kind = OptimizerKind::kFtrl};
  spec.initial_accumulator = spec.l2 = 0.0f;
  SparseTable table({.name = "t",
                     .seed = 7,
                     .slices = {{"w", 1, spec, {InitializerKind::kZeros, 0.0f}, 0.0f}},
                     .life = {}});
  testing::Push(table, {1}, 0.0f);
  EXPECT_EQ(testing::Peeked(table, {1}), std::vector<float>{0.0f});
  testing::Push(table, {1}, 1.0f);
  EXPECT_TRUE(std::isfinite(testing::Peeked(table, {1})[0]));
}

}  // namespace
}  // namespace wideload

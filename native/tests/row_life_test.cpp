// Admission, eviction, decay, caps, shrink.

#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "table/initializer.h"
#include "table/sparse_table.h"
#include "table_fixture.h"

namespace wideload {
namespace {

using testing::Peeked;
using testing::PlainSlice;
using testing::PlainSpec;
using testing::Pulled;
using testing::Push;
using testing::RandomSigns;

TableSpec AdmittingSpec() {
  return {.name = "t", .seed = 1, .slices = {PlainSlice("wide", 1), PlainSlice("deep", 2, 3.0f)}, .life = {}};
}

TEST(Admission, TheDeepSliceReadsZeroUntilTheRowWasShownOftenEnough) {
  SparseTable table(AdmittingSpec());
  for (int shows = 0; shows < 3; ++shows) {
    const auto row = Pulled(table, {5});
    EXPECT_EQ(row[1], 0.0f) << shows;
    EXPECT_EQ(row[2], 0.0f) << shows;
    Push(table, {5}, 1.0f);
  }
  const auto row = Pulled(table, {5});
  std::vector<float> fresh(3);
  InitialRows(table.spec(), std::vector<Sign>{5}, fresh.data());
  EXPECT_FLOAT_EQ(row[0], fresh[0] - 3.0f) << "the wide weight learnt from first sight";
  EXPECT_EQ(row[1], fresh[1]);
  EXPECT_EQ(row[2], fresh[2]);
}

TEST(Admission, UnadmittedRowsAreSmall) {
  TableSpec spec = AdmittingSpec();
  spec.slices[1].dim = 64;
  SparseTable admitting(spec);
  spec.slices[1].admit_at = 0;
  SparseTable eager(spec);
  const auto signs = RandomSigns(50000, 1);
  Pulled(admitting, signs);
  Pulled(eager, signs);
  EXPECT_LT(admitting.memory().total() * 3, eager.memory().total());
}

TEST(Admission, MayWeighClicksMoreThanShows) {
  TableSpec spec = AdmittingSpec();
  spec.life.nonclick_weight = 0.1f;
  spec.life.click_weight = 3.0f;
  SparseTable table(spec);
  const std::vector<float> gradients(6, 0.0f), shows{1, 1}, clicks{1, 0};
  table.Push(std::vector<Sign>{1, 2}, gradients.data(), 1, shows, clicks);
  EXPECT_NE(Pulled(table, {1})[1], 0.0f);
  EXPECT_EQ(Pulled(table, {2})[1], 0.0f);
}

TEST(Admission, GoesThroughSeveralThresholdsInAnyOrderOfSlices) {
  const TableSpec spec{
      .name = "t",
      .seed = 1,
      .slices = {PlainSlice("late", 1, 4.0f), PlainSlice("first", 1), PlainSlice("middle", 1, 2.0f)},
      .life = {}};
  SparseTable table(spec);
  std::vector<int> present;
  for (int shows = 0; shows < 6; ++shows) {
    const auto row = Pulled(table, {8});
    present.push_back((row[0] != 0) * 100 + (row[1] != 0) * 10 + (row[2] != 0));
    Push(table, {8}, 0.001f);
  }
  EXPECT_EQ(present, (std::vector<int>{10, 10, 11, 11, 111, 111}));
}

TEST(Admission, ManyRowsMoveTogether) {
  SparseTable table(AdmittingSpec());
  const auto signs = RandomSigns(20000, 3);
  for (int i = 0; i < 3; ++i) Push(table, signs, 0.0f);
  std::vector<float> fresh(signs.size() * 3);
  InitialRows(table.spec(), signs, fresh.data());
  EXPECT_EQ(Pulled(table, signs), fresh);
}

TEST(Eviction, DropsRowsUntouchedForLongerThanTheirTimeToLive) {
  TableSpec spec = PlainSpec(1);
  spec.life.ttl_steps = 10;
  SparseTable table(spec);
  Pulled(table, {1}, 100);
  Pulled(table, {2}, 101);
  const Evicted evicted = table.Evict(111);
  EXPECT_EQ(evicted.expired, 1u);
  EXPECT_EQ(table.size(), 1u);
  std::vector<RowRef> refs(2);
  table.Find(std::vector<Sign>{1, 2}, refs.data());
  EXPECT_EQ(refs[0].row, nullptr);
  EXPECT_NE(refs[1].row, nullptr);
}

TEST(Eviction, AClockThatRanBackDropsNothing) {
  TableSpec spec = PlainSpec(1);
  spec.life.ttl_steps = 10;
  SparseTable table(spec);
  Pulled(table, {1}, 4000000000u);
  EXPECT_EQ(table.Evict(5).total(), 0u);
}

TEST(Eviction, DropsRowsWhoseScoreDecayedAway) {
  TableSpec spec = PlainSpec(1);
  spec.life.min_score = 1.0f;
  spec.life.decay = 0.5f;
  SparseTable table(spec);
  Push(table, {1}, 0.0f);
  for (int i = 0; i < 4; ++i) Push(table, {2}, 0.0f);
  EXPECT_EQ(table.Evict(1).total(), 0u);
  table.Decay();
  EXPECT_EQ(table.Evict(1).low_score, 1u);
  table.Decay();
  EXPECT_EQ(table.Evict(1).total(), 0u);
  table.Decay();
  EXPECT_EQ(table.Evict(1).low_score, 1u);
  EXPECT_EQ(table.size(), 0u);
}

TEST(Eviction, TrimsTheLeastRecentlyTouchedRowsToTheCap) {
  TableSpec spec = PlainSpec(1);
  spec.life.max_rows = 1000;
  SparseTable table(spec);
  for (std::uint32_t step = 1; step <= 4; ++step) Pulled(table, RandomSigns(400, step), step);
  EXPECT_EQ(table.size(), 1600u);
  EXPECT_EQ(table.Evict(5).trimmed, 600u);
  EXPECT_EQ(table.size(), 1000u);
  std::vector<RowRef> refs(400);
  const auto held = [&](std::uint64_t step) {
    table.Find(RandomSigns(400, step), refs.data());
    return std::count_if(refs.begin(), refs.end(), [](RowRef ref) { return ref.row != nullptr; });
  };
  EXPECT_EQ(held(1), 0);
  EXPECT_EQ(held(2), 200);
  EXPECT_EQ(held(3), 400);
  EXPECT_EQ(held(4), 400);
}

TEST(Eviction, TrimsToACapInBytes) {
  TableSpec spec = PlainSpec(10);  // rows of 24 + 40 bytes
  spec.life.max_bytes = 64 * 500;
  SparseTable table(spec);
  Pulled(table, RandomSigns(300, 1), 1);
  Pulled(table, RandomSigns(300, 2), 2);
  EXPECT_EQ(table.Evict(3).trimmed, 100u);
  EXPECT_EQ(table.size(), 500u);
}

TEST(Eviction, RowsOfStepZeroAreTrimmedToo) {
  TableSpec spec = PlainSpec(1);
  spec.life.max_rows = 10;
  SparseTable table(spec);
  Pulled(table, RandomSigns(30, 1), 0);
  EXPECT_EQ(table.Evict(0).trimmed, 20u);
}

TEST(Eviction, EvictedSignsStartAfresh) {
  TableSpec spec = PlainSpec(1);
  spec.life.ttl_steps = 1;
  SparseTable table(spec);
  const float initial = Pulled(table, {1}, 1)[0];
  Push(table, {1}, 5.0f, 1);
  table.Evict(10);
  EXPECT_EQ(Pulled(table, {1}, 10)[0], initial);
}

TEST(Cap, AFullTableRaisesAndStaysUsable) {
  TableSpec spec = PlainSpec(1);
  spec.life.max_rows = 100;
  spec.life.when_full = WhenFull::kRaise;
  SparseTable table(spec);
  const auto signs = RandomSigns(100, 1);
  const auto rows = Pulled(table, signs);
  EXPECT_THROW(Pulled(table, RandomSigns(1, 2)), std::length_error);
  EXPECT_EQ(Pulled(table, signs), rows);
  Push(table, signs, 0.0f);
  EXPECT_EQ(table.Erase(std::span(signs).first(1)), 1u);
  EXPECT_NO_THROW(Pulled(table, RandomSigns(1, 2)));
  EXPECT_EQ(table.size(), 100u);
}

TEST(Shrink, ReturnsTheMemoryOfDroppedRowsAndKeepsTheRest) {
  SparseTable table(PlainSpec(16));
  const auto signs = RandomSigns(100000, 1);
  Pulled(table, signs);
  Push(table, signs, 0.5f);
  const std::vector<Sign> kept(signs.begin(), signs.begin() + 10000);
  const auto rows = Pulled(table, kept);
  table.Erase(std::span(signs).subspan(10000));
  const auto before = table.memory();
  table.Shrink();
  const auto after = table.memory();
  EXPECT_LT(after.total() * 2, before.total());
  EXPECT_EQ(Pulled(table, kept), rows);
  EXPECT_EQ(table.size(), 10000u);
  Pulled(table, signs);
  EXPECT_EQ(table.size(), 100000u);
}

TEST(Shrink, ClearLeavesAnEmptyTable) {
  SparseTable table(PlainSpec(16));
  Pulled(table, RandomSigns(50000, 1));
  table.Clear();
  EXPECT_EQ(table.size(), 0u);
  EXPECT_LT(table.memory().total(), 1u << 20);
}

TEST(Memory, CountsLiveRowsByOwner) {
  TableSpec spec = PlainSpec(8);
  spec.slices[0].optimizer.kind = OptimizerKind::kAdaGrad;
  SparseTable table(spec);
  Pulled(table, RandomSigns(1000, 1));
  table.Erase(std::span<const Sign>(RandomSigns(100, 1)));
  const TableMemory memory = table.memory();
  EXPECT_EQ(memory.weights, 900u * 32);
  EXPECT_EQ(memory.optimizer, 900u * 32);
  EXPECT_EQ(memory.headers, 900u * 16);
  EXPECT_GT(memory.slack, 100u * 88);
}

// The payload is as declared: 16 bytes of header, weights and state. The overhead per row is bounded at any
// size.
TEST(Memory, ARowCostsAtMost24BytesBeyondItsPayload) {
  TableSpec spec = PlainSpec(8);
  spec.slices[0].optimizer.kind = OptimizerKind::kAdaGrad;
  SparseTable table(spec);
  for (std::uint64_t part = 0; part < 20; ++part) {
    Pulled(table, RandomSigns(100000, part));
    if (part < 9) continue;
    const TableMemory memory = table.memory();
    const double beyond =
        static_cast<double>(memory.total() - memory.weights - memory.optimizer - memory.headers);
    EXPECT_LT(beyond / static_cast<double>(table.size()), 24.0) << table.size() << " rows";
  }
}

}  // namespace
}  // namespace wideload

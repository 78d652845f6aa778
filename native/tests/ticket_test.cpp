// The ticketed path: Locate once, then Read and Apply by reference.

#include <gtest/gtest.h>

#include <vector>

#include "table/sparse_table.h"
#include "table_fixture.h"

namespace wideload {
namespace {

using testing::PlainSlice;
using testing::PlainSpec;
using testing::Pulled;

TableSpec AdmittingSpec() {
  return {.name = "t", .seed = 1, .slices = {PlainSlice("wide", 1), PlainSlice("deep", 2, 3.0f)}, .life = {}};
}

std::vector<RowRef> Located(SparseTable& table, const std::vector<Sign>& signs, std::uint32_t step = 1) {
  std::vector<RowRef> refs(signs.size());
  table.Locate(signs, step, refs.data());
  return refs;
}

std::vector<float> ReadRows(const SparseTable& table, const std::vector<RowRef>& refs) {
  std::vector<float> rows(refs.size() * table.width());
  table.Read(refs, rows.data());
  return rows;
}

TEST(Ticket, LocateReadIsPull) {
  SparseTable located(PlainSpec()), pulled(PlainSpec());
  const auto signs = testing::RandomSigns(3000, 1);
  EXPECT_EQ(ReadRows(located, Located(located, signs)), Pulled(pulled, signs));
}

TEST(Ticket, ApplyIsPushOfDistinctSigns) {
  SparseTable applied(PlainSpec()), pushed(PlainSpec());
  const auto signs = testing::RandomSigns(3000, 1);
  std::vector<float> gradients(signs.size() * 4);
  for (std::size_t i = 0; i < gradients.size(); ++i) gradients[i] = static_cast<float>(i % 17);
  applied.Apply(Located(applied, signs), gradients.data());
  pushed.Push(signs, gradients.data(), 1);
  EXPECT_EQ(Pulled(applied, signs), Pulled(pushed, signs));
}

TEST(Ticket, RefsStayGoodWhileOtherRowsCome) {
  SparseTable table(PlainSpec());
  const auto signs = testing::RandomSigns(100, 1);
  const auto refs = Located(table, signs);
  const auto before = ReadRows(table, refs);
  Pulled(table, testing::RandomSigns(200000, 2));
  EXPECT_EQ(ReadRows(table, refs), before);
}

TEST(Ticket, FindCreatesNothingAndReadsAbsentRowsAsZeros) {
  SparseTable table(PlainSpec(1));
  const float known = Pulled(table, {1})[0];
  std::vector<RowRef> refs(2);
  table.Find(std::vector<Sign>{1, 2}, refs.data());
  EXPECT_EQ(ReadRows(table, refs), (std::vector<float>{known, 0.0f}));
  EXPECT_EQ(table.size(), 1u);
}

// The pull of step t + 1 is located while step t computes; the gradients of step t belong to what it read.
TEST(Ticket, ARefOfBeforeAdmissionUpdatesOnlyTheSlicesItHad) {
  SparseTable table(AdmittingSpec());
  Located(table, {1});
  const auto older = Located(table, {1});  // show 2: the deep slice does not exist
  const auto newer = Located(table, {1});  // show 3: now it does
  const auto before = ReadRows(table, newer);
  EXPECT_NE(before[1], 0.0f);
  EXPECT_EQ(ReadRows(table, older), before);
  table.Apply(older, std::vector<float>{1, 1, 1}.data());
  EXPECT_EQ(ReadRows(table, newer), (std::vector<float>{before[0] - 1, before[1], before[2]}));
}

TEST(Ticket, DuplicateSignsInOneLocateMayCrossAdmission) {
  SparseTable table(AdmittingSpec());
  const auto refs = Located(table, {1, 1, 1, 1, 2});
  const auto rows = ReadRows(table, refs);
  for (std::size_t i = 1; i < 4; ++i) EXPECT_EQ(rows[i * 3 + 1], rows[1]);
  EXPECT_NE(rows[1], 0.0f);
  EXPECT_EQ(rows[4 * 3 + 1], 0.0f);
}

TEST(Ticket, WhatMovedRowsLeaveIsFreedOnRequest) {
  SparseTable table(AdmittingSpec());
  const auto signs = testing::RandomSigns(20000, 1);
  for (int i = 0; i < 3; ++i) Located(table, signs);
  table.ReleaseMoved();
  const auto held = table.memory().total();
  Located(table, testing::RandomSigns(19000, 2));  // of the small class: fits into what was freed
  EXPECT_LT(table.memory().total(), held + (1u << 20));
}

}  // namespace
}  // namespace wideload

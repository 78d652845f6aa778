#include "table/shard_index.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

namespace wideload {
namespace {

std::set<std::uint32_t> RowsOf(const ShardIndex& index, std::uint32_t tag) {
  std::set<std::uint32_t> rows;
  for (std::size_t p = index.LowerBound(tag); index.Matches(p, tag); ++p)
    rows.insert(ShardIndex::RowOf(index.At(p)));
  return rows;
}

void Insert(ShardIndex& index, std::uint32_t tag, std::uint32_t row) {
  index.InsertAt(index.LowerBound(tag), tag, row);
}

void EraseRow(ShardIndex& index, std::uint32_t tag, std::uint32_t row) {
  std::size_t p = index.LowerBound(tag);
  while (ShardIndex::RowOf(index.At(p)) != row) ++p;
  index.EraseAt(p);
}

// Tags from a few clusters, including the extremes, so that probes run far and reach the end of the slots.
std::uint32_t ClusteredTag(std::mt19937& random) {
  const std::uint32_t near[] = {0, 0x7FFFFFF0, 0xFFFFFFE0, 0xFFFFFFFF};
  const std::uint32_t base = near[random() % 4];
  return base > 0xFFFFFF00 ? base | random() % 32 : base + random() % 64;
}

TEST(ShardIndex, AgreesWithAPlainMultimapUnderInsertionsAndErasures) {
  std::mt19937 random(3);
  ShardIndex index;
  std::map<std::uint32_t, std::set<std::uint32_t>> model;
  std::uint32_t next_row = 0;
  std::size_t size = 0;
  for (int step = 0; step < 20000; ++step) {
    const std::uint32_t tag = random() % 3 == 0 ? static_cast<std::uint32_t>(random()) : ClusteredTag(random);
    if (random() % 3 != 0 || size == 0) {
      Insert(index, tag, next_row);
      model[tag].insert(next_row++);
      ++size;
    } else if (auto found = model.find(tag); found != model.end() && !found->second.empty()) {
      const std::uint32_t row = *found->second.begin();
      EraseRow(index, tag, row);
      found->second.erase(row);
      --size;
    }
    ASSERT_EQ(RowsOf(index, tag), model[tag]);
  }
  ASSERT_EQ(index.size(), size);
  for (const auto& [tag, rows] : model) ASSERT_EQ(RowsOf(index, tag), rows);
}

TEST(ShardIndex, HoldsManyRowsOfOneTag) {
  ShardIndex index;
  for (std::uint32_t row = 0; row < 3000; ++row) Insert(index, 0xFFFFFFFF, row);
  EXPECT_EQ(RowsOf(index, 0xFFFFFFFF).size(), 3000u);
}

TEST(ShardIndex, FilterKeepsTheRestFindable) {
  std::mt19937 random(4);
  ShardIndex index;
  std::map<std::uint32_t, std::uint32_t> tags;
  for (std::uint32_t row = 0; row < 5000; ++row) {
    tags[row] = row % 2 == 0 ? ClusteredTag(random) : static_cast<std::uint32_t>(random());
    Insert(index, tags[row], row);
  }
  index.Filter([](std::uint64_t slot) { return ShardIndex::RowOf(slot) % 3 == 0; });
  for (const auto& [row, tag] : tags) ASSERT_EQ(RowsOf(index, tag).contains(row), row % 3 == 0);
  index.Shrink();
  for (const auto& [row, tag] : tags) ASSERT_EQ(RowsOf(index, tag).contains(row), row % 3 == 0);
}

TEST(ShardIndex, ATableOfManyRowsIsNeverLessThanSevenTenthsFull) {
  std::mt19937 random(5);
  ShardIndex index;
  for (std::uint32_t row = 0; row < 50000; ++row) {
    Insert(index, static_cast<std::uint32_t>(random()), row);
    if (row <= 1000) continue;
    ASSERT_GT(static_cast<double>(index.size()) * 8 / static_cast<double>(index.bytes()), 0.68);
  }
}

}  // namespace
}  // namespace wideload

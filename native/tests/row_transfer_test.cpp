#include <gtest/gtest.h>

#include <stdexcept>
#include <vector>

#include "table/sparse_table.h"
#include "table_fixture.h"

namespace wideload {
namespace {

using testing::PlainSlice;
using testing::Pulled;
using testing::Push;
using testing::RandomSigns;

TableSpec FusedSpec() {
  TableSpec spec{
      .name = "t", .seed = 1, .slices = {PlainSlice("wide", 1), PlainSlice("deep", 3, 2.0f)}, .life = {}};
  spec.slices[0].optimizer = {.kind = OptimizerKind::kFtrl};
  spec.slices[1].optimizer = {.kind = OptimizerKind::kAdam};
  return spec;
}

void Train(SparseTable& table, std::uint64_t from, std::uint64_t to) {
  for (std::uint64_t step = from; step < to; ++step) {
    auto signs = RandomSigns(300, step);
    for (Sign& sign : signs) sign %= 500;
    Push(table, signs, 0.01f * static_cast<float>(step), static_cast<std::uint32_t>(step));
  }
}

bool SameRows(const SparseTable& a, const SparseTable& b) {
  for (std::uint32_t s = 0; s < kShards; ++s) {
    const RowBlock x = a.ExportShard(s), y = b.ExportShard(s);
    if (x.signs != y.signs || x.floats != y.floats) return false;
    for (std::size_t i = 0; i < x.rows(); ++i) {
      if (x.headers[i].show != y.headers[i].show || x.headers[i].last_step != y.headers[i].last_step)
        return false;
    }
  }
  return true;
}

TEST(RowTransfer, AnImportedTableTrainsOnWithTheSameBits) {
  SparseTable original(FusedSpec()), copy(FusedSpec());
  Train(original, 0, 20);
  for (std::uint32_t s = 0; s < kShards; ++s) copy.ImportRows(original.ExportShard(s));
  EXPECT_TRUE(SameRows(original, copy));
  Train(original, 20, 40);
  Train(copy, 20, 40);
  EXPECT_TRUE(SameRows(original, copy));
}

TEST(RowTransfer, ImportOverwritesRowsThatAreThere) {
  SparseTable original(FusedSpec()), copy(FusedSpec());
  Train(original, 0, 20);
  Train(copy, 5, 7);
  Train(copy, 30, 50);
  Train(original, 30, 50);
  for (std::uint32_t s = 0; s < kShards; ++s) copy.ImportRows(original.ExportShard(s));
  EXPECT_TRUE(SameRows(original, copy));
}

TEST(RowTransfer, ExportDoesNotDependOnTheOrderOfCreation) {
  SparseTable forward(testing::PlainSpec()), backward(testing::PlainSpec());
  auto signs = RandomSigns(5000, 1);
  const auto same_tag = testing::SameTagSigns(20, forward.salt());
  signs.insert(signs.end(), same_tag.begin(), same_tag.end());
  Pulled(forward, signs);
  Pulled(backward, std::vector<Sign>(signs.rbegin(), signs.rend()));
  EXPECT_TRUE(SameRows(forward, backward));
}

TEST(RowTransfer, ScanVisitsEveryRowOfItsShardOnce) {
  SparseTable table(testing::PlainSpec(1));
  const auto signs = RandomSigns(5000, 1);
  Pulled(table, signs);
  std::size_t visited = 0;
  for (std::uint32_t s = 0; s < kShards; ++s) {
    table.Scan(s, [&](Sign sign, const RowHeader&, std::span<const float> weights) {
      EXPECT_EQ(ShardOf(sign, table.salt()), s);
      EXPECT_EQ(weights.size(), 1u);
      ++visited;
    });
  }
  EXPECT_EQ(visited, 5000u);
}

TEST(RowTransfer, BlocksThatDoNotFitAreRefused) {
  SparseTable table(FusedSpec());
  Train(table, 0, 2);
  RowBlock block;
  for (std::uint32_t s = 0; block.rows() == 0; ++s) block = table.ExportShard(s);
  RowBlock short_floats = block;
  short_floats.floats.pop_back();
  EXPECT_THROW(table.ImportRows(short_floats), std::invalid_argument);
  RowBlock alien = block;
  alien.headers[0].set_size_class(3);
  EXPECT_THROW(table.ImportRows(alien), std::invalid_argument);
  EXPECT_THROW(table.ExportShard(kShards), std::invalid_argument);
}

}  // namespace
}  // namespace wideload

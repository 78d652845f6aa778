#include "table/row_arena.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <set>
#include <vector>

namespace wideload {
namespace {

class RowArenaOf : public ::testing::TestWithParam<std::uint32_t> {};

TEST_P(RowArenaOf, RowsNeitherOverlapNorMove) {
  BlockPool pool;
  RowArena arena;
  arena.Configure(GetParam());
  const std::uint32_t rows = 3'000'000 / GetParam() + 40;
  std::vector<std::byte*> places;
  for (std::uint32_t row = 0; row < rows; ++row) {
    ASSERT_EQ(arena.Allocate(pool), row);
    places.push_back(arena.Address(row));
    std::memset(places.back(), static_cast<int>(row % 251), GetParam());
  }
  for (std::uint32_t row = 0; row < rows; ++row) {
    ASSERT_EQ(arena.Address(row), places[row]);
    for (std::uint32_t b = 0; b < GetParam(); ++b)
      ASSERT_EQ(places[row][b], static_cast<std::byte>(row % 251));
  }
}

INSTANTIATE_TEST_SUITE_P(Strides, RowArenaOf,
                         ::testing::Values(24u, 28u, 88u, 100u, 2048u, 32768u, 40004u, 1u << 20));

TEST(RowArena, ReusesFreedRows) {
  BlockPool pool;
  RowArena arena;
  arena.Configure(64);
  for (int row = 0; row < 100; ++row) arena.Allocate(pool);
  arena.Free(3);
  arena.Free(70);
  EXPECT_EQ(arena.live(), 98u);
  EXPECT_EQ((std::set<std::uint32_t>{arena.Allocate(pool), arena.Allocate(pool)}),
            (std::set<std::uint32_t>{3, 70}));
  EXPECT_EQ(arena.Allocate(pool), 100u);
}

TEST(RowArena, TruncationGivesMemoryBackAndTheArenaGrowsAgain) {
  BlockPool pool;
  RowArena arena;
  arena.Configure(88);
  for (int row = 0; row < 100000; ++row) arena.Allocate(pool);
  const std::uint64_t before = pool.bytes();
  arena.Truncate(10, pool);
  EXPECT_LE(pool.bytes(), BlockPool::kBlockBytes);
  for (int row = 10; row < 100000; ++row) std::memset(arena.Address(arena.Allocate(pool)), 1, 88);
  EXPECT_LE(pool.bytes(), before + BlockPool::kBlockBytes);
}

TEST(RowArena, WastesLittleOfALargeTable) {
  BlockPool pool;
  std::vector<RowArena> arenas(256);
  constexpr std::uint64_t kRows = 256 * 2000;
  for (RowArena& arena : arenas) {
    arena.Configure(104);
    for (int row = 0; row < 2000; ++row) arena.Allocate(pool);
  }
  EXPECT_LT(static_cast<double>(pool.bytes()), 1.1 * 104 * kRows);
}

std::size_t Mappings() {
  std::ifstream maps("/proc/self/maps");
  return static_cast<std::size_t>(
      std::count(std::istreambuf_iterator<char>(maps), std::istreambuf_iterator<char>(), '\n'));
}

// 65,530 is all that Linux gives a process. Nothing is written, so the blocks take no memory.
TEST(BlockPool, TakesFewMappingsForManyBlocks) {
  const std::size_t before = Mappings();
  BlockPool pool;
  std::vector<std::byte*> blocks;
  for (int i = 0; i < 4000; ++i) blocks.push_back(pool.Allocate(BlockPool::kBlockBytes));
  EXPECT_EQ(pool.bytes(), 4000 * BlockPool::kBlockBytes);
  EXPECT_LT(Mappings(), before + 40);
  for (std::size_t i = 0; i < blocks.size(); i += 2) pool.Free(blocks[i], BlockPool::kBlockBytes);
  EXPECT_EQ(pool.bytes(), 2000 * BlockPool::kBlockBytes);
  EXPECT_LT(Mappings(), before + 40);
  EXPECT_EQ(std::set<std::byte*>(blocks.begin(), blocks.end()).size(), blocks.size());
}

TEST(BlockPool, UsesFreedBlocksAgainForChunksOfAnySize) {
  BlockPool pool;
  std::byte* block = pool.Allocate(BlockPool::kBlockBytes);
  std::memset(block, 7, BlockPool::kBlockBytes);
  pool.Free(block, BlockPool::kBlockBytes);
  EXPECT_EQ(pool.bytes(), 0u);
  std::byte* chunk = pool.Allocate(4096);
  EXPECT_EQ(chunk, block);
  EXPECT_EQ(chunk[100], std::byte{0}) << "its pages went back to the system";
  EXPECT_EQ(pool.bytes(), BlockPool::kBlockBytes);
}

}  // namespace
}  // namespace wideload

#include "storage/shard_file.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "storage/crc32c.h"
#include "table_fixture.h"

namespace wideload {
namespace {

namespace fs = std::filesystem;

class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "wideload-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~Folder() { fs::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

TableSpec FusedSpec() {
  TableSpec spec{.name = "t",
                 .seed = 1,
                 .slices = {testing::PlainSlice("wide", 1), testing::PlainSlice("deep", 3, 2.0f)},
                 .life = {}};
  spec.slices[1].optimizer = {.kind = OptimizerKind::kAdam};
  return spec;
}

void Train(SparseTable& table, std::size_t rows) {
  const auto signs = testing::RandomSigns(rows, 1);
  testing::Push(table, signs, 0.5f, 1);
  testing::Push(table,
                std::vector<Sign>(signs.begin(), signs.begin() + static_cast<std::ptrdiff_t>(rows / 2)),
                0.25f, 2);
  testing::Pulled(table, signs, 3);
}

bool SameRows(const SparseTable& a, const SparseTable& b) {
  for (std::uint32_t s = 0; s < kShards; ++s) {
    if (a.ExportShard(s).floats != b.ExportShard(s).floats ||
        a.ExportShard(s).signs != b.ExportShard(s).signs)
      return false;
  }
  return true;
}

std::string RefusalOf(SparseTable& table, std::uint32_t shard, const fs::path& path) {
  try {
    ReadShardFile(table, shard, path.string());
  } catch (const StorageError& error) {
    return error.what();
  }
  return "(nothing was thrown)";
}

bool Contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

void FlipBit(const fs::path& path, std::uint64_t at) {
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekg(static_cast<std::streamoff>(at));
  const auto byte = static_cast<char>(file.get() ^ 16);
  file.seekp(static_cast<std::streamoff>(at));
  file.put(byte);
}

TEST(Crc32c, IsTheCastagnoliPolynomial) { EXPECT_EQ(Crc32c("123456789", 9), 0xe3069283u); }

TEST(Crc32c, MayBeTakenInParts) { EXPECT_EQ(Crc32c("456789", 6, Crc32c("123", 3)), Crc32c("123456789", 9)); }

TEST(ShardFiles, ALoadedTableIsTheSavedOne) {
  const Folder folder;
  SparseTable saved(FusedSpec()), loaded(FusedSpec());
  Train(saved, 5000);
  SaveTable(saved, folder.path());
  EXPECT_EQ(LoadTable(loaded, folder.path()), 5000u);
  EXPECT_TRUE(SameRows(saved, loaded));
  testing::Push(saved, testing::RandomSigns(5000, 1), 1.0f, 4);
  testing::Push(loaded, testing::RandomSigns(5000, 1), 1.0f, 4);
  EXPECT_TRUE(SameRows(saved, loaded)) << "state and counts came along";
}

TEST(ShardFiles, TwoOwnersShareWhatOneSaved) {
  const Folder folder;
  SparseTable saved(FusedSpec()), even(FusedSpec()), odd(FusedSpec());
  Train(saved, 2000);
  SaveTable(saved, folder.path());
  LoadTable(even, folder.path(), [](std::uint32_t shard) { return shard % 2 == 0; });
  LoadTable(odd, folder.path(), [](std::uint32_t shard) { return shard % 2 == 1; });
  EXPECT_EQ(even.size() + odd.size(), 2000u);
  EXPECT_GT(even.size(), 0u);
}

TEST(ShardFiles, EqualTablesWriteEqualBytes) {
  const Folder one, other;
  SparseTable a(FusedSpec()), b(FusedSpec());
  Train(a, 300);
  testing::Pulled(b, testing::RandomSigns(5000, 9));
  b.Clear();
  Train(b, 300);
  const auto files = SaveTable(a, one.path());
  SaveTable(b, other.path());
  for (const ShardFile& file : files) {
    std::ifstream x(fs::path(one.path()) / file.name, std::ios::binary),
        y(fs::path(other.path()) / file.name, std::ios::binary);
    const std::string left((std::istreambuf_iterator<char>(x)), {}),
        right((std::istreambuf_iterator<char>(y)), {});
    ASSERT_EQ(left, right);
    ASSERT_EQ(left.size(), file.bytes);
  }
}

// One shard of some 17,000 rows of 28 floats: several blocks.
class DamagedFile : public ::testing::Test {
 protected:
  DamagedFile() : table_(testing::PlainSpec(28)) {
    testing::Pulled(table_, testing::SameTagSigns(17000, table_.salt()));
    shard_ = ShardOf(testing::SameTagSigns(1, table_.salt())[0], table_.salt());
    const ShardFile file = WriteShardFile(table_, shard_, folder_.path());
    path_ = fs::path(folder_.path()) / file.name;
    bytes_ = file.bytes;
    table_.Clear();
  }

  std::string Refusal() {
    const std::string message = RefusalOf(table_, shard_, path_);
    EXPECT_TRUE(Contains(message, path_.string())) << message;
    EXPECT_EQ(table_.size(), 0u) << "a damaged file changes nothing";
    return message;
  }

  Folder folder_;
  SparseTable table_;
  std::uint32_t shard_;
  fs::path path_;
  std::uint64_t bytes_;
};

TEST_F(DamagedFile, AnyFlippedBitIsFoundAndItsBlockNamed) {
  FlipBit(path_, bytes_ - 1);
  EXPECT_TRUE(Contains(Refusal(), "block 2 is damaged"));
  FlipBit(path_, bytes_ - 1);
  FlipBit(path_, 100);
  EXPECT_TRUE(Contains(Refusal(), "block 0 is damaged"));
  FlipBit(path_, 100);
  for (std::uint64_t at = 0; at < 64; ++at) {
    FlipBit(path_, at);
    Refusal();
    FlipBit(path_, at);
  }
  EXPECT_EQ(ReadShardFile(table_, shard_, path_.string()), 17000u) << "and the repaired file is sound";
}

TEST_F(DamagedFile, ACutFileIsFound) {
  for (const std::uint64_t size :
       {bytes_ - 1, bytes_ / 2, std::uint64_t{56}, std::uint64_t{20}, std::uint64_t{0}}) {
    fs::resize_file(path_, size);
    EXPECT_TRUE(Contains(Refusal(), "cut short")) << size;
  }
}

TEST_F(DamagedFile, ALongerFileIsFound) {
  std::ofstream(path_, std::ios::binary | std::ios::app) << "x";
  EXPECT_TRUE(Contains(Refusal(), "has data after"));
}

TEST_F(DamagedFile, AFileUnderAnothersNameIsFound) {
  EXPECT_TRUE(Contains(RefusalOf(table_, shard_ ^ 1, path_), "holds shard"));
}

TEST(ShardFiles, OfAnotherDeclarationAreRefused) {
  const Folder folder;
  SparseTable saved(FusedSpec());
  Train(saved, 100);
  SaveTable(saved, folder.path());
  TableSpec other = FusedSpec();
  other.slices[1].optimizer.kind = OptimizerKind::kAdaGrad;
  SparseTable table(other);
  EXPECT_THROW(LoadTable(table, folder.path()), StorageError);
}

TEST(ShardFiles, AWriteThatFailsLeavesNothing) {
  SparseTable table(testing::PlainSpec());
  testing::Pulled(table, {1, 2, 3});
  EXPECT_THROW(SaveTable(table, "/nonexistent/folder"), StorageError);
  EXPECT_THROW(LoadTable(table, "/nonexistent/folder"), StorageError);
  const Folder folder;
  {
    AtomicFile abandoned(folder.path() + "/x");
  }
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

}  // namespace
}  // namespace wideload

#include "storage/shard_file.h"

#include <array>
#include <cstdio>
#include <filesystem>

namespace wideload {
namespace {

void CheckFits(const RowFile& file, const SparseTable& table, std::uint32_t shard, const std::string& path) {
  if (file.shard != shard) {
    throw StorageError(path + ": holds shard " + std::to_string(file.shard) + " where shard " +
                       std::to_string(shard) + " is expected. Files must keep their names.");
  }
  if (file.digest != DigestOf(table.spec()) || file.row_floats != table.row_floats()) {
    throw StorageError(path + ": was written by a table whose declaration differs from that of '" +
                       table.spec().name +
                       "': name, slices, dimensions, optimizers and admission must be equal.");
  }
  if (file.seed && *file.seed != table.spec().seed) {
    throw StorageError(
        path + ": was written by a table with seed " + std::to_string(*file.seed) + "; this one has seed " +
        std::to_string(table.spec().seed) +
        ", so that rows which are not in the file would start from other values. Make the table with "
        "seed=" +
        std::to_string(*file.seed) + ".");
  }
}

bool HasShardFile(const std::filesystem::path& folder) {
  for (std::uint32_t shard = 0; shard < kShards; ++shard) {
    if (std::filesystem::exists(folder / ShardFileName(shard))) return true;
  }
  return false;
}

}  // namespace

std::string ShardFileName(std::uint32_t shard) {
  std::array<char, 32> name{};
  std::snprintf(name.data(), name.size(), "shard-%03u.rows", shard);
  return name.data();
}

ShardFile WriteShardFile(const SparseTable& table, std::uint32_t shard, const std::string& folder,
                         SaveOptions options) {
  RowFile file{shard, DigestOf(table.spec()), table.row_floats(), table.ExportShard(shard), {}};
  if (options.seed) file.seed = table.spec().seed;
  ShardFile written{ShardFileName(shard), shard, file.rows.rows(), 0};
  written.bytes = WriteRowFile(file, (std::filesystem::path(folder) / written.name).string(), options.sync);
  return written;
}

std::uint64_t ReadShardFile(SparseTable& table, std::uint32_t shard, const std::string& path) {
  const RowFile file = ReadRowFile(path);
  CheckFits(file, table, shard, path);
  table.ImportRows(file.rows);
  return file.rows.rows();
}

std::vector<ShardFile> SaveTable(const SparseTable& table, const std::string& folder, SaveOptions options) {
  std::vector<ShardFile> files;
  for (std::uint32_t shard = 0; shard < kShards; ++shard) {
    if (table.shard_size(shard) > 0) files.push_back(WriteShardFile(table, shard, folder, options));
  }
  return files;
}

std::uint64_t LoadTable(SparseTable& table, const std::string& folder,
                        const std::function<bool(std::uint32_t shard)>& owned) {
  if (!std::filesystem::is_directory(folder)) throw StorageError(folder + " is not a folder.");
  if (!HasShardFile(folder)) {
    throw StorageError(folder + " holds no saved table: there is no file named shard-000.rows to shard-" +
                       std::to_string(kShards - 1) + ".rows in it.");
  }
  std::uint64_t rows = 0;
  for (std::uint32_t shard = 0; shard < kShards; ++shard) {
    if (owned && !owned(shard)) continue;
    const std::filesystem::path path = std::filesystem::path(folder) / ShardFileName(shard);
    if (std::filesystem::exists(path)) rows += ReadShardFile(table, shard, path.string());
  }
  return rows;
}

}  // namespace wideload

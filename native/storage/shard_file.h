#pragma once
// A table on disk: a row file (row_file.h) per logical shard, named by the shard alone, which is what lets
// another number of ranks load what these ranks saved. Rows are in order of their hashes: equal tables write
// equal bytes.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "storage/row_file.h"

namespace wideload {

struct ShardFile {
  std::string name;  // in its folder
  std::uint32_t shard = 0;
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;
};

// "shard-042.rows"
std::string ShardFileName(std::uint32_t shard);

// Throws StorageError. Other threads may work the table; the file is one moment of its shard.
ShardFile WriteShardFile(const SparseTable& table, std::uint32_t shard, const std::string& folder,
                         Sync sync = Sync::kNow);

// Reads and checks everything, then inserts or overwrites the rows: a damaged file changes nothing. Returns
// its rows. Throws StorageError that names the file and the block: not of this form, of another table's
// declaration, cut short, damaged.
std::uint64_t ReadShardFile(SparseTable& table, std::uint32_t shard, const std::string& path);

// One file per shard that has rows, into a folder that exists.
std::vector<ShardFile> SaveTable(const SparseTable& table, const std::string& folder, Sync sync = Sync::kNow);

// Loads the files that are there, of the shards that `owned` accepts (all, when empty). Returns the rows
// loaded.
std::uint64_t LoadTable(SparseTable& table, const std::string& folder,
                        const std::function<bool(std::uint32_t shard)>& owned = {});

}  // namespace wideload

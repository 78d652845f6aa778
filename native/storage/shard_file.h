#pragma once
// A table on disk: one row file (row_file.h) per logical shard. Its name depends on the shard alone, so that
// a different number of ranks can load it. Rows are in order of their hashes, so that equal tables write
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

struct SaveOptions {
  Sync sync = Sync::kNow;
  bool seed = true;  // whether files name it; a checkpoint keeps it in its manifest
};

// "shard-042.rows"
std::string ShardFileName(std::uint32_t shard);

// Throws StorageError. Other threads may use the table; the file is a consistent snapshot of its shard.
ShardFile WriteShardFile(const SparseTable& table, std::uint32_t shard, const std::string& folder,
                         SaveOptions options = {});

// Reads and validates everything, then inserts or overwrites the rows: a damaged file changes nothing.
// Returns the number of rows. Throws StorageError that names the file and the block if the file has another
// format, belongs to another declaration, is truncated or is damaged.
std::uint64_t ReadShardFile(SparseTable& table, std::uint32_t shard, const std::string& path);

// Writes one file per shard that has rows into an existing folder.
std::vector<ShardFile> SaveTable(const SparseTable& table, const std::string& folder,
                                 SaveOptions options = {});

// Loads the files present, of the shards that `owned` accepts (of all shards if it is empty). Returns the
// number of rows loaded. Throws StorageError if there is no file of any shard, or if the rows were written by a
// table of another seed.
std::uint64_t LoadTable(SparseTable& table, const std::string& folder,
                        const std::function<bool(std::uint32_t shard)>& owned = {});

}  // namespace wideload

#pragma once
// Whole rows in a file: exact, checksummed, and either complete or absent. Independent of tables:
// shard_file.h uses it to load and save tables, tools use it to read and write rows.
//
//   file    = header, block, block, ...            little-endian throughout
//   header  = "WIDELOAD", u32 version, u32 shard, u64 digest, u64 rows,
//             u32 row_floats, u32 rows per block, u64 seed, u32 1 if the seed is known,
//             u32 crc                              56 bytes; crc: CRC-32C of the 52 bytes before it
//   block   = u32 rows,
//             u32 crc                              CRC-32C of the block's number, rows and payload
//             u64 sign [rows],                     payload
//             RowHeader [rows],
//             f32 [rows, row_floats]
//
// Every block but the last is full, so a reader knows the size of each block before it reads it. `digest` is
// the digest of the table's declaration (DigestOf). Files of checkpoints, which keep the seed elsewhere, and those
// of earlier versions have no seed. A list of signs is a file whose row_floats is 0.

#include <cstdint>
#include <optional>
#include <string>

#include "storage/atomic_file.h"
#include "table/sparse_table.h"

namespace wideload {

struct RowFile {
  std::uint32_t shard = 0;
  std::uint64_t digest = 0;
  std::uint32_t row_floats = 0;
  RowBlock rows;
  std::optional<std::uint64_t> seed = {};  // of the table
};

// Returns the file's size in bytes. Throws StorageError.
std::uint64_t WriteRowFile(const RowFile& file, const std::string& path, Sync sync = Sync::kNow);

// Reads and validates everything. Throws StorageError that names the file and the block if the file has
// another format, is truncated or is damaged.
RowFile ReadRowFile(const std::string& path);

}  // namespace wideload

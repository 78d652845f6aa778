#pragma once
// Whole rows in a file: exact, checksummed, complete or absent. Knows no table: shard_file.h loads and saves
// tables with it, tools read and write rows with it.
//
//   file    = header, block, block, ...                          little-endian throughout
//   header  = "WIDELOAD" u32 version, u32 shard, u64 digest, u64 rows, u32 row_floats, u32 rows per block,
//   u64 reserved,
//             u32 reserved, u32 crc                              56 bytes; crc: of the 52 before it
//   block   = u32 rows, u32 crc                                  crc: CRC-32C of the block's number, rows and
//   payload
//             u64 sign [rows], RowHeader [rows], f32 [rows, row_floats]
//
// Every block but the last is full, so a reader knows each block's size before it reads it. `digest` is that
// of the table's declaration (DigestOf). A list of signs is a file whose row_floats is 0.

#include <cstdint>
#include <string>

#include "storage/atomic_file.h"
#include "table/sparse_table.h"

namespace wideload {

struct RowFile {
  std::uint32_t shard = 0;
  std::uint64_t digest = 0;
  std::uint32_t row_floats = 0;
  RowBlock rows;
};

// Returns the file's size in bytes. Throws StorageError.
std::uint64_t WriteRowFile(const RowFile& file, const std::string& path, Sync sync = Sync::kNow);

// Reads and checks everything. Throws StorageError that names the file and the block: not of this form, cut
// short, damaged.
RowFile ReadRowFile(const std::string& path);

}  // namespace wideload

// Scans, exports and imports whole rows.

#include <algorithm>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "table/shard.h"
#include "table/sparse_table.h"

namespace wideload {
namespace {

// The shard's rows in order of their hashes. The index is already in order of tags, so there is next to
// nothing left to sort.
std::vector<const std::byte*> RowsInOrder(const Shard& shard, std::uint64_t salt) {
  std::vector<const std::byte*> rows;
  rows.reserve(shard.LiveRows());
  shard.index.ForEach(
      [&](std::size_t, std::uint64_t slot) { rows.push_back(shard.Address(ShardIndex::RowOf(slot))); });
  const auto before = [salt](const std::byte* a, const std::byte* b) {
    return HashOf(SignAt(a), salt) < HashOf(SignAt(b), salt);
  };
  if (!std::is_sorted(rows.begin(), rows.end(), before)) std::sort(rows.begin(), rows.end(), before);
  return rows;
}

}  // namespace

void SparseTable::CheckShard(std::uint32_t shard) const {
  if (shard < kShards) return;
  throw std::invalid_argument("shard " + std::to_string(shard) + "; valid: 0 to " +
                              std::to_string(kShards - 1) + ".");
}

std::uint64_t SparseTable::shard_size(std::uint32_t shard) const {
  CheckShard(shard);
  const std::lock_guard lock(shards_[shard].lock);
  return shards_[shard].LiveRows();
}

void SparseTable::Scan(std::uint32_t shard, const Visitor& visit) const {
  CheckShard(shard);
  const Shard& scanned = shards_[shard];
  std::vector<float> weights(width());
  const std::lock_guard lock(scanned.lock);
  for (const std::byte* row : RowsInOrder(scanned, salt())) {
    layout_.CopyWeights(row, HeaderOf(row).size_class(), weights.data());
    visit(SignAt(row), HeaderOf(row), weights);
  }
}

RowBlock SparseTable::ExportShard(std::uint32_t shard) const {
  CheckShard(shard);
  const Shard& exported = shards_[shard];
  RowBlock block;
  const std::lock_guard lock(exported.lock);
  const std::vector<const std::byte*> rows = RowsInOrder(exported, salt());
  block.signs.resize(rows.size());
  block.headers.resize(rows.size());
  block.floats.resize(rows.size() * row_floats());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    block.signs[i] = SignAt(rows[i]);
    block.headers[i] = HeaderOf(rows[i]);
    layout_.ExportFloats(rows[i], block.floats.data() + i * row_floats());
  }
  return block;
}

void SparseTable::ImportRows(const RowBlock& block) {
  if (block.headers.size() != block.rows() || block.floats.size() != block.rows() * row_floats()) {
    throw std::invalid_argument("a block of " + std::to_string(block.rows()) + " signs has " +
                                std::to_string(block.headers.size()) + " headers and " +
                                std::to_string(block.floats.size()) + " floats; valid: one header and " +
                                std::to_string(row_floats()) + " floats per sign.");
  }
  for (const RowHeader& header : block.headers) {
    if (header.size_class() <= layout_.top_class() && !header.moved()) continue;
    throw std::invalid_argument("a row's header has flags " + std::to_string(header.flags) +
                                "; valid: size classes 0 to " + std::to_string(layout_.top_class()) + ".");
  }
  for (std::size_t i = 0; i < block.rows(); ++i) {
    const Sign sign = block.signs[i];
    const std::uint64_t hash = HashOf(sign, salt());
    const std::uint32_t size_class = block.headers[i].size_class();
    Shard& shard = shards_[ShardOfHash(hash)];
    const std::lock_guard lock(shard.lock);
    Shard::Found found = shard.Find(hash, sign);
    if (found.present && Shard::ClassOf(ShardIndex::RowOf(shard.index.At(found.position))) != size_class) {
      shard.EraseAt(*factory_, found.position);
      found = shard.Find(hash, sign);
    }
    const std::uint32_t id =
        found.present ? ShardIndex::RowOf(shard.index.At(found.position))
                      : shard.Create(*factory_, found, hash, sign, block.headers[i].last_step, size_class);
    std::byte* row = shard.Address(id);
    HeaderOf(row) = block.headers[i];
    layout_.ImportFloats(block.floats.data() + i * row_floats(), row);
  }
}

}  // namespace wideload

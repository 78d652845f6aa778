#include "table/unique.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <stdexcept>
#include <string>

namespace wideload {
namespace {

constexpr std::size_t kGroup = 16;
constexpr std::uint64_t kSalt = 0x2545f4914f6cdd1du;
constexpr std::size_t kFewestSlots = 1024;

}  // namespace

void Unique::Prepare(std::size_t n) {
  if (n > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max())) {
    throw std::invalid_argument("a batch of " + std::to_string(n) + " signs; valid: at most 2^31 - 1.");
  }
  const std::size_t wanted = std::bit_ceil(std::max(kFewestSlots, 2 * n));
  if (slots_.size() < wanted) {
    slots_.assign(wanted, Slot{});
    epoch_ = 0;
  }
  if (++epoch_ > 0xFFFF) {
    std::fill(slots_.begin(), slots_.end(), Slot{});
    epoch_ = 1;
  }
  if (unique_.size() < n) {
    unique_.resize(n);
    hashes_.resize(n);
    counts_.resize(n);
    inverse_.resize(n);
  }
}

Unique::Result Unique::Find(std::span<const Sign> signs) { return FindSalted(signs, kSalt); }

Unique::Result Unique::FindSalted(std::span<const Sign> signs, std::uint64_t salt) {
  const std::size_t n = signs.size();
  Prepare(n);
  const std::size_t mask = std::bit_ceil(std::max(kFewestSlots, 2 * n)) - 1;
  Slot* slots = slots_.data();
  std::uint64_t ahead[2 * kGroup];
  const auto hash_group = [&](std::size_t begin) {
    const std::size_t end = std::min(begin + kGroup, n);
    for (std::size_t i = begin; i < end; ++i) {
      const std::uint64_t hash = HashOf(signs[i], salt);
      ahead[i % (2 * kGroup)] = hash;
      __builtin_prefetch(slots + (hash & mask), 1);
    }
  };
  std::uint32_t found = 0;
  hash_group(0);
  for (std::size_t begin = 0; begin < n; begin += kGroup) {
    hash_group(begin + kGroup);
    const std::size_t end = std::min(begin + kGroup, n);
    for (std::size_t i = begin; i < end; ++i) {
      const std::uint64_t hash = ahead[i % (2 * kGroup)];
      const std::uint32_t mark = epoch_ << 16 | static_cast<std::uint32_t>(hash >> 40 & 0xFFFF);
      for (std::size_t place = hash & mask;; place = (place + 1) & mask) {
        Slot& slot = slots[place];
        if (slot.mark >> 16 != epoch_) {
          slot = {mark, found};
          unique_[found] = signs[i];
          hashes_[found] = hash;
          counts_[found] = 1;
          inverse_[i] = static_cast<std::int32_t>(found++);
          break;
        }
        if (slot.mark == mark && unique_[slot.position] == signs[i]) {
          ++counts_[slot.position];
          inverse_[i] = static_cast<std::int32_t>(slot.position);
          break;
        }
      }
    }
  }
  return {std::span(unique_).first(found), std::span(inverse_).first(n), std::span(counts_).first(found)};
}

Unique::ShardedResult Unique::FindByShard(std::span<const Sign> signs, std::uint64_t table_salt) {
  const Result plain = FindSalted(signs, table_salt);
  const std::size_t found = plain.unique.size();
  if (rank_.size() < found) {
    rank_.resize(found);
    sorted_.resize(found);
    sorted_hashes_.resize(found);
    sorted_counts_.resize(found);
  }
  shard_begin_.fill(0);
  for (std::size_t u = 0; u < found; ++u) {
    rank_[u] = ShardOfHash(hashes_[u]);
    ++shard_begin_[rank_[u] + 1];
  }
  for (std::uint32_t s = 0; s < kShards; ++s) shard_begin_[s + 1] += shard_begin_[s];
  std::array<std::uint32_t, kShards + 1> next = shard_begin_;
  for (std::size_t u = 0; u < found; ++u) {
    const std::uint32_t place = next[rank_[u]]++;
    rank_[u] = place;
    sorted_[place] = unique_[u];
    sorted_hashes_[place] = hashes_[u];
    sorted_counts_[place] = counts_[u];
  }
  for (std::size_t i = 0; i < signs.size(); ++i) {
    inverse_[i] = static_cast<std::int32_t>(rank_[static_cast<std::size_t>(inverse_[i])]);
  }
  ShardedResult result;
  result.unique = std::span(sorted_).first(found);
  result.hashes = std::span(sorted_hashes_).first(found);
  result.inverse = plain.inverse;
  result.counts = std::span(sorted_counts_).first(found);
  result.shard_begin = shard_begin_;
  return result;
}

std::size_t Unique::bytes() const {
  return slots_.capacity() * sizeof(Slot) +
         (unique_.capacity() + sorted_.capacity() + hashes_.capacity() + sorted_hashes_.capacity()) *
             sizeof(Sign) +
         (inverse_.capacity() + counts_.capacity() + sorted_counts_.capacity()) * sizeof(std::int32_t) +
         rank_.capacity() * sizeof(std::uint32_t);
}

}  // namespace wideload

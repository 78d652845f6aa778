#include "table/unique.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <stdexcept>
#include <string>

#include "table/batch_plan.h"

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
  if (unique_.size() < n) {
    unique_.resize(n);
    hashes_.resize(n);
    counts_.resize(n);
    inverse_.resize(n);
  }
}

Unique::Result Unique::Find(std::span<const Sign> signs) {
  const std::size_t n = signs.size();
  Prepare(n);
  const std::size_t wanted = std::bit_ceil(std::max(kFewestSlots, 2 * n));
  if (slots_.size() < wanted) {
    slots_.assign(wanted, Slot{});
    epoch_ = 0;
  }
  if (++epoch_ > 0xFFFF) {
    std::fill(slots_.begin(), slots_.end(), Slot{});
    epoch_ = 1;
  }
  const std::size_t mask = wanted - 1;
  Slot* slots = slots_.data();
  std::uint64_t ahead[2 * kGroup];
  const auto hash_group = [&](std::size_t begin) {
    const std::size_t end = std::min(begin + kGroup, n);
    for (std::size_t i = begin; i < end; ++i) {
      const std::uint64_t hash = HashOf(signs[i], kSalt);
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
  const std::size_t n = signs.size();
  Prepare(n);
  const BatchPlan plan = PlanBatch(signs, table_salt);
  std::uint32_t found = 0;
  for (std::uint32_t shard = 0; shard < kShards; ++shard) {
    shard_begin_[shard] = found;
    const std::size_t begin = plan.begin[shard], end = plan.begin[shard + 1];
    if (begin == end) continue;
    const std::size_t size = std::bit_ceil(2 * (end - begin));
    if (shard_slots_.size() < size) shard_slots_.resize(size);
    std::fill_n(shard_slots_.begin(), size, 0u);
    for (std::size_t i = begin; i < end; ++i) {
      const std::uint64_t hash = plan.hashes[i];
      const std::size_t position = plan.PositionOf(i);
      std::size_t place = hash & (size - 1);
      while (shard_slots_[place] != 0 && hashes_[shard_slots_[place] - 1] != hash)
        place = (place + 1) & (size - 1);
      if (shard_slots_[place] == 0) {
        shard_slots_[place] = found + 1;
        unique_[found] = signs[position];
        hashes_[found] = hash;
        counts_[found++] = 0;
      }
      const std::uint32_t u = shard_slots_[place] - 1;
      ++counts_[u];
      inverse_[position] = static_cast<std::int32_t>(u);
    }
  }
  shard_begin_[kShards] = found;
  ShardedResult result;
  result.unique = std::span(unique_).first(found);
  result.inverse = std::span(inverse_).first(n);
  result.counts = std::span(counts_).first(found);
  result.hashes = std::span(hashes_).first(found);
  result.shard_begin = shard_begin_;
  return result;
}

std::size_t Unique::bytes() const {
  return slots_.capacity() * sizeof(Slot) + shard_slots_.capacity() * sizeof(std::uint32_t) +
         (unique_.capacity() + hashes_.capacity()) * sizeof(Sign) +
         (inverse_.capacity() + counts_.capacity()) * sizeof(std::int32_t);
}

}  // namespace wideload

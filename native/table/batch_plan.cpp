#include "table/batch_plan.h"

#include <limits>
#include <stdexcept>
#include <string>

namespace wideload {
namespace {

struct PlanBuffers {
  std::vector<std::uint64_t> hashes, sorted;
  std::vector<std::uint32_t> positions;
};

PlanBuffers& BuffersOfThisThread() {
  thread_local PlanBuffers buffers;
  return buffers;
}

}  // namespace

BatchPlan PlanBatch(std::span<const Sign> signs, std::uint64_t table_salt) {
  const std::size_t n = signs.size();
  if (n >= std::numeric_limits<std::uint32_t>::max()) {
    throw std::invalid_argument("a batch of " + std::to_string(n) + " signs; valid: fewer than 2^32 - 1.");
  }
  PlanBuffers& buffers = BuffersOfThisThread();
  if (buffers.hashes.size() < n) {
    buffers.hashes.resize(n);
    buffers.sorted.resize(n);
    buffers.positions.resize(n);
  }
  BatchPlan plan;
  std::array<std::uint32_t, kShards + 1>& begin = plan.begin;
  begin.fill(0);
  bool in_order = true;
  std::uint32_t before = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint64_t hash = HashOf(signs[i], table_salt);
    const std::uint32_t shard = ShardOfHash(hash);
    buffers.hashes[i] = hash;
    ++begin[shard + 1];
    in_order &= shard >= before;
    before = shard;
  }
  for (std::uint32_t s = 0; s < kShards; ++s) begin[s + 1] += begin[s];
  if (in_order) {
    plan.hashes = std::span(buffers.hashes).first(n);
    return plan;
  }
  std::array<std::uint32_t, kShards + 1> next = begin;
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint64_t hash = buffers.hashes[i];
    const std::uint32_t place = next[ShardOfHash(hash)]++;
    buffers.sorted[place] = hash;
    buffers.positions[place] = static_cast<std::uint32_t>(i);
  }
  plan.hashes = std::span(buffers.sorted).first(n);
  plan.positions = buffers.positions.data();
  return plan;
}

}  // namespace wideload

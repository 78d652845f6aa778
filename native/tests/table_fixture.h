#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "table/hash.h"
#include "table/sparse_table.h"

namespace wideload::testing {

// One slice of plain SGD at learning rate 1: a push subtracts the gradient, so expected weights are easy to
// write down.
inline SliceSpec PlainSlice(std::string name, std::uint32_t dim, float admit_at = 0.0f) {
  return {.name = std::move(name),
          .dim = dim,
          .optimizer = {.kind = OptimizerKind::kSgd, .learning_rate = 1.0f},
          .initializer = {.kind = InitializerKind::kUniform, .scale = 0.5f},
          .admit_at = admit_at};
}

inline TableSpec PlainSpec(std::uint32_t dim = 4) {
  return {.name = "plain", .seed = 7, .slices = {PlainSlice("deep", dim)}, .life = {}};
}

inline std::vector<Sign> RandomSigns(std::size_t n, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<Sign> signs(n);
  for (Sign& sign : signs) sign = random();
  return signs;
}

inline std::vector<float> Pulled(SparseTable& table, const std::vector<Sign>& signs, std::uint32_t step = 0) {
  std::vector<float> rows(signs.size() * table.width());
  table.Pull(signs, step, rows.data());
  return rows;
}

inline std::vector<float> Peeked(const SparseTable& table, const std::vector<Sign>& signs,
                                 SparseTable::Absent absent = SparseTable::Absent::kInitial) {
  std::vector<float> rows(signs.size() * table.width());
  table.PullReadOnly(signs, rows.data(), absent);
  return rows;
}

inline void Push(SparseTable& table, const std::vector<Sign>& signs, float gradient, std::uint32_t step = 0) {
  const std::vector<float> gradients(signs.size() * table.width(), gradient);
  table.Push(signs, gradients.data(), step);
}

// Signs with equal shard and tag, which a table can only tell apart by the sign in the row.
inline std::vector<Sign> SameTagSigns(std::size_t n, std::uint64_t salt) {
  std::vector<Sign> signs(n);
  for (std::size_t i = 0; i < n; ++i) signs[i] = Unmix64(0x42123456780000 << 8 | i) ^ salt;
  return signs;
}

}  // namespace wideload::testing

#pragma once
// What the sparse table is compared with, all in one process and one run.
//
//   TensorNetLayout   8 blocks of mutex + std::unordered_map (identity hash, 15,485,863 buckets) + pool; one
//                     lock per key; values carry TensorNet's metadata. Its wire format is left out, which
//                     favours it.
//   FlatMapLayout     a library's flat hash map from sign to row number, with contiguous rows in an arena;
//                     no lock
//   RawGather         the same rows at known addresses, prefetched: the upper bound for any table on this
//                     machine
//
// All of them use AdaGrad (row-wise in TensorNetLayout, as in TensorNet; element-wise in the others) on rows
// of `dim` weights with cheap initialisation.

#include <absl/container/flat_hash_map.h>

#include <boost/unordered/unordered_flat_map.hpp>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <span>
#include <unordered_map>
#include <vector>

#include "table/hash.h"
#include "table/prefetch.h"

namespace wideload::benchmarks {

inline constexpr float kLearningRate = 0.05f;
inline constexpr float kEpsilon = 1e-7f;

class TensorNetLayout {
 public:
  explicit TensorNetLayout(std::uint32_t dim) : dim_(dim) {
    for (Block& block : blocks_) {
      block.rows.max_load_factor(0.75f);
      block.rows.reserve(static_cast<std::size_t>(15485863 * 0.75));
    }
  }

  void Pull(std::span<const Sign> signs, float* rows) {
    for (std::size_t i = 0; i < signs.size(); ++i) {
      const Value* value = Get(signs[i]);
      std::memcpy(rows + i * dim_, value + 1, dim_ * sizeof(float));
    }
  }

  void Push(std::span<const Sign> signs, const float* gradients) {
    for (std::size_t i = 0; i < signs.size(); ++i) {
      Block& block = BlockOf(signs[i]);
      const std::lock_guard lock(block.mutex);
      Value* value = block.rows.find(signs[i])->second;
      const float* g = gradients + i * dim_;
      float* w = reinterpret_cast<float*>(value + 1);
      float squares = 0.0f;
      for (std::uint32_t j = 0; j < dim_; ++j) squares += g[j] * g[j];
      value->g2sum += squares / static_cast<float>(dim_);
      const float rate = kLearningRate / (kEpsilon + std::sqrt(value->g2sum));
      for (std::uint32_t j = 0; j < dim_; ++j) w[j] -= rate * g[j];
      value->delta_show += 1.0f;
    }
  }

 private:
  // As many bytes as TensorNet's AdaGrad value stores before its weights.
  struct Value {
    void* vtable = nullptr;
    float show = 0, click = 0, delta_show = 0;
    std::int32_t flag = 0, dim = 0;
    float g2sum = 0, other_show = 0, other_click = 0;
    std::int32_t no_show_days = 0, use_cvm = 0;
  };
  static_assert(sizeof(Value) == 48);

  struct Block {
    std::mutex mutex;
    std::unordered_map<Sign, Value*> rows;
    std::vector<std::unique_ptr<std::byte[]>> chunks;
    std::size_t free = 0;
  };

  Block& BlockOf(Sign sign) { return blocks_[(sign >> 32 | sign << 32) % 8]; }

  Value* Get(Sign sign) {
    Block& block = BlockOf(sign);
    const std::lock_guard lock(block.mutex);
    const auto [at, inserted] = block.rows.try_emplace(sign, nullptr);
    if (inserted) at->second = Create(block, sign);
    return at->second;
  }

  Value* Create(Block& block, Sign sign) {
    constexpr std::size_t kRowsPerChunk = 65536;
    const std::size_t bytes = sizeof(Value) + dim_ * sizeof(float);
    if (block.free == 0) {
      block.chunks.push_back(std::make_unique_for_overwrite<std::byte[]>(kRowsPerChunk * bytes));
      block.free = kRowsPerChunk;
    }
    auto* value = new (block.chunks.back().get() + --block.free * bytes) Value{};
    auto* w = reinterpret_cast<float*>(value + 1);
    for (std::uint32_t j = 0; j < dim_; ++j) w[j] = static_cast<float>(sign >> 40) * 1e-9f;
    return value;
  }

  std::uint32_t dim_;
  Block blocks_[8];
};

// One row: weights, then one accumulator per weight.
class RowPile {
 public:
  explicit RowPile(std::uint32_t dim) : dim_(dim) {}

  std::uint32_t Add(Sign sign) {
    if (rows_ % kRowsPerChunk == 0)
      chunks_.push_back(std::make_unique_for_overwrite<float[]>(kRowsPerChunk * 2 * dim_));
    float* row = At(rows_);
    for (std::uint32_t j = 0; j < dim_; ++j) row[j] = static_cast<float>(sign >> 40) * 1e-9f;
    for (std::uint32_t j = 0; j < dim_; ++j) row[dim_ + j] = 0.1f;
    return rows_++;
  }
  float* At(std::uint32_t row) const {
    return chunks_[row / kRowsPerChunk].get() + row % kRowsPerChunk * (2 * dim_);
  }

  void Update(std::uint32_t row, const float* g) const {
    float* __restrict w = At(row);
    float* __restrict n = w + dim_;
    for (std::uint32_t j = 0; j < dim_; ++j) {
      n[j] += g[j] * g[j];
      w[j] -= kLearningRate * g[j] / (std::sqrt(n[j]) + kEpsilon);
    }
  }
  std::uint32_t dim() const { return dim_; }
  std::uint32_t size() const { return rows_; }

 private:
  static constexpr std::uint32_t kRowsPerChunk = 65536;
  std::uint32_t dim_;
  std::uint32_t rows_ = 0;
  std::vector<std::unique_ptr<float[]>> chunks_;
};

template <typename Map>
class FlatMapLayout {
 public:
  explicit FlatMapLayout(std::uint32_t dim) : pile_(dim) {}

  void Pull(std::span<const Sign> signs, float* rows) {
    for (std::size_t i = 0; i < signs.size(); ++i) {
      const auto [at, inserted] = map_.try_emplace(signs[i], 0u);
      if (inserted) at->second = pile_.Add(signs[i]);
      std::memcpy(rows + i * pile_.dim(), pile_.At(at->second), pile_.dim() * sizeof(float));
    }
  }
  void Push(std::span<const Sign> signs, const float* gradients) {
    for (std::size_t i = 0; i < signs.size(); ++i) {
      pile_.Update(map_.find(signs[i])->second, gradients + i * pile_.dim());
    }
  }

 private:
  Map map_;
  RowPile pile_;
};

using AbseilLayout = FlatMapLayout<absl::flat_hash_map<Sign, std::uint32_t>>;
using BoostLayout = FlatMapLayout<boost::unordered_flat_map<Sign, std::uint32_t>>;

// The same rows at known addresses, in an order that the hardware cannot predict, prefetched as in the table:
// header, weights, one accumulator per weight. A pull records the step of last use, as in the table.
class RawGather {
 public:
  explicit RawGather(std::uint32_t dim) : dim_(dim), stride_(kHeader + 2 * dim) {}

  void Fill(std::size_t rows) { floats_.assign(rows * stride_, 0.1f); }

  void Pull(std::span<const std::uint32_t> numbers, float* rows) {
    constexpr std::size_t kAhead = 32;
    const std::size_t bytes = (kHeader + dim_) * sizeof(float);
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      if (i + kAhead < numbers.size()) Prefetch(At(numbers[i + kAhead]), bytes);
      float* row = At(numbers[i]);
      if (row[0] != kStep) row[0] = kStep;
      std::memcpy(rows + i * dim_, row + kHeader, dim_ * sizeof(float));
    }
  }

 private:
  static constexpr std::uint32_t kHeader = 4;
  static constexpr float kStep = 1.0f;

  float* At(std::uint32_t row) { return floats_.data() + std::size_t{row} * stride_; }

  std::uint32_t dim_, stride_;
  std::vector<float> floats_;
};

}  // namespace wideload::benchmarks

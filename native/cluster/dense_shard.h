#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "table/optimizer/adam.h"
#include "table/sparse_table.h"

namespace wideload {

// A run of dense parameters with one optimizer. OptimizerKind::kSgd with learning rate 1 and no momentum
// subtracts the gradient as it is, which is how batch-normalisation statistics are updated.
struct DenseSegment {
  std::size_t size = 0;
  OptimizerSpec optimizer;
};

// The dense parameters of a model are one flat vector; rank r owns elements [begin, end) of it with their
// optimizer state. A synchronous step is thus a reduce-scatter (gradients go to the owners, which sum them in
// rank order), one update per element in the whole job, and an all-gather (with the rows of the next pull).
//
// The formulas are those of the sparse slices, from table/optimizer/; Adam's bias correction counts the updates
// of the whole vector.
class DenseShard {
 public:
  DenseShard() = default;
  // `initial` is the whole flat vector; throws std::invalid_argument if the segments do not add up to it.
  DenseShard(std::span<const float> initial, std::span<const DenseSegment> segments, int rank, int ranks);

  static std::size_t Begin(std::size_t total, int rank, int ranks) {
    return total * static_cast<std::size_t>(rank) / static_cast<std::size_t>(ranks);
  }

  std::size_t total() const { return total_; }
  std::size_t begin() const { return begin_; }
  std::size_t size() const { return weights_.size(); }
  std::span<const float> weights() const { return weights_; }
  std::span<const float> state() const { return state_; }
  std::uint64_t updates() const { return updates_; }
  std::size_t bytes() const { return (weights_.size() + state_.size()) * sizeof(float); }

  // gradient: one float per owned element.
  void Apply(std::span<const float> gradient, float learning_rate_scale);

  // Restores weights and state from a checkpoint, exactly; sizes must be equal.
  void Restore(std::span<const float> weights, std::span<const float> state, std::uint64_t updates);

 private:
  struct Piece {
    std::size_t offset;  // in weights_
    std::size_t size;
    OptimizerSpec optimizer;
    std::shared_ptr<const Adam> adam;  // with its table of corrections; null for other optimizers
  };

  std::size_t total_ = 0;
  std::size_t begin_ = 0;
  std::vector<Piece> pieces_;
  std::vector<float> weights_;
  std::vector<float> state_;  // [2, size]: the first state of all elements, then the second
  std::uint64_t updates_ = 0;
};

}  // namespace wideload

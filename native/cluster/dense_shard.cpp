#include "cluster/dense_shard.h"

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <string>

#include "table/optimizer/adagrad.h"
#include "table/optimizer/ftrl.h"
#include "table/optimizer/sgd.h"

namespace wideload {
namespace {

float InitialState(const OptimizerSpec& optimizer) {
  const bool accumulates =
      optimizer.kind == OptimizerKind::kAdaGrad || optimizer.kind == OptimizerKind::kFtrl;
  return accumulates ? optimizer.initial_accumulator : 0.0f;
}

}  // namespace

DenseShard::DenseShard(std::span<const float> initial, std::span<const DenseSegment> segments, int rank,
                       int ranks)
    : total_(initial.size()), begin_(Begin(initial.size(), rank, ranks)) {
  const std::size_t end = Begin(total_, rank + 1, ranks);
  weights_.assign(initial.begin() + static_cast<std::ptrdiff_t>(begin_),
                  initial.begin() + static_cast<std::ptrdiff_t>(end));
  state_.assign(2 * weights_.size(), 0.0f);
  std::size_t at = 0;
  for (const DenseSegment& segment : segments) {
    if (segment.optimizer.kind == OptimizerKind::kRowWiseAdaGrad) {
      throw std::invalid_argument("dense parameters have no rows: use adagrad instead of row_wise_adagrad");
    }
    const std::size_t first = std::max(at, begin_);
    const std::size_t last = std::min(at + segment.size, end);
    at += segment.size;
    if (first >= last) continue;
    if (last - first > UINT32_MAX) {
      throw std::invalid_argument("a dense segment has " + std::to_string(last - first) +
                                  " parameters on one rank; valid: fewer than 2^32.");
    }
    pieces_.push_back({first - begin_, last - first, segment.optimizer, nullptr});
    if (segment.optimizer.kind == OptimizerKind::kAdam)
      pieces_.back().adam = std::make_shared<const Adam>(segment.optimizer);
    std::fill_n(state_.begin() + static_cast<std::ptrdiff_t>(first - begin_), last - first,
                InitialState(segment.optimizer));
  }
  if (at != total_) {
    throw std::invalid_argument("dense segments cover " + std::to_string(at) + " of " +
                                std::to_string(total_) + " parameters: sizes must add up");
  }
}

void DenseShard::Apply(std::span<const float> gradient, float learning_rate_scale) {
  if (gradient.size() != weights_.size()) {
    throw std::invalid_argument("dense gradient has " + std::to_string(gradient.size()) +
                                " elements, this shard owns " + std::to_string(weights_.size()));
  }
  ++updates_;
  for (const Piece& piece : pieces_) {
    const OptimizerSpec& o = piece.optimizer;
    const auto size = static_cast<std::uint32_t>(piece.size);
    const float* g = gradient.data() + piece.offset;
    float* w = weights_.data() + piece.offset;
    float* first = state_.data() + piece.offset;
    float* second = first + weights_.size();
    switch (o.kind) {
      case OptimizerKind::kAdaGrad:
        AdaGrad(o).Step<0>(size, learning_rate_scale, g, w, first);
        break;
      case OptimizerKind::kSgd:
        Sgd(o).Step<0>(size, learning_rate_scale, g, w, first);
        break;
      case OptimizerKind::kAdam: {
        const float rate =
            o.learning_rate * learning_rate_scale * piece.adam->Correction(static_cast<float>(updates_));
        piece.adam->Move<0>(size, rate, g, w, first, second);
        break;
      }
      case OptimizerKind::kFtrl:
        Ftrl(o).Move<0>(size, learning_rate_scale, g, w, first, second);
        break;
      case OptimizerKind::kRowWiseAdaGrad:
        break;  // refused by the constructor
    }
  }
}

void DenseShard::Restore(std::span<const float> weights, std::span<const float> state,
                         std::uint64_t updates) {
  if (weights.size() != weights_.size() || state.size() != state_.size()) {
    throw std::invalid_argument("dense checkpoint has " + std::to_string(weights.size()) + " weights and " +
                                std::to_string(state.size()) + " state values, this shard needs " +
                                std::to_string(weights_.size()) + " and " + std::to_string(state_.size()));
  }
  std::copy(weights.begin(), weights.end(), weights_.begin());
  std::copy(state.begin(), state.end(), state_.begin());
  updates_ = updates;
}

}  // namespace wideload

#include "cluster/dense_shard.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

namespace wideload {
namespace {

float InitialState(const OptimizerSpec& optimizer) {
  const bool accumulates =
      optimizer.kind == OptimizerKind::kAdaGrad || optimizer.kind == OptimizerKind::kFtrl;
  return accumulates ? optimizer.initial_accumulator : 0.0f;
}

void AdaGrad(const OptimizerSpec& o, float rate, std::size_t n, const float* g, float* w, float* sum) {
  for (std::size_t i = 0; i < n; ++i) {
    sum[i] += g[i] * g[i];
    w[i] -= rate * g[i] / (std::sqrt(sum[i]) + o.epsilon);
  }
}

void Sgd(const OptimizerSpec& o, float rate, std::size_t n, const float* g, float* w, float* momentum) {
  for (std::size_t i = 0; i < n; ++i) {
    momentum[i] = o.momentum * momentum[i] + g[i];
    w[i] -= rate * momentum[i];
  }
}

void Adam(const OptimizerSpec& o, float rate, std::uint64_t t, std::size_t n, const float* g, float* w,
          float* m, float* v) {
  const double correction = std::sqrt(1.0 - std::pow(double{o.beta_2}, static_cast<double>(t))) /
                            (1.0 - std::pow(double{o.beta_1}, static_cast<double>(t)));
  const float alpha = static_cast<float>(double{rate} * correction);
  for (std::size_t i = 0; i < n; ++i) {
    m[i] += (g[i] - m[i]) * (1.0f - o.beta_1);
    v[i] += (g[i] * g[i] - v[i]) * (1.0f - o.beta_2);
    w[i] -= alpha * m[i] / (std::sqrt(v[i]) + o.epsilon);
  }
}

void Ftrl(const OptimizerSpec& o, float rate, std::size_t n, const float* g, float* w, float* sum,
          float* linear) {
  for (std::size_t i = 0; i < n; ++i) {
    const float grown = sum[i] + g[i] * g[i];
    linear[i] += g[i] - (std::sqrt(grown) - std::sqrt(sum[i])) / rate * w[i];
    sum[i] = grown;
    const float shrunk = std::clamp(linear[i], -o.l1, o.l1) - linear[i];
    w[i] = shrunk / (std::sqrt(grown) / rate + 2.0f * o.l2);
  }
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
    pieces_.push_back({first - begin_, last - first, segment.optimizer});
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
    const float* g = gradient.data() + piece.offset;
    float* w = weights_.data() + piece.offset;
    float* first = state_.data() + piece.offset;
    float* second = first + weights_.size();
    const float rate = o.learning_rate * learning_rate_scale;
    switch (o.kind) {
      case OptimizerKind::kAdaGrad:
        AdaGrad(o, rate, piece.size, g, w, first);
        break;
      case OptimizerKind::kSgd:
        Sgd(o, rate, piece.size, g, w, first);
        break;
      case OptimizerKind::kAdam:
        Adam(o, rate, updates_, piece.size, g, w, first, second);
        break;
      case OptimizerKind::kFtrl:
        Ftrl(o, rate, piece.size, g, w, first, second);
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

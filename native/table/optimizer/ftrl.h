#pragma once

#include <cmath>
#include <cstdint>

#include "table/spec.h"

namespace wideload {

// FTRL-proximal (McMahan et al. 2013, algorithm 1), in the order of operations of TensorFlow's
// ResourceApplyFtrl with learning_rate_power = -1/2. State: accumulator n [dim], linear [dim].
//
//   n' = n + g^2
//   linear += g - (sqrt(n') - sqrt(n)) / learning_rate * w
//   w = (clip(linear, -l1, l1) - linear) / (sqrt(n') / learning_rate + 2 l2)
class Ftrl {
 public:
  explicit Ftrl(const OptimizerSpec& spec)
      : learning_rate_(spec.learning_rate), l1_(spec.l1), l2_(spec.l2), initial_(spec.initial_accumulator) {}

  static std::uint32_t StateFloats(std::uint32_t dim) { return 2 * dim; }

  void InitialState(std::uint32_t dim, float* state) const {
    for (std::uint32_t j = 0; j < dim; ++j) state[j] = initial_;
    for (std::uint32_t j = 0; j < dim; ++j) state[dim + j] = 0.0f;
  }

  template <std::uint32_t kDim>
  void Step(std::uint32_t runtime_dim, float scale, const float* __restrict g, float* __restrict w,
            float* __restrict state) const {
    const std::uint32_t dim = kDim != 0 ? kDim : runtime_dim;
    Move<kDim>(dim, scale, g, w, state, state + dim);
  }

  // The same with both states where they are.
  template <std::uint32_t kDim>
  void Move(std::uint32_t runtime_dim, float scale, const float* __restrict g, float* __restrict w,
            float* __restrict n, float* __restrict linear) const {
    const std::uint32_t dim = kDim != 0 ? kDim : runtime_dim;
    const float learning_rate = learning_rate_ * scale;
    if (learning_rate == 0.0f) return;  // a schedule that has reached 0: the formula divides by it
#pragma omp simd
    for (std::uint32_t j = 0; j < dim; ++j) {
      const float sum = n[j] + g[j] * g[j];
      const float root = std::sqrt(sum);
      const float l = linear[j] + (g[j] - (root - std::sqrt(n[j])) / learning_rate * w[j]);
      const float clipped = l < -l1_ ? -l1_ : (l > l1_ ? l1_ : l);
      const float divisor = root / learning_rate + 2.0f * l2_;
      const float quotient = (clipped - l) / divisor;
      // The divisor is 0 only until the first nonzero gradient, where the accumulator starts at 0 and l2 is 0.
      w[j] = divisor > 0.0f ? quotient : w[j];
      n[j] = sum;
      linear[j] = l;
    }
  }

 private:
  float learning_rate_, l1_, l2_, initial_;
};

}  // namespace wideload

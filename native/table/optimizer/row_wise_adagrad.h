#pragma once

#include <cmath>
#include <cstdint>

#include "table/spec.h"

namespace wideload {

// AdaGrad with one accumulator per row: the mean of the squared gradient replaces its elements, so a row of
// dimension d carries 1 float of state instead of d. State: accumulator n [1].
//
//   n += mean(g^2);   w -= learning_rate * g / (sqrt(n) + epsilon)
//
// The mean is summed in eight interleaved lanes, then lane by lane: an order that does not depend on the
// compiler.
class RowWiseAdaGrad {
 public:
  explicit RowWiseAdaGrad(const OptimizerSpec& spec)
      : learning_rate_(spec.learning_rate), epsilon_(spec.epsilon), initial_(spec.initial_accumulator) {}

  static std::uint32_t StateFloats(std::uint32_t /*dim*/) { return 1; }

  void InitialState(std::uint32_t /*dim*/, float* state) const { state[0] = initial_; }

  template <std::uint32_t kDim>
  void Step(std::uint32_t runtime_dim, float scale, const float* __restrict g, float* __restrict w,
            float* __restrict n) const {
    const std::uint32_t dim = kDim != 0 ? kDim : runtime_dim;
    n[0] += SquaredSum(g, dim) / static_cast<float>(dim);
    const float rate = learning_rate_ * scale;
    const float divisor = std::sqrt(n[0]) + epsilon_;
#pragma omp simd
    for (std::uint32_t j = 0; j < dim; ++j) w[j] -= rate * g[j] / divisor;
  }

 private:
  static float SquaredSum(const float* g, std::uint32_t dim) {
    float lanes[8] = {};
    std::uint32_t j = 0;
    for (; j + 8 <= dim; j += 8) {
      for (std::uint32_t lane = 0; lane < 8; ++lane) lanes[lane] += g[j + lane] * g[j + lane];
    }
    for (; j < dim; ++j) lanes[j % 8] += g[j] * g[j];
    float sum = 0.0f;
    for (const float lane : lanes) sum += lane;
    return sum;
  }

  float learning_rate_, epsilon_, initial_;
};

}  // namespace wideload

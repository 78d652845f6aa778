#pragma once

#include <cmath>
#include <cstdint>

#include "table/spec.h"

namespace wideload {

// AdaGrad, element-wise (Duchi et al. 2011), as TensorFlow's ResourceApplyAdagradV2.
// State: accumulator n [dim].
//
//   n += g^2;   w -= learning_rate * g / (sqrt(n) + epsilon)
class AdaGrad {
 public:
  explicit AdaGrad(const OptimizerSpec& spec)
      : learning_rate_(spec.learning_rate), epsilon_(spec.epsilon), initial_(spec.initial_accumulator) {}

  static std::uint32_t StateFloats(std::uint32_t dim) { return dim; }

  void InitialState(std::uint32_t dim, float* state) const {
    for (std::uint32_t j = 0; j < dim; ++j) state[j] = initial_;
  }

  template <std::uint32_t kDim>
  void Step(std::uint32_t runtime_dim, float scale, const float* __restrict g, float* __restrict w,
            float* __restrict n) const {
    const std::uint32_t dim = kDim != 0 ? kDim : runtime_dim;
    const float learning_rate = learning_rate_ * scale;
#pragma omp simd
    for (std::uint32_t j = 0; j < dim; ++j) {
      n[j] += g[j] * g[j];
      w[j] -= learning_rate * g[j] / (std::sqrt(n[j]) + epsilon_);
    }
  }

 private:
  float learning_rate_, epsilon_, initial_;
};

}  // namespace wideload

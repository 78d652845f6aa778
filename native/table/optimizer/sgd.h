#pragma once

#include <cstdint>

#include "table/spec.h"

namespace wideload {

// SGD with classical momentum, not Nesterov's form. State: m [dim] with momentum, none without.
//
//   m = momentum * m + g;   w -= learning_rate * m
//
// Keras folds the learning rate into m. At a constant rate both are the same; under a schedule this form
// applies the current rate to the whole of m.
class Sgd {
 public:
  explicit Sgd(const OptimizerSpec& spec) : learning_rate_(spec.learning_rate), momentum_(spec.momentum) {}

  std::uint32_t StateFloats(std::uint32_t dim) const { return momentum_ > 0.0f ? dim : 0; }

  void InitialState(std::uint32_t dim, float* state) const {
    for (std::uint32_t j = 0; j < StateFloats(dim); ++j) state[j] = 0.0f;
  }

  template <std::uint32_t kDim>
  void Step(std::uint32_t runtime_dim, float scale, const float* __restrict g, float* __restrict w,
            float* __restrict m) const {
    const std::uint32_t dim = kDim != 0 ? kDim : runtime_dim;
    const float learning_rate = learning_rate_ * scale;
    if (momentum_ > 0.0f) {
#pragma omp simd
      for (std::uint32_t j = 0; j < dim; ++j) {
        m[j] = momentum_ * m[j] + g[j];
        w[j] -= learning_rate * m[j];
      }
    } else {
#pragma omp simd
      for (std::uint32_t j = 0; j < dim; ++j) w[j] -= learning_rate * g[j];
    }
  }

 private:
  float learning_rate_, momentum_;
};

}  // namespace wideload

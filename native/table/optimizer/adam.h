#pragma once

#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "table/spec.h"

namespace wideload {

// Lazy Adam (Kingma & Ba 2015, the efficient form at the end of section 2): a row's moments change only when
// the row is used, and its bias correction counts the row's own updates. State: m [dim], v [dim], updates t
// [1] (a float holds it exactly to 2^24, where the correction has long been 1).
//
//   m = beta_1 m + (1 - beta_1) g;   v = beta_2 v + (1 - beta_2) g^2
//   w -= learning_rate * sqrt(1 - beta_2^t) / (1 - beta_1^t) * m / (sqrt(v) + epsilon)
//
// In float, as TensorFlow computes it: powers and corrections in float32 (they differ from exact ones by up
// to 6e-5 in the first steps), but 1 - beta from the decimal number that was declared, since Keras subtracts
// in Python.
class Adam {
 public:
  explicit Adam(const OptimizerSpec& spec)
      : learning_rate_(spec.learning_rate),
        beta_1_(spec.beta_1),
        beta_2_(spec.beta_2),
        share_1_(static_cast<float>(1.0 - Declared(spec.beta_1))),
        share_2_(static_cast<float>(1.0 - Declared(spec.beta_2))),
        epsilon_(spec.epsilon),
        corrections_(kTabulated) {
    for (std::uint32_t t = 0; t < kTabulated; ++t) corrections_[t] = Correct(static_cast<float>(t + 1));
  }

  static std::uint32_t StateFloats(std::uint32_t dim) { return 2 * dim + 1; }

  void InitialState(std::uint32_t dim, float* state) const {
    for (std::uint32_t j = 0; j < StateFloats(dim); ++j) state[j] = 0.0f;
  }

  // sqrt(1 - beta_2^t) / (1 - beta_1^t) after `t` updates, t >= 1.
  float Correction(float t) const {
    return t <= static_cast<float>(kTabulated) ? corrections_[static_cast<std::size_t>(t) - 1] : Correct(t);
  }

  template <std::uint32_t kDim>
  void Step(std::uint32_t runtime_dim, float scale, const float* __restrict g, float* __restrict w,
            float* __restrict state) const {
    const std::uint32_t dim = kDim != 0 ? kDim : runtime_dim;
    float* __restrict updates = state + std::size_t{2} * dim;
    if (*updates < kMostUpdates) *updates += 1.0f;
    Move<kDim>(dim, learning_rate_ * scale * Correction(*updates), g, w, state, state + dim);
  }

  // One step at a given rate, learning_rate * correction: for parameters that count their updates together.
  template <std::uint32_t kDim>
  void Move(std::uint32_t runtime_dim, float rate, const float* __restrict g, float* __restrict w,
            float* __restrict m, float* __restrict v) const {
    const std::uint32_t dim = kDim != 0 ? kDim : runtime_dim;
#pragma omp simd
    for (std::uint32_t j = 0; j < dim; ++j) {
      m[j] += (g[j] - m[j]) * share_1_;
      v[j] += (g[j] * g[j] - v[j]) * share_2_;
      w[j] -= m[j] * rate / (std::sqrt(v[j]) + epsilon_);
    }
  }

 private:
  static constexpr std::uint32_t kTabulated = 4096;
  static constexpr float kMostUpdates = 16777216.0f;

  float Correct(float t) const {
    return std::sqrt(1.0f - std::pow(beta_2_, t)) / (1.0f - std::pow(beta_1_, t));
  }

  // The shortest decimal number that rounds to this float32: 0.9f was declared as 0.9.
  static double Declared(float constant) {
    std::array<char, 32> text;
    const auto end = std::to_chars(text.data(), text.data() + text.size(), constant).ptr;
    double number = constant;
    std::from_chars(text.data(), end, number);
    return number;
  }

  float learning_rate_, beta_1_, beta_2_, share_1_, share_2_, epsilon_;
  std::vector<float> corrections_;
};

}  // namespace wideload

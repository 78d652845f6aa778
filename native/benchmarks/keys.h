#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "table/hash.h"

namespace wideload::benchmarks {

enum class Spread { kUniform, kZipf };

// Ranks 0 .. n - 1 with P(rank) ~ 1 / (rank + 1)^1.05, by inversion of the continuous law.
class Zipf {
 public:
  explicit Zipf(std::uint64_t n) : top_(std::pow(static_cast<double>(n) + 1.0, 1.0 - kExponent)) {}

  std::uint64_t operator()(std::mt19937_64& random) const {
    const double u = static_cast<double>(random() >> 11) * 0x1.0p-53;
    return static_cast<std::uint64_t>(std::pow(1.0 + u * (top_ - 1.0), 1.0 / (1.0 - kExponent))) - 1;
  }

 private:
  static constexpr double kExponent = 1.05;
  double top_;
};

// The distinct row numbers of one batch (a batch is made unique before it reaches a table).
inline std::vector<std::uint32_t> DistinctNumbers(std::size_t count, std::uint64_t rows, Spread spread,
                                                  std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const Zipf zipf(rows);
  std::vector<bool> taken(rows);
  std::vector<std::uint32_t> numbers;
  while (numbers.size() < count) {
    const std::uint64_t number = std::min(rows - 1, spread == Spread::kZipf ? zipf(random) : random() % rows);
    if (taken[number]) continue;
    taken[number] = true;
    numbers.push_back(static_cast<std::uint32_t>(number));
  }
  return numbers;
}

// The sign of row number i in every table.
inline Sign SignOfNumber(std::uint64_t number) { return SignOf(12345, number); }

inline std::vector<Sign> SignsOf(const std::vector<std::uint32_t>& numbers) {
  std::vector<Sign> signs(numbers.size());
  std::transform(numbers.begin(), numbers.end(), signs.begin(), SignOfNumber);
  return signs;
}

}  // namespace wideload::benchmarks

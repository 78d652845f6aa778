#include "table/initializer.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace wideload {
namespace {

constexpr std::uint64_t kGamma = 0x9e3779b97f4a7c15u;
constexpr double kLowerTail = 0.022750131948179207;  // Phi(-2)

float EffectiveScale(const SliceSpec& slice) {
  if (slice.initializer.kind != InitializerKind::kGlorot) return slice.initializer.scale;
  return static_cast<float>(std::sqrt(3.0 / static_cast<double>(slice.dim)));
}

// A number in (0, 1): the middle of one of 2^53 cells, so never 0 or 1.
double OpenUnit(std::uint64_t bits) { return (static_cast<double>(bits >> 11) + 0.5) * 0x1.0p-53; }

// scale * (2 u - 1), u from 24 bits of each element's stream.
void FillUniform(std::uint64_t row, float scale, std::uint32_t dim, float* out) {
#pragma omp simd
  for (std::uint32_t j = 0; j < dim; ++j) {
    const std::uint64_t bits = Mix64(row + j * kGamma);
    out[j] = (static_cast<float>(static_cast<std::int32_t>(bits >> 40)) * 0x1.0p-23f - 1.0f) * scale;
  }
}

template <std::size_t N>
double Polynomial(const double (&coefficients)[N], double x) {
  double sum = 0.0;
  for (std::size_t i = N; i-- > 0;) sum = sum * x + coefficients[i];
  return sum;
}

}  // namespace

double NormalQuantile(double p) {
  static constexpr double kA[] = {3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3,
                                  1.3731693765509461125e4, 4.5921953931549871457e4, 6.7265770927008700853e4,
                                  3.3430575583588128105e4, 2.5090809287301226727e3};
  static constexpr double kB[] = {1.0,
                                  4.2313330701600911252e1,
                                  6.8718700749205790830e2,
                                  5.3941960214247511077e3,
                                  2.1213794301586595867e4,
                                  3.9307895800092710610e4,
                                  2.8729085735721942674e4,
                                  5.2264952788528545610e3};
  static constexpr double kC[] = {1.42343711074968357734e0,  4.63033784615654529590e0,
                                  5.76949722146069140550e0,  3.64784832476320460504e0,
                                  1.27045825245236838258e0,  2.41780725177450611770e-1,
                                  2.27238449892691845833e-2, 7.74545014278341407640e-4};
  static constexpr double kD[] = {1.0,
                                  2.05319162663775882187e0,
                                  1.67638483018380384940e0,
                                  6.89767334985100004550e-1,
                                  1.48103976427480074590e-1,
                                  1.51986665636164571966e-2,
                                  5.47593808499534494600e-4,
                                  1.05075007164441684324e-9};
  static constexpr double kE[] = {6.65790464350110377720e0,  5.46378491116411436990e0,
                                  1.78482653991729133580e0,  2.96560571828504891230e-1,
                                  2.65321895265761230930e-2, 1.24266094738807843860e-3,
                                  2.71155556874348757815e-5, 2.01033439929228813265e-7};
  static constexpr double kF[] = {1.0,
                                  5.99832206555887937690e-1,
                                  1.36929880922735805310e-1,
                                  1.48753612908506148525e-2,
                                  7.86869131145613259100e-4,
                                  1.84631831751005468180e-5,
                                  1.42151175831644588870e-7,
                                  2.04426310338993978564e-15};
  const double q = p - 0.5;
  if (std::fabs(q) <= 0.425) {
    const double r = 0.180625 - q * q;
    return q * Polynomial(kA, r) / Polynomial(kB, r);
  }
  double r = std::sqrt(-std::log(q < 0 ? p : 1.0 - p));
  double tail;
  if (r <= 5.0) {
    r -= 1.6;
    tail = Polynomial(kC, r) / Polynomial(kD, r);
  } else {
    r -= 5.0;
    tail = Polynomial(kE, r) / Polynomial(kF, r);
  }
  return q < 0 ? -tail : tail;
}

RowInitializer::RowInitializer(std::uint64_t seed, std::string_view table, const SliceSpec& slice)
    : key_(Mix64(Mix64(seed ^ SaltOf(table)) ^ SaltOf(slice.name))),
      dim_(slice.dim),
      kind_(slice.initializer.kind),
      scale_(EffectiveScale(slice)),
      pretrained_(slice.pretrained) {}

// The pretrained row of this sign, or nullptr.
const float* RowInitializer::Pretrained(Sign sign) const {
  if (pretrained_ == nullptr) return nullptr;
  const auto found = std::ranges::lower_bound(pretrained_->signs, sign);
  if (found == pretrained_->signs.end() || *found != sign) return nullptr;
  return pretrained_->rows.data() + static_cast<std::size_t>(found - pretrained_->signs.begin()) * dim_;
}

void RowInitializer::Fill(Sign sign, float* out) const {
  if (const float* row = Pretrained(sign)) {
    std::copy(row, row + dim_, out);
    return;
  }
  const std::uint64_t row = Mix64(key_ ^ sign);
  const double scale = scale_;
  switch (kind_) {
    case InitializerKind::kZeros:
      std::memset(out, 0, dim_ * sizeof(float));
      return;
    case InitializerKind::kUniform:
    case InitializerKind::kGlorot:
      FillUniform(row, scale_, dim_, out);
      return;
    case InitializerKind::kNormal:
      for (std::uint32_t j = 0; j < dim_; ++j) {
        out[j] = static_cast<float>(scale * NormalQuantile(OpenUnit(Mix64(row + j * kGamma))));
      }
      return;
    case InitializerKind::kTruncatedNormal:
      for (std::uint32_t j = 0; j < dim_; ++j) {
        const double p = kLowerTail + (1.0 - 2.0 * kLowerTail) * OpenUnit(Mix64(row + j * kGamma));
        out[j] = static_cast<float>(scale * NormalQuantile(p));
      }
      return;
  }
}

void InitialRows(const TableSpec& spec, std::span<const Sign> signs, float* rows) {
  std::vector<RowInitializer> slices;
  slices.reserve(spec.slices.size());
  for (const SliceSpec& slice : spec.slices) slices.emplace_back(spec.seed, spec.name, slice);
  for (const Sign sign : signs) {
    for (const RowInitializer& slice : slices) {
      slice.Fill(sign, rows);
      rows += slice.dim();
    }
  }
}

}  // namespace wideload

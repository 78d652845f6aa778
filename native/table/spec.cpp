#include "table/spec.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <functional>
#include <set>
#include <span>
#include <stdexcept>
#include <utility>

#include "table/hash.h"
#include "table/row_layout.h"

namespace wideload {
namespace {

constexpr std::array<std::pair<std::string_view, OptimizerKind>, 5> kOptimizers{{
    {"ftrl", OptimizerKind::kFtrl},
    {"adagrad", OptimizerKind::kAdaGrad},
    {"row_wise_adagrad", OptimizerKind::kRowWiseAdaGrad},
    {"adam", OptimizerKind::kAdam},
    {"sgd", OptimizerKind::kSgd},
}};

constexpr std::array<std::pair<std::string_view, InitializerKind>, 5> kInitializers{{
    {"zeros", InitializerKind::kZeros},
    {"uniform", InitializerKind::kUniform},
    {"normal", InitializerKind::kNormal},
    {"truncated_normal", InitializerKind::kTruncatedNormal},
    {"glorot", InitializerKind::kGlorot},
}};

template <typename Names>
auto Parse(const Names& names, std::string_view what, std::string_view given) {
  std::string valid;
  for (const auto& [name, kind] : names) {
    if (name == given) return kind;
    valid += (valid.empty() ? "" : ", ") + std::string(name);
  }
  throw std::invalid_argument("unknown " + std::string(what) + " '" + std::string(given) +
                              "'. Valid: " + valid + ".");
}

template <typename Names, typename Kind>
std::string_view Name(const Names& names, Kind kind) {
  for (const auto& [name, value] : names) {
    if (value == kind) return name;
  }
  return "?";
}

void Require(bool condition, const std::string& field, float given, const char* valid) {
  if (!condition)
    throw std::invalid_argument(field + " is " + std::to_string(given) + "; valid: " + valid + ".");
}

void RequireNotNegative(const std::string& field, float given) {
  Require(std::isfinite(given) && given >= 0.0f, field, given, "a finite number, 0 or more");
}

void RequireFraction(const std::string& field, float given) {
  Require(given >= 0.0f && given < 1.0f, field, given, "from 0 to below 1");
}

void Validate(const RowLife& life) {
  Require(life.decay >= 0.0f && life.decay <= 1.0f, "life.decay", life.decay, "from 0 to 1");
  RequireNotNegative("life.min_score", life.min_score);
  RequireNotNegative("life.nonclick_weight", life.nonclick_weight);
  RequireNotNegative("life.click_weight", life.click_weight);
}

void Validate(const std::string& slice, std::uint32_t dim, const PretrainedRows& pretrained) {
  if (pretrained.rows.size() != pretrained.signs.size() * dim) {
    throw std::invalid_argument("slice '" + slice + "' has " + std::to_string(pretrained.rows.size()) +
                                " floats of pretrained rows for " + std::to_string(pretrained.signs.size()) +
                                " signs; valid: " + std::to_string(dim) + " for each.");
  }
  if (std::ranges::adjacent_find(pretrained.signs, std::greater_equal<>()) != pretrained.signs.end()) {
    throw std::invalid_argument("slice '" + slice + "': signs of pretrained rows must increase strictly.");
  }
}

void Validate(const SliceSpec& slice) {
  if (slice.name.empty())
    throw std::invalid_argument("a slice has no name; give every slice a name of its own.");
  if (slice.dim == 0 || slice.dim > 65536) {
    throw std::invalid_argument("slice '" + slice.name + "' has dimension " + std::to_string(slice.dim) +
                                "; valid: 1 to 65536.");
  }
  RequireNotNegative("slice '" + slice.name + "': admit_at", slice.admit_at);
  Validate(slice.optimizer);
  Validate(slice.initializer);
  if (slice.pretrained != nullptr) Validate(slice.name, slice.dim, *slice.pretrained);
}

class Digest {
 public:
  void Add(std::uint64_t word) { value_ = Mix64(value_ ^ word); }
  void Add(float number) { Add(std::uint64_t{std::bit_cast<std::uint32_t>(number)}); }
  void Add(std::string_view text) { Add(SaltOf(text)); }
  std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0;
};

}  // namespace

void Validate(const OptimizerSpec& spec) {
  const std::string name(NameOf(spec.kind));
  Require(std::isfinite(spec.learning_rate) && spec.learning_rate > 0.0f, name + ": learning_rate",
          spec.learning_rate, "a finite number above 0");
  RequireNotNegative(name + ": initial_accumulator", spec.initial_accumulator);
  RequireNotNegative(name + ": epsilon", spec.epsilon);
  RequireNotNegative(name + ": l1", spec.l1);
  RequireNotNegative(name + ": l2", spec.l2);
  RequireFraction(name + ": beta_1", spec.beta_1);
  RequireFraction(name + ": beta_2", spec.beta_2);
  RequireFraction(name + ": momentum", spec.momentum);
}

void Validate(const InitializerSpec& spec) {
  RequireNotNegative("initializer " + std::string(NameOf(spec.kind)) + ": scale", spec.scale);
}

void Validate(const TableSpec& spec) {
  if (spec.name.empty())
    throw std::invalid_argument("the table has no name; rows are initialised by it, so give one.");
  if (spec.slices.empty())
    throw std::invalid_argument("table '" + spec.name + "' has no slices; declare at least one.");
  std::set<std::string_view> names;
  std::set<float> thresholds{0.0f};
  for (const SliceSpec& slice : spec.slices) {
    Validate(slice);
    thresholds.insert(slice.admit_at);
    if (!names.insert(slice.name).second) {
      throw std::invalid_argument("table '" + spec.name + "' has two slices named '" + slice.name +
                                  "'; give every slice a name of its own.");
    }
  }
  if (thresholds.size() > kMaxClasses) {
    throw std::invalid_argument("table '" + spec.name + "' has " + std::to_string(thresholds.size()) +
                                " different values of admit_at (0 included); valid: at most " +
                                std::to_string(kMaxClasses) + ".");
  }
  Validate(spec.life);
}

OptimizerKind ParseOptimizerKind(std::string_view name) { return Parse(kOptimizers, "optimizer", name); }
InitializerKind ParseInitializerKind(std::string_view name) {
  return Parse(kInitializers, "initializer", name);
}
std::string_view NameOf(OptimizerKind kind) { return Name(kOptimizers, kind); }
std::string_view NameOf(InitializerKind kind) { return Name(kInitializers, kind); }

std::uint64_t DigestOf(const TableSpec& spec) {
  Digest digest;
  digest.Add(spec.name);
  for (const SliceSpec& slice : spec.slices) {
    digest.Add(slice.name);
    digest.Add(std::uint64_t{slice.dim});
    digest.Add(NameOf(slice.optimizer.kind));
    digest.Add(std::uint64_t{StateFloats(slice.optimizer, slice.dim)});
    digest.Add(slice.admit_at);
  }
  return digest.value();
}

}  // namespace wideload

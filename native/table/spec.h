#pragma once
// The declaration of a table: validated once, then constant.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "table/hash.h"

namespace wideload {

enum class OptimizerKind { kFtrl, kAdaGrad, kRowWiseAdaGrad, kAdam, kSgd };

// Formulas: table/optimizer/, one header each. A field that a kind does not use is ignored.
struct OptimizerSpec {
  OptimizerKind kind = OptimizerKind::kAdaGrad;
  float learning_rate = 0.05f;
  float initial_accumulator = 0.1f;
  float epsilon = 1e-7f;
  float l1 = 0.0f, l2 = 0.0f;
  float beta_1 = 0.9f, beta_2 = 0.999f;
  float momentum = 0.0f;

  friend bool operator==(const OptimizerSpec&, const OptimizerSpec&) = default;
};

enum class InitializerKind { kZeros, kUniform, kNormal, kTruncatedNormal, kGlorot };

// Distributions: table/initializer.h.
struct InitializerSpec {
  InitializerKind kind = InitializerKind::kUniform;
  float scale = 0.05f;

  friend bool operator==(const InitializerSpec&, const InitializerSpec&) = default;
};

// Initial rows of some signs that were trained elsewhere; they replace the initializer's.
struct PretrainedRows {
  std::vector<Sign> signs;  // ascending, distinct
  std::vector<float> rows;  // [signs, dim]
};

struct SliceSpec {
  std::string name;
  std::uint32_t dim = 0;
  OptimizerSpec optimizer;
  InitializerSpec initializer;
  float admit_at = 0.0f;  // score that a row needs before this slice is created; 0: created with the row
  std::shared_ptr<const PretrainedRows> pretrained = nullptr;  // takes precedence over the initializer

  friend bool operator==(const SliceSpec&, const SliceSpec&) = default;
};

// What happens when a row would be created beyond a cap.
enum class WhenFull {
  kRaise,  // std::length_error; the table stays as it was up to that row
  kTrim,   // the row is created; the next Evict trims the table to its cap
};

// When rows are dropped. Nothing is dropped until SparseTable::Evict is called. Zero switches a rule off.
//
//   score = nonclick_weight * (show - click) + click_weight * click         (with the defaults: show)
struct RowLife {
  std::uint32_t ttl_steps = 0;  // drops a row that has not been used for more steps than this
  float min_score = 0.0f;       // drops a row whose score is below this
  float decay = 1.0f;           // SparseTable::Decay multiplies show and click by it
  float nonclick_weight = 1.0f, click_weight = 1.0f;
  std::uint64_t max_rows = 0;   // drops the least recently used rows beyond this many
  std::uint64_t max_bytes = 0;  // the same in bytes of live rows: sign, header, weights and state
  WhenFull when_full = WhenFull::kTrim;

  friend bool operator==(const RowLife&, const RowLife&) = default;
};

struct TableSpec {
  std::string name;
  std::uint64_t seed = 0;
  std::vector<SliceSpec> slices;
  RowLife life;
  bool nan_guard = false;  // refuse a push that holds NaN or infinity, before anything of it is applied

  friend bool operator==(const TableSpec&, const TableSpec&) = default;
};

// Throw std::invalid_argument that says what was given and what is valid.
void Validate(const OptimizerSpec& spec);
void Validate(const InitializerSpec& spec);
void Validate(const TableSpec& spec);

// Names as in the Python declarations: "ftrl", "adagrad", "row_wise_adagrad", "adam", "sgd";
// "zeros", "uniform", "normal", "truncated_normal", "glorot".
OptimizerKind ParseOptimizerKind(std::string_view name);
InitializerKind ParseInitializerKind(std::string_view name);
std::string_view NameOf(OptimizerKind kind);
std::string_view NameOf(InitializerKind kind);

// A 64-bit digest of everything that gives a stored row its meaning: the table's name, its slices, their
// optimizers' kinds and the constants that their state depends on. Tables with equal digests can read each
// other's rows.
std::uint64_t DigestOf(const TableSpec& spec);

}  // namespace wideload

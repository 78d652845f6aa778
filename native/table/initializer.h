#pragma once
// The initial weights of a row: a pure function of (seed, table, sign, slice, element). There is no state and
// no order, so a row is the same whichever rank creates it, and whenever.
//
//   table key = Mix64(seed ^ SaltOf(table name))
//   slice key = Mix64(table key ^ SaltOf(slice name))
//   row key   = Mix64(slice key ^ sign)
//   bits j    = Mix64(row key + j * 0x9e3779b97f4a7c15)     one splitmix64 stream per row and slice
//   u         = (bits >> 40) / 2^24                         24 random bits: exact in float32, in [0, 1)
//
//   zeros             0
//   uniform           (2 u - 1) * scale                     on [-scale, scale)
//   glorot            uniform with scale = sqrt(3 / dim)    the declared scale is ignored
//   normal            scale * Phi^-1(v)                     v: 53 random bits, inside (0, 1)
//   truncated_normal  scale * Phi^-1(v')                    v': v mapped into (Phi(-2), Phi(2))
//
// truncated_normal is TensorFlow's: a normal of standard deviation `scale` cut at two deviations, but without
// rejection. A sign among the slice's pretrained rows starts from its row there and draws nothing.
//
// Phi^-1 is Wichura's algorithm AS 241 (PPND16), relative error about 1e-16, computed in double.

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "table/hash.h"
#include "table/spec.h"

namespace wideload {

class RowInitializer {
 public:
  RowInitializer(std::uint64_t seed, std::string_view table, const SliceSpec& slice);

  std::uint32_t dim() const { return dim_; }

  // Writes dim() floats.
  void Fill(Sign sign, float* out) const;

 private:
  const float* Pretrained(Sign sign) const;

  std::uint64_t key_;
  std::uint32_t dim_;
  InitializerKind kind_;
  float scale_;
  std::shared_ptr<const PretrainedRows> pretrained_;
};

// Quantile of the standard normal distribution; p in (0, 1).
double NormalQuantile(double p);

// The rows [signs.size(), sum of dims] that a table would pull if every slice were admitted and nothing had
// been trained.
void InitialRows(const TableSpec& spec, std::span<const Sign> signs, float* rows);

}  // namespace wideload

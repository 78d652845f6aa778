#pragma once
// The layout of a row in memory.
//
//   │ sign 8 │ header 16 │ weights of slice a, b, ... │ state of slice a, b, ... │
//    bytes                                             stride: a multiple of 4 bytes
//
// The weights of all slices come first and are contiguous, so that a pull of small slices reads one cache
// line. A row holds only the slices it has been admitted to: *size class* c holds the slices whose admit_at
// is among the c + 1 lowest thresholds (class 0: those that exist from the start), so at most kMaxClasses
// different thresholds can be declared.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "table/hash.h"
#include "table/spec.h"

namespace wideload {

inline constexpr std::uint32_t kMaxClasses = 4;

struct RowHeader {
  std::uint32_t last_step = 0;
  float show = 0.0f;
  float click = 0.0f;
  std::uint16_t flags =
      0;  // bits 0-1: size class; bit 2: the row has moved; its first 8 bytes hold its address
  std::uint16_t slot = 0;  // free for the caller's use

  std::uint32_t size_class() const { return flags & kClassMask; }
  void set_size_class(std::uint32_t c) { flags = static_cast<std::uint16_t>((flags & ~kClassMask) | c); }
  // Writes only on change, so that a row read twice in a step does not dirty its cache line twice.
  void Touch(std::uint32_t step) {
    if (last_step != step) last_step = step;
  }
  bool moved() const { return (flags & kMoved) != 0; }

  static constexpr std::uint16_t kClassMask = 3, kMoved = 4;
};
static_assert(sizeof(RowHeader) == 16);

inline constexpr std::size_t kHeaderOffset = sizeof(Sign);
inline constexpr std::size_t kWeightsOffset = kHeaderOffset + sizeof(RowHeader);

// Rows are aligned to 4 bytes only.
inline Sign SignAt(const std::byte* row) {
  Sign sign;
  std::memcpy(&sign, row, sizeof(sign));
  return sign;
}
inline void SetSign(std::byte* row, Sign sign) { std::memcpy(row, &sign, sizeof(sign)); }
inline RowHeader& HeaderOf(std::byte* row) { return *reinterpret_cast<RowHeader*>(row + kHeaderOffset); }
inline const RowHeader& HeaderOf(const std::byte* row) {
  return *reinterpret_cast<const RowHeader*>(row + kHeaderOffset);
}
inline float* FloatsAt(std::byte* row, std::uint32_t offset) {
  return reinterpret_cast<float*>(row + offset);
}
inline const float* FloatsAt(const std::byte* row, std::uint32_t offset) {
  return reinterpret_cast<const float*>(row + offset);
}

// The new address of a row that has moved.
inline void SetForward(std::byte* row, std::byte* target) {
  std::memcpy(row, &target, sizeof(target));
  HeaderOf(row).flags |= RowHeader::kMoved;
}
inline std::byte* ForwardOf(const std::byte* row) {
  std::byte* target;
  std::memcpy(&target, row, sizeof(target));
  return target;
}

// Floats of optimizer state that a slice of this dimension needs.
std::uint32_t StateFloats(const OptimizerSpec& optimizer, std::uint32_t dim);

struct SliceLayout {
  std::uint32_t dim;
  std::uint32_t state_floats;
  std::uint32_t column;                            // first float in a pulled row
  std::uint32_t state_column;                      // first float in an exported row
  std::uint32_t first_class;                       // lowest size class that holds this slice
  std::array<std::uint32_t, kMaxClasses> weights;  // byte offset by size class; valid from first_class on
  std::array<std::uint32_t, kMaxClasses> state;    // the same for the state
};

struct ClassLayout {
  std::uint32_t stride;  // bytes of a row
  std::uint32_t weight_floats;
  std::uint32_t state_floats;
  std::uint32_t prefix_floats;  // leading floats of a pulled row that are contiguous from kWeightsOffset
  bool prefix_only;             // the row holds no weights but those
  float admit_at;               // score from which a row belongs to this class
};

class RowLayout {
 public:
  explicit RowLayout(const TableSpec& spec);

  std::uint32_t width() const { return width_; }
  std::uint32_t row_floats() const { return row_floats_; }
  const std::vector<SliceLayout>& slices() const { return slices_; }
  const std::vector<ClassLayout>& classes() const { return classes_; }
  std::uint32_t top_class() const { return static_cast<std::uint32_t>(classes_.size()) - 1; }

  // The highest size class that a row with this score belongs to.
  std::uint32_t ClassFor(float score) const {
    std::uint32_t c = 0;
    while (c < top_class() && score >= classes_[c + 1].admit_at) ++c;
    return c;
  }

  // Writes the row's weights as a pulled row; slices that its class lacks read as zeros.
  void CopyWeights(const std::byte* row, std::uint32_t size_class, float* out) const;

  // Convert between a row and its exported form.
  void ExportFloats(const std::byte* row, float* out) const;
  void ImportFloats(const float* in, std::byte* row) const;

 private:
  std::uint32_t width_ = 0;
  std::uint32_t row_floats_ = 0;
  std::vector<SliceLayout> slices_;
  std::vector<ClassLayout> classes_;
};

}  // namespace wideload

#include "table/row_layout.h"

#include <algorithm>
#include <set>
#include <stdexcept>
#include <string>

namespace wideload {
namespace {

constexpr std::uint32_t kMaxStride = 1u << 20;
constexpr auto kFloat = static_cast<std::uint32_t>(sizeof(float));

std::vector<float> Thresholds(const TableSpec& spec) {
  std::set<float> distinct{0.0f};
  for (const SliceSpec& slice : spec.slices) distinct.insert(slice.admit_at);
  return {distinct.begin(), distinct.end()};
}

}  // namespace

RowLayout::RowLayout(const TableSpec& spec) {
  Validate(spec);
  const std::vector<float> thresholds = Thresholds(spec);
  std::uint32_t state_total = 0;
  for (const SliceSpec& slice : spec.slices) {
    SliceLayout layout{};
    layout.dim = slice.dim;
    layout.state_floats = StateFloats(slice.optimizer, slice.dim);
    layout.column = width_;
    layout.first_class = static_cast<std::uint32_t>(
        std::lower_bound(thresholds.begin(), thresholds.end(), slice.admit_at) - thresholds.begin());
    slices_.push_back(layout);
    width_ += layout.dim;
    state_total += layout.state_floats;
  }
  row_floats_ = width_ + state_total;

  std::uint32_t state_column = width_;
  for (SliceLayout& slice : slices_) {
    slice.state_column = state_column;
    state_column += slice.state_floats;
  }

  for (std::uint32_t c = 0; c < thresholds.size(); ++c) {
    ClassLayout layout{};
    layout.admit_at = thresholds[c];
    bool leading = true;
    for (SliceLayout& slice : slices_) {
      if (slice.first_class > c) {
        leading = false;
        continue;
      }
      slice.weights[c] = static_cast<std::uint32_t>(kWeightsOffset) + layout.weight_floats * kFloat;
      layout.weight_floats += slice.dim;
      if (leading) layout.prefix_floats += slice.dim;
    }
    layout.prefix_only = layout.prefix_floats == layout.weight_floats;
    const std::uint32_t state_begin =
        static_cast<std::uint32_t>(kWeightsOffset) + layout.weight_floats * kFloat;
    for (SliceLayout& slice : slices_) {
      if (slice.first_class > c) continue;
      slice.state[c] = state_begin + layout.state_floats * kFloat;
      layout.state_floats += slice.state_floats;
    }
    layout.stride = state_begin + layout.state_floats * kFloat;
    if (layout.stride > kMaxStride) {
      throw std::invalid_argument("a row of table '" + spec.name + "' takes " +
                                  std::to_string(layout.stride) + " bytes; valid: at most " +
                                  std::to_string(kMaxStride) + ". Declare smaller slices.");
    }
    classes_.push_back(layout);
  }
}

void RowLayout::CopyWeights(const std::byte* row, std::uint32_t size_class, float* out) const {
  const ClassLayout& layout = classes_[size_class];
  std::memcpy(out, row + kWeightsOffset, layout.prefix_floats * sizeof(float));
  if (layout.prefix_only) {
    std::fill(out + layout.prefix_floats, out + width_, 0.0f);
    return;
  }
  for (const SliceLayout& slice : slices_) {
    if (slice.first_class <= size_class) {
      std::memcpy(out + slice.column, row + slice.weights[size_class], slice.dim * sizeof(float));
    } else {
      std::fill(out + slice.column, out + slice.column + slice.dim, 0.0f);
    }
  }
}

void RowLayout::ExportFloats(const std::byte* row, float* out) const {
  const std::uint32_t c = HeaderOf(row).size_class();
  CopyWeights(row, c, out);
  for (const SliceLayout& slice : slices_) {
    if (slice.first_class <= c) {
      std::memcpy(out + slice.state_column, row + slice.state[c], slice.state_floats * sizeof(float));
    } else {
      std::fill(out + slice.state_column, out + slice.state_column + slice.state_floats, 0.0f);
    }
  }
}

void RowLayout::ImportFloats(const float* in, std::byte* row) const {
  const std::uint32_t c = HeaderOf(row).size_class();
  for (const SliceLayout& slice : slices_) {
    if (slice.first_class > c) continue;
    std::memcpy(row + slice.weights[c], in + slice.column, slice.dim * sizeof(float));
    std::memcpy(row + slice.state[c], in + slice.state_column, slice.state_floats * sizeof(float));
  }
}

}  // namespace wideload

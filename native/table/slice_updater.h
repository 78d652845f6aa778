#pragma once
// One optimizer bound to one slice, chosen once: the optimizer's kind and the common dimensions are template
// parameters of the loop over a group of rows, so no row pays a virtual call.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "table/row_layout.h"
#include "table/spec.h"

namespace wideload {

// A row to update. `gradient` is a whole pulled row's gradient; `size_class` that of `row`, `slices_of` the
// class whose slices may change (lower when the row was admitted to more since).
struct RowUpdate {
  std::byte* row;
  const float* gradient;
  std::uint32_t size_class;
  std::uint32_t slices_of;
};

class SliceUpdater {
 public:
  virtual ~SliceUpdater() = default;

  // Updates the slice in every row that has it.
  virtual void Update(std::span<const RowUpdate> rows, float learning_rate_scale) const = 0;

  // What a new row's state is; as many floats as the layout says.
  std::span<const float> initial_state() const { return initial_state_; }

 protected:
  std::vector<float> initial_state_;
};

std::unique_ptr<SliceUpdater> MakeSliceUpdater(const OptimizerSpec& optimizer, const SliceLayout& slice);

}  // namespace wideload

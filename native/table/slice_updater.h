#pragma once
// One optimizer bound to one slice. The optimizer's kind and the common dimensions are template parameters of
// the loop over a group of rows, so there is no virtual call per row.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "table/row_layout.h"
#include "table/spec.h"

namespace wideload {

// A row to update. `gradient` is the gradient of a whole pulled row. `size_class` is the row's own;
// `slices_of` is the class whose slices may change, which is lower if the row has since been admitted to
// more slices.
struct RowUpdate {
  std::byte* row;
  const float* gradient;
  std::uint32_t size_class;
  std::uint32_t slices_of;
};

class SliceUpdater {
 public:
  virtual ~SliceUpdater() = default;

  // Updates the slice in every row that holds it.
  virtual void Update(std::span<const RowUpdate> rows, float learning_rate_scale) const = 0;

  // The state of a new row; as many floats as the layout declares.
  std::span<const float> initial_state() const { return initial_state_; }

 protected:
  std::vector<float> initial_state_;
};

std::unique_ptr<SliceUpdater> MakeSliceUpdater(const OptimizerSpec& optimizer, const SliceLayout& slice);

}  // namespace wideload

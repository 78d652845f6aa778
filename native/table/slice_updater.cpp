#include "table/slice_updater.h"

#include "table/optimizer/adagrad.h"
#include "table/optimizer/adam.h"
#include "table/optimizer/ftrl.h"
#include "table/optimizer/row_wise_adagrad.h"
#include "table/optimizer/sgd.h"

namespace wideload {
namespace {

template <typename Optimizer, std::uint32_t kDim>
class Updater final : public SliceUpdater {
 public:
  Updater(const OptimizerSpec& optimizer, const SliceLayout& slice) : optimizer_(optimizer), slice_(slice) {
    initial_state_.resize(slice.state_floats);
    optimizer_.InitialState(slice.dim, initial_state_.data());
  }

  void Update(std::span<const RowUpdate> rows, float learning_rate_scale) const override {
    for (const RowUpdate& update : rows) {
      if (update.slices_of < slice_.first_class) continue;
      optimizer_.template Step<kDim>(slice_.dim, learning_rate_scale, update.gradient + slice_.column,
                                     FloatsAt(update.row, slice_.weights[update.size_class]),
                                     FloatsAt(update.row, slice_.state[update.size_class]));
    }
  }

 private:
  Optimizer optimizer_;
  SliceLayout slice_;
};

template <typename Optimizer>
std::unique_ptr<SliceUpdater> ForDimension(const OptimizerSpec& optimizer, const SliceLayout& slice) {
  switch (slice.dim) {
    case 1:
      return std::make_unique<Updater<Optimizer, 1>>(optimizer, slice);
    case 4:
      return std::make_unique<Updater<Optimizer, 4>>(optimizer, slice);
    case 8:
      return std::make_unique<Updater<Optimizer, 8>>(optimizer, slice);
    case 16:
      return std::make_unique<Updater<Optimizer, 16>>(optimizer, slice);
    case 32:
      return std::make_unique<Updater<Optimizer, 32>>(optimizer, slice);
    case 64:
      return std::make_unique<Updater<Optimizer, 64>>(optimizer, slice);
    default:
      return std::make_unique<Updater<Optimizer, 0>>(optimizer, slice);
  }
}

}  // namespace

std::uint32_t StateFloats(const OptimizerSpec& optimizer, std::uint32_t dim) {
  switch (optimizer.kind) {
    case OptimizerKind::kFtrl:
      return Ftrl::StateFloats(dim);
    case OptimizerKind::kAdaGrad:
      return AdaGrad::StateFloats(dim);
    case OptimizerKind::kRowWiseAdaGrad:
      return RowWiseAdaGrad::StateFloats(dim);
    case OptimizerKind::kAdam:
      return Adam::StateFloats(dim);
    case OptimizerKind::kSgd:
      return Sgd(optimizer).StateFloats(dim);
  }
  return 0;
}

std::unique_ptr<SliceUpdater> MakeSliceUpdater(const OptimizerSpec& optimizer, const SliceLayout& slice) {
  switch (optimizer.kind) {
    case OptimizerKind::kFtrl:
      return ForDimension<Ftrl>(optimizer, slice);
    case OptimizerKind::kAdaGrad:
      return ForDimension<AdaGrad>(optimizer, slice);
    case OptimizerKind::kRowWiseAdaGrad:
      return ForDimension<RowWiseAdaGrad>(optimizer, slice);
    case OptimizerKind::kAdam:
      return ForDimension<Adam>(optimizer, slice);
    case OptimizerKind::kSgd:
      return ForDimension<Sgd>(optimizer, slice);
  }
  return nullptr;
}

}  // namespace wideload

#include "table/sparse_table.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "table/batch_plan.h"
#include "table/fork_guard.h"
#include "table/shard.h"
#include "table/thread_team.h"
#include "table/walker.h"

namespace wideload {
namespace {

constexpr std::size_t kFewestForTeam = 2048;  // below this, starting threads costs more than it saves

// The shard at which a thread begins its walks, so that several threads on one table do not compete for the
// same shards all the time. A walk is split in two there: each part takes its locks in ascending order, and
// the first holds none when the second begins.
std::uint32_t FirstShardOfThisThread() {
  static std::atomic<std::uint32_t> threads{0};
  constexpr std::uint32_t kGoldenStep = 158;  // 256 over the golden ratio: any few threads lie far apart
  thread_local const std::uint32_t first = threads.fetch_add(1) * kGoldenStep % kShards;
  return first;
}

// Copies the leading kWidth weights of `size` rows; with kWidth 0, the `width` known only at run time.
template <std::uint32_t kWidth>
void Gather(const std::byte* const* rows, float* const* out, std::size_t size, std::uint32_t width) {
  for (std::size_t i = 0; i < size; ++i) {
    std::memcpy(out[i], rows[i] + kWeightsOffset, (kWidth != 0 ? kWidth : width) * sizeof(float));
  }
}

using GatherFunction = void (*)(const std::byte* const*, float* const*, std::size_t, std::uint32_t);

GatherFunction GatherFor(std::uint32_t width) {
  switch (width) {
    case 1:
      return Gather<1>;
    case 8:
      return Gather<8>;
    case 9:
      return Gather<9>;
    case 16:
      return Gather<16>;
    case 17:
      return Gather<17>;
    case 32:
      return Gather<32>;
    case 33:
      return Gather<33>;
    case 64:
      return Gather<64>;
    case 65:
      return Gather<65>;
    default:
      return Gather<0>;
  }
}

// Copies pulled rows; the method is chosen once per batch.
class WeightReader {
 public:
  explicit WeightReader(const RowLayout& layout)
      : layout_(layout), uniform_(layout.top_class() == 0), gather_(GatherFor(layout.width())) {}

  void Read(const std::byte* const* rows, float* const* out, std::size_t size) const {
    if (uniform_) return gather_(rows, out, size, layout_.width());
    for (std::size_t i = 0; i < size; ++i)
      layout_.CopyWeights(rows[i], HeaderOf(rows[i]).size_class(), out[i]);
  }

 private:
  const RowLayout& layout_;
  bool uniform_;
  GatherFunction gather_;
};

std::size_t PullBytes(const RowLayout& layout) { return kWeightsOffset + layout.width() * sizeof(float); }
std::size_t WholeRow(const RowLayout& layout) { return layout.classes().back().stride; }

BatchPlan PlanOf(const Unique::ShardedResult& found) {
  BatchPlan plan;
  plan.hashes = found.hashes;
  std::copy(found.shard_begin.begin(), found.shard_begin.end(), plan.begin.begin());
  return plan;
}

void RequireCounts(std::span<const float> counts, std::size_t signs, const char* what) {
  if (counts.empty() || counts.size() == signs) return;
  throw std::invalid_argument(std::string(what) + " has " + std::to_string(counts.size()) + " values for " +
                              std::to_string(signs) + " signs; valid: one per sign, or none.");
}

// Moves a row whose score has reached the next threshold to the corresponding size class.
void Admit(RowFactory& factory, Group& group, std::size_t i, Sign sign) {
  std::byte* row = group.rows[i];
  Shard& shard = *group.shards[i];
  if (HeaderOf(row).moved() || SignAt(row) != sign) [[unlikely]] {  // moved by an equal sign in the group
    group.ids[i] = ShardIndex::RowOf(shard.index.At(shard.Find(group.hashes[i], sign).position));
    row = group.rows[i] = shard.Address(group.ids[i]);
  }
  const std::uint32_t size_class = factory.layout.ClassFor(factory.ScoreOf(HeaderOf(row)));
  if (size_class <= Shard::ClassOf(group.ids[i])) return;
  group.ids[i] = shard.Promote(factory, group.hashes[i], group.ids[i], size_class);
  group.rows[i] = shard.Address(group.ids[i]);
}

void UpdateSlices(const RowFactory& factory, std::span<const RowUpdate> updates, float scale) {
  for (const auto& updater : factory.updaters) updater->Update(updates, scale);
}

}  // namespace

SparseTable::SparseTable(TableSpec spec)
    : spec_(std::move(spec)),
      layout_(spec_),
      factory_(std::make_unique<RowFactory>(spec_, layout_)),
      shards_(std::make_unique<Shard[]>(kShards)),
      fork_guard_(std::make_unique<ForkGuard>(shards_.get())),
      team_(std::make_unique<ThreadTeam>(1)) {
  for (std::uint32_t s = 0; s < kShards; ++s) {
    for (std::size_t c = 0; c < layout_.classes().size(); ++c)
      shards_[s].arenas[c].Configure(layout_.classes()[c].stride);
  }
}

SparseTable::~SparseTable() = default;

std::uint64_t SparseTable::salt() const { return factory_->salt; }

std::uint64_t SparseTable::size() const {
  std::uint64_t rows = 0;
  for (std::uint32_t s = 0; s < kShards; ++s) rows += shard_size(s);
  return rows;
}

void SparseTable::SetLearningRateScale(float scale) {
  if (!(std::isfinite(scale) && scale >= 0.0f)) {
    throw std::invalid_argument("learning_rate_scale is " + std::to_string(scale) +
                                "; valid: a finite number, 0 or more.");
  }
  learning_rate_scale_.store(scale, std::memory_order_relaxed);
}

void SparseTable::SetThreads(int threads) {
  if (threads < 1 || threads > 256) {
    throw std::invalid_argument("threads is " + std::to_string(threads) + "; valid: 1 to 256.");
  }
  team_ = std::make_unique<ThreadTeam>(threads);
}

int SparseTable::threads() const { return team_->size(); }

void SparseTable::InParts(const BatchPlan& plan,
                          const std::function<void(std::size_t, std::size_t)>& work) const {
  const std::size_t n = plan.hashes.size();
  const auto parts = static_cast<std::size_t>(team_->size());
  if (parts == 1 || n < kFewestForTeam) {
    const std::size_t first = n < kFewestForTeam ? 0 : plan.begin[FirstShardOfThisThread()];
    work(first, n);
    return work(0, first);
  }
  const auto cut = [&](std::size_t part) -> std::size_t {
    return *std::lower_bound(plan.begin.begin(), plan.begin.end(), n * part / parts);
  };
  team_->Run(
      [&](int part) { work(cut(static_cast<std::size_t>(part)), cut(static_cast<std::size_t>(part) + 1)); });
}

void SparseTable::CheckFinite(const float* gradient, std::size_t row) const {
  bool finite = true;
  for (std::size_t j = 0; j < width(); ++j) finite &= std::isfinite(gradient[j]);
  if (finite) [[likely]]
    return;
  const std::size_t j = static_cast<std::size_t>(
      std::find_if_not(gradient, gradient + width(), [](float x) { return std::isfinite(x); }) - gradient);
  throw std::invalid_argument("gradient " + std::to_string(row) + " of table '" + spec_.name + "' holds " +
                              std::to_string(gradient[j]) + " at element " + std::to_string(j) +
                              "; valid: finite numbers. Nothing was applied.");
}

void SparseTable::Pull(std::span<const Sign> signs, std::uint32_t step, float* rows) {
  const BatchPlan plan = PlanBatch(signs, salt());
  const WeightReader reader(layout_);
  const bool admission = layout_.top_class() > 0;
  const std::size_t out_bytes = std::min(width() * sizeof(float), kMostPrefetched);
  InParts(plan, [&](std::size_t begin, std::size_t end) {
    Walker walker(*factory_, shards_.get(), signs, plan, step, PullBytes(layout_));
    walker.Walk<Missing::kCreate>(
        begin, end,
        [&](Group& group) {
          std::array<float*, kGroup> out;
          for (std::size_t i = 0; i < group.size; ++i) {
            const std::size_t position = plan.PositionOf(group.first + i);
            if (admission) Admit(*factory_, group, i, signs[position]);
            HeaderOf(group.rows[i]).Touch(step);
            out[i] = rows + position * width();
          }
          reader.Read(group.rows.data(), out.data(), group.size);
        },
        [&](const Group& group) {
          for (std::size_t i = 0; i < group.size; ++i)
            Prefetch(rows + plan.PositionOf(group.first + i) * width(), out_bytes);
        });
  });
}

void SparseTable::PullReadOnly(std::span<const Sign> signs, float* rows, Absent absent) const {
  const BatchPlan plan = PlanBatch(signs, salt());
  const WeightReader reader(layout_);
  InParts(plan, [&](std::size_t begin, std::size_t end) {
    Walker walker(*factory_, shards_.get(), signs, plan, 0, PullBytes(layout_));
    walker.Walk<Missing::kSkip>(begin, end, [&](Group& group) {
      std::array<const std::byte*, kGroup> present;
      std::array<float*, kGroup> out;
      std::size_t found = 0;
      for (std::size_t i = 0; i < group.size; ++i) {
        const std::size_t position = plan.PositionOf(group.first + i);
        float* target = rows + position * width();
        if (group.rows[i] != nullptr) {
          present[found] = group.rows[i];
          out[found++] = target;
          continue;
        }
        std::fill(target, target + width(), 0.0f);
        if (absent == Absent::kZeros) continue;
        for (std::size_t s = 0; s < layout_.slices().size(); ++s) {
          const SliceLayout& slice = layout_.slices()[s];
          if (slice.first_class == 0) factory_->initializers[s].Fill(signs[position], target + slice.column);
        }
      }
      reader.Read(present.data(), out.data(), found);
    });
  });
}

void SparseTable::Push(std::span<const Sign> signs, const float* gradients, std::uint32_t step,
                       std::span<const float> shows, std::span<const float> clicks) {
  RequireCounts(shows, signs.size(), "shows");
  RequireCounts(clicks, signs.size(), "clicks");
  if (spec_.nan_guard) {
    for (std::size_t i = 0; i < signs.size(); ++i) CheckFinite(gradients + i * width(), i);
  }
  thread_local Unique unique;
  thread_local std::vector<float> sums, show_sums, click_sums;
  thread_local std::vector<const float*> per_row;
  const Unique::ShardedResult found = unique.FindByShard(signs, salt());
  const std::size_t rows = found.unique.size();
  const std::size_t columns = width();

  // A sign that appears once uses the caller's gradient in place; the others are summed into a row of `sums`.
  per_row.assign(rows, nullptr);
  sums.resize((signs.size() - rows) * columns);
  if (!shows.empty()) show_sums.assign(rows, 0.0f);
  if (!clicks.empty()) click_sums.assign(rows, 0.0f);
  std::size_t summed = 0;
  for (std::size_t i = 0; i < signs.size(); ++i) {
    const auto u = static_cast<std::size_t>(found.inverse[i]);
    const float* gradient = gradients + i * columns;
    if (!shows.empty()) show_sums[u] += shows[i];
    if (!clicks.empty()) click_sums[u] += clicks[i];
    if (per_row[u] == nullptr) {
      if (found.counts[u] > 1) {
        float* sum = sums.data() + summed++ * columns;
        std::copy(gradient, gradient + columns, sum);
        gradient = sum;
      }
      per_row[u] = gradient;
    } else {
      auto* sum = const_cast<float*>(per_row[u]);
      for (std::size_t j = 0; j < columns; ++j) sum[j] += gradient[j];
    }
  }

  const BatchPlan plan = PlanOf(found);
  const float scale = learning_rate_scale();
  const bool admission = layout_.top_class() > 0;
  const std::span<const float* const> gradient_of(per_row);
  const std::span<const float> show_of(show_sums), click_of(click_sums);
  const std::size_t gradient_bytes = std::min(columns * sizeof(float), kMostPrefetched);
  InParts(plan, [&](std::size_t begin, std::size_t end) {
    Walker walker(*factory_, shards_.get(), found.unique, plan, step, WholeRow(layout_));
    walker.Walk<Missing::kCreate>(
        begin, end,
        [&](Group& group) {
          std::array<RowUpdate, kGroup> updates;
          for (std::size_t i = 0; i < group.size; ++i) {
            const std::size_t position = plan.PositionOf(group.first + i);
            if (admission) Admit(*factory_, group, i, found.unique[position]);
            RowHeader& header = HeaderOf(group.rows[i]);
            header.Touch(step);
            header.show += shows.empty() ? static_cast<float>(found.counts[position]) : show_of[position];
            if (!clicks.empty()) header.click += click_of[position];
            updates[i] = {group.rows[i], gradient_of[position], header.size_class(), header.size_class()};
          }
          UpdateSlices(*factory_, std::span(updates).first(group.size), scale);
        },
        [&](const Group& group) {
          for (std::size_t i = 0; i < group.size; ++i)
            Prefetch(gradient_of[plan.PositionOf(group.first + i)], gradient_bytes);
        });
  });
}

void SparseTable::Locate(std::span<const Sign> signs, std::uint32_t step, RowRef* refs,
                         const std::optional<StepTag>& tag) {
  LocateIn(PlanBatch(signs, salt()), signs, step, refs, tag);
}

void SparseTable::Locate(const Unique::ShardedResult& found, std::uint32_t step, RowRef* refs,
                         const std::optional<StepTag>& tag) {
  LocateIn(PlanOf(found), found.unique, step, refs, tag);
}

void SparseTable::LocateIn(const BatchPlan& plan, std::span<const Sign> signs, std::uint32_t step,
                           RowRef* refs, const std::optional<StepTag>& tag) {
  factory_->refs_out.store(true, std::memory_order_relaxed);
  const bool admission = layout_.top_class() > 0;
  InParts(plan, [&](std::size_t begin, std::size_t end) {
    Walker walker(*factory_, shards_.get(), signs, plan, step, PullBytes(layout_));
    walker.Walk<Missing::kCreate>(begin, end, [&](Group& group) {
      for (std::size_t i = 0; i < group.size; ++i) {
        const std::size_t position = plan.PositionOf(group.first + i);
        if (admission) Admit(*factory_, group, i, signs[position]);  // finds the row again if it moved
        RowHeader& header = HeaderOf(group.rows[i]);
        header.Touch(step);
        header.show += 1.0f;
        if (tag) tag->before[position] = std::exchange(header.slot, tag->value);
        if (admission) Admit(*factory_, group, i, signs[position]);
        refs[position] = {group.rows[i]};
      }
    });
  });
}

void SparseTable::Find(std::span<const Sign> signs, RowRef* refs) const {
  const BatchPlan plan = PlanBatch(signs, salt());
  Walker walker(*factory_, shards_.get(), signs, plan, 0, PullBytes(layout_));
  walker.Walk<Missing::kSkip>(0, signs.size(), [&](Group& group) {
    for (std::size_t i = 0; i < group.size; ++i) refs[plan.PositionOf(group.first + i)] = {group.rows[i]};
  });
}

void SparseTable::Read(std::span<const RowRef> refs, float* rows) const {
  const WeightReader reader(layout_);
  const std::size_t n = refs.size();
  for (std::size_t first = 0; first < n; first += kGroup) {
    const std::size_t size = std::min(kGroup, n - first);
    for (std::size_t i = first + size; i < std::min(first + 2 * kGroup, n); ++i) {
      Prefetch(refs[i].row, PullBytes(layout_));
    }
    std::array<const std::byte*, kGroup> present;
    std::array<float*, kGroup> out;
    std::size_t found = 0;
    for (std::size_t i = first; i < first + size; ++i) {
      float* target = rows + i * width();
      if (refs[i].row == nullptr) {
        std::fill(target, target + width(), 0.0f);
        continue;
      }
      const std::byte* row = refs[i].row;
      while (HeaderOf(row).moved()) row = ForwardOf(row);
      present[found] = row;
      out[found++] = target;
    }
    reader.Read(present.data(), out.data(), found);
  }
}

void SparseTable::Apply(std::span<const RowRef> refs, const float* gradients) {
  ApplyWith(refs, [gradients, columns = width()](std::size_t i) { return gradients + i * columns; });
}

void SparseTable::Apply(std::span<const RowRef> refs, const float* const* gradients) {
  ApplyWith(refs, [gradients](std::size_t i) { return gradients[i]; });
}

template <typename GradientAt>
void SparseTable::ApplyWith(std::span<const RowRef> refs, GradientAt gradient_at) {
  const std::size_t n = refs.size();
  if (spec_.nan_guard) {
    for (std::size_t i = 0; i < n; ++i) CheckFinite(gradient_at(i), i);
  }
  const float scale = learning_rate_scale();
  const std::size_t gradient_bytes = std::min(width() * sizeof(float), kMostPrefetched);
  for (std::size_t first = 0; first < n; first += kGroup) {
    const std::size_t size = std::min(kGroup, n - first);
    for (std::size_t i = first + size; i < std::min(first + 2 * kGroup, n); ++i) {
      Prefetch(refs[i].row, std::min(WholeRow(layout_), kMostPrefetched));
      Prefetch(gradient_at(i), gradient_bytes);
    }
    std::array<RowUpdate, kGroup> updates;
    for (std::size_t i = 0; i < size; ++i) {
      std::byte* row = refs[first + i].row;
      const std::uint32_t slices_of = HeaderOf(row).size_class();
      while (HeaderOf(row).moved()) row = ForwardOf(row);
      updates[i] = {row, gradient_at(first + i), HeaderOf(row).size_class(), slices_of};
    }
    UpdateSlices(*factory_, std::span(updates).first(size), scale);
  }
}

void SparseTable::SealMoved() {
  for (std::uint32_t s = 0; s < kShards; ++s) {
    const std::lock_guard lock(shards_[s].lock);
    shards_[s].SealLeftBehind();
  }
}

void SparseTable::ReleaseSealed() {
  for (std::uint32_t s = 0; s < kShards; ++s) {
    const std::lock_guard lock(shards_[s].lock);
    shards_[s].ReleaseSealed();
  }
}

void SparseTable::ReleaseMoved() {
  factory_->refs_out.store(false, std::memory_order_relaxed);
  for (std::uint32_t s = 0; s < kShards; ++s) {
    const std::lock_guard lock(shards_[s].lock);
    shards_[s].ReleaseLeftBehind();
  }
}

}  // namespace wideload

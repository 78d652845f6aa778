// Memory while a table grows, and the longest pause that growth causes in a batch. The results are counters,
// not times:
//
//   bytes_per_row     all that the table holds, over its rows, at the end
//   beyond_payload    the same without header, weights and state
//   peak_ratio        largest total over the growth, over the final total; pages that were mapped and are not
//                     yet counted as rows are included
//   worst_pause_ms    the slowest batch of 256 new signs, less the median batch, in CPU time of the thread,
//                     which excludes what else the machine does meanwhile
//   empty_bytes       before the first row

#include <benchmark/benchmark.h>
#include <time.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "benchmarks/keys.h"
#include "table/sparse_table.h"

namespace wideload::benchmarks {
namespace {

constexpr std::int64_t kStep = 256;

double CpuMilliseconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) * 1e-6;
}

struct Growth {
  std::uint64_t empty = 0;
  std::uint64_t peak = 0;
  double rows = 0.0;
  TableMemory memory;
  float worst_pause = 0.0f;
};

Growth Grow(std::int64_t rows) {
  Growth growth;
  SparseTable table(TableSpec{
      .name = "growth",
      .seed = 1,
      .slices =
          {{.name = "deep", .dim = 8, .optimizer = {.kind = OptimizerKind::kAdaGrad}, .initializer = {}}},
      .life = {}});
  growth.empty = table.memory().total();
  std::vector<float> pulled(kStep * 8), milliseconds;
  std::vector<Sign> signs(kStep);
  for (std::int64_t first = 0; first < rows; first += kStep) {
    for (std::int64_t i = 0; i < kStep; ++i) {
      signs[static_cast<std::size_t>(i)] = SignOfNumber(static_cast<std::uint64_t>(first + i));
    }
    const double start = CpuMilliseconds();
    table.Pull(signs, 1, pulled.data());
    milliseconds.push_back(static_cast<float>(CpuMilliseconds() - start));
    if (first % (kStep * 64) == 0) growth.peak = std::max(growth.peak, table.memory().total());
  }
  growth.memory = table.memory();
  growth.peak = std::max(growth.peak, growth.memory.total());
  growth.rows = static_cast<double>(table.size());
  const auto middle = milliseconds.begin() + static_cast<std::ptrdiff_t>(milliseconds.size() / 2);
  const float worst = *std::max_element(milliseconds.begin(), milliseconds.end());
  std::nth_element(milliseconds.begin(), middle, milliseconds.end());
  growth.worst_pause = worst - *middle;
  return growth;
}

void MeasureGrowth(benchmark::State& state) {
  // The host gives a virtual machine memory that it has never used page by page: not a pause of the table.
  Grow(state.range(0));
  Growth growth;
  for (auto _ : state) growth = Grow(state.range(0));
  const TableMemory& memory = growth.memory;
  const std::uint64_t payload = memory.weights + memory.optimizer + memory.headers;
  const auto total = static_cast<double>(memory.total());
  state.counters["empty_bytes"] = static_cast<double>(growth.empty);
  state.counters["bytes_per_row"] = total / growth.rows;
  state.counters["beyond_payload"] = static_cast<double>(memory.total() - payload) / growth.rows;
  state.counters["peak_ratio"] = static_cast<double>(growth.peak) / total;
  state.counters["worst_pause_ms"] = static_cast<double>(growth.worst_pause);
}

BENCHMARK(MeasureGrowth)
    ->Name("growth/wideload")
    ->ArgName("rows")
    ->Arg(1'000'000)
    ->Arg(4'000'000)
    ->Arg(16'000'000)
    ->Iterations(1)
    ->Unit(benchmark::kSecond);

}  // namespace
}  // namespace wideload::benchmarks

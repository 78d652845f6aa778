// Pull, push and create: the sparse table and its references, one after the other on the same keys.
//
//   pull/wideload/rows:4000000/dim:8/zipf:0/threads:1      items per second = signs per second
//
// A table is filled once and used by all its benchmarks (pull, push; 1 and 2 threads); a new shape drops the
// old tables. Run with --benchmark_enable_random_interleaving=true so that background load on the machine
// affects all alike.

#include <benchmark/benchmark.h>
#include <sys/mman.h>

#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "benchmarks/keys.h"
#include "benchmarks/references.h"
#include "table/sparse_table.h"

namespace wideload::benchmarks {
namespace {

constexpr std::size_t kBatch = 32768;
constexpr std::size_t kBatches = 32;

class OurTable {
 public:
  explicit OurTable(std::uint32_t dim)
      : table_(TableSpec{.name = "benchmark",
                         .seed = 1,
                         .slices = {{.name = "deep",
                                     .dim = dim,
                                     .optimizer = {.kind = OptimizerKind::kAdaGrad},
                                     .initializer = {}}},
                         .life = {}}) {}

  void Pull(std::span<const Sign> signs, float* rows) { table_.Pull(signs, 1, rows); }
  void Push(std::span<const Sign> signs, const float* gradients) { table_.Push(signs, gradients, 1); }

 private:
  SparseTable table_;
};

// A gather has no signs: it is given the numbers of the rows.
struct Keys {
  std::vector<std::vector<std::uint32_t>> numbers;
  std::vector<std::vector<Sign>> signs;
};

struct Shape {
  std::int64_t rows;
  std::int64_t dim;

  friend bool operator==(const Shape&, const Shape&) = default;
};

const Keys& KeysFor(std::int64_t rows, bool zipf) {
  static std::map<std::pair<std::int64_t, bool>, Keys> all;
  Keys& keys = all[{rows, zipf}];
  while (keys.signs.size() < kBatches) {
    keys.numbers.push_back(DistinctNumbers(kBatch, static_cast<std::uint64_t>(rows),
                                           zipf ? Spread::kZipf : Spread::kUniform, 99 + keys.signs.size()));
    keys.signs.push_back(SignsOf(keys.numbers.back()));
  }
  return keys;
}

template <typename Table>
void Fill(Table& table, const Shape& shape) {
  std::vector<float> rows(kBatch * static_cast<std::size_t>(shape.dim));
  std::vector<Sign> signs;
  for (std::int64_t first = 0; first < shape.rows; first += kBatch) {
    signs.clear();
    for (std::int64_t i = first; i < std::min<std::int64_t>(first + kBatch, shape.rows); ++i) {
      signs.push_back(SignOfNumber(static_cast<std::uint64_t>(i)));
    }
    table.Pull(signs, rows.data());
  }
}

void Fill(RawGather& gather, const Shape& shape) { gather.Fill(static_cast<std::size_t>(shape.rows)); }

// The filled table of that shape; at most one of each kind is held.
template <typename Table>
Table& Filled(const Shape& shape) {
  static std::mutex mutex;
  static std::unique_ptr<Table> table;
  static Shape held{};
  const std::lock_guard lock(mutex);
  if (!table || !(held == shape)) {
    table.reset();
    table = std::make_unique<Table>(static_cast<std::uint32_t>(shape.dim));
    Fill(*table, shape);
    held = shape;
  }
  return *table;
}

template <typename Table>
void Pull(benchmark::State& state) {
  const Shape shape{state.range(0), state.range(1)};
  static std::mutex mutex;
  const Keys* keys = nullptr;
  {
    const std::lock_guard lock(mutex);
    keys = &KeysFor(shape.rows, state.range(2) != 0);
  }
  Table& table = Filled<Table>(shape);
  std::vector<float> rows(kBatch * static_cast<std::size_t>(shape.dim));
  auto batch = static_cast<std::size_t>(state.thread_index()) * kBatches / 2;
  for (auto _ : state) {
    if constexpr (std::is_same_v<Table, RawGather>) {
      table.Pull(keys->numbers[batch++ % kBatches], rows.data());
    } else {
      table.Pull(keys->signs[batch++ % kBatches], rows.data());
    }
    benchmark::DoNotOptimize(rows.data());
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kBatch));
}

template <typename Table>
void Push(benchmark::State& state) {
  const Shape shape{state.range(0), state.range(1)};
  static std::mutex mutex;
  const Keys* keys = nullptr;
  {
    const std::lock_guard lock(mutex);
    keys = &KeysFor(shape.rows, state.range(2) != 0);
  }
  Table& table = Filled<Table>(shape);
  const std::vector<float> gradients(kBatch * static_cast<std::size_t>(shape.dim), 0.01f);
  auto batch = static_cast<std::size_t>(state.thread_index()) * kBatches / 2;
  for (auto _ : state) table.Push(keys->signs[batch++ % kBatches], gradients.data());
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kBatch));
}

// Writes to this many bytes, on huge pages where available, and frees them. A virtual machine gets memory
// from its host on the first write, at a tenth of the speed or less, and whichever table were measured first
// would pay for all.
void WriteOnce(std::size_t bytes) {
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  madvise(memory, bytes, MADV_HUGEPAGE);
  std::memset(memory, 1, bytes);
  munmap(memory, bytes);
}

template <typename Table>
void Create(benchmark::State& state) {
  const Shape shape{state.range(0), state.range(1)};
  const auto row_bytes = static_cast<std::size_t>(64 + 8 * shape.dim);  // more than any of them takes then
  for (auto _ : state) {
    state.PauseTiming();
    auto table = std::make_unique<Table>(static_cast<std::uint32_t>(shape.dim));
    WriteOnce(static_cast<std::size_t>(shape.rows) * row_bytes);
    state.ResumeTiming();
    Fill(*table, shape);
    state.PauseTiming();
    table.reset();
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * shape.rows);
}

using Function = void (*)(benchmark::State&);

void Register(const std::string& operation, const std::string& table, Function function, const Shape& shape,
              bool zipf, int threads) {
  benchmark::RegisterBenchmark((operation + "/" + table).c_str(), function)
      ->ArgNames({"rows", "dim", "zipf"})
      ->Args({shape.rows, shape.dim, zipf ? 1 : 0})
      ->Threads(threads)
      ->UseRealTime()
      ->Unit(benchmark::kMillisecond);
}

// Library maps have no lock: they run on one thread only.
void RegisterShape(const Shape& shape) {
  for (const bool zipf : {false, true}) {
    for (const int threads : {1, 2}) {
      Register("pull", "wideload", Pull<OurTable>, shape, zipf, threads);
      Register("pull", "tensornet", Pull<TensorNetLayout>, shape, zipf, threads);
      Register("pull", "gather", Pull<RawGather>, shape, zipf, threads);
      Register("push", "wideload", Push<OurTable>, shape, zipf, threads);
      Register("push", "tensornet", Push<TensorNetLayout>, shape, zipf, threads);
    }
    Register("pull", "abseil", Pull<AbseilLayout>, shape, zipf, 1);
    Register("pull", "boost", Pull<BoostLayout>, shape, zipf, 1);
    Register("push", "abseil", Push<AbseilLayout>, shape, zipf, 1);
    Register("push", "boost", Push<BoostLayout>, shape, zipf, 1);
  }
  Register("create", "wideload", Create<OurTable>, shape, false, 1);
  Register("create", "tensornet", Create<TensorNetLayout>, shape, false, 1);
  Register("create", "abseil", Create<AbseilLayout>, shape, false, 1);
  Register("create", "boost", Create<BoostLayout>, shape, false, 1);
}

const bool registered = [] {
  for (const std::int64_t dim : {8, 16, 64}) {
    for (const std::int64_t rows : {1'000'000, 4'000'000, 16'000'000}) {
      if (rows * dim <= 16'000'000 * 16)
        RegisterShape({rows, dim});  // 16 M rows of 64 would need 9 GB a table
    }
  }
  return true;
}();

}  // namespace
}  // namespace wideload::benchmarks

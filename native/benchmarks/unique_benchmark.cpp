// Dedupe of one batch of 26 slots with Zipf keys: all slots in one pass, against a std::map per slot.

#include <benchmark/benchmark.h>

#include <cstdint>
#include <map>
#include <random>
#include <vector>

#include "benchmarks/keys.h"
#include "table/unique.h"

namespace wideload::benchmarks {
namespace {

constexpr std::size_t kSlots = 26;

// Slot-major, `examples` signs a slot.
std::vector<Sign> BatchOf(std::size_t examples) {
  std::mt19937_64 random(7);
  const Zipf zipf(100'000);
  std::vector<Sign> signs;
  for (std::size_t slot = 0; slot < kSlots; ++slot) {
    for (std::size_t i = 0; i < examples; ++i) signs.push_back(SignOf(slot, zipf(random)));
  }
  return signs;
}

void OnePass(benchmark::State& state) {
  const auto signs = BatchOf(static_cast<std::size_t>(state.range(0)));
  Unique unique;
  for (auto _ : state) benchmark::DoNotOptimize(unique.Find(signs).unique.data());
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(signs.size()));
}

void OnePassByShard(benchmark::State& state) {
  const auto signs = BatchOf(static_cast<std::size_t>(state.range(0)));
  Unique unique;
  for (auto _ : state) benchmark::DoNotOptimize(unique.FindByShard(signs, 1).unique.data());
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(signs.size()));
}

void MapPerSlot(benchmark::State& state) {
  const auto examples = static_cast<std::size_t>(state.range(0));
  const auto signs = BatchOf(examples);
  std::vector<std::int32_t> inverse(signs.size());
  for (auto _ : state) {
    for (std::size_t slot = 0; slot < kSlots; ++slot) {
      std::map<Sign, std::int32_t> seen;
      for (std::size_t i = slot * examples; i < (slot + 1) * examples; ++i) {
        inverse[i] = seen.try_emplace(signs[i], static_cast<std::int32_t>(seen.size())).first->second;
      }
    }
    benchmark::DoNotOptimize(inverse.data());
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(signs.size()));
}

BENCHMARK(OnePass)
    ->Name("unique/wideload")
    ->ArgName("examples")
    ->Arg(256)
    ->Arg(2048)
    ->Arg(16384)
    ->UseRealTime();
BENCHMARK(OnePassByShard)
    ->Name("unique/wideload_by_shard")
    ->ArgName("examples")
    ->Arg(256)
    ->Arg(2048)
    ->Arg(16384)
    ->UseRealTime();
BENCHMARK(MapPerSlot)
    ->Name("unique/map_per_slot")
    ->ArgName("examples")
    ->Arg(256)
    ->Arg(2048)
    ->Arg(16384)
    ->UseRealTime();

}  // namespace
}  // namespace wideload::benchmarks

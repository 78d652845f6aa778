#pragma once
// Clusters whose ranks are threads of this process, and calls that wait for their answers.

#include <gtest/gtest.h>

#include <barrier>
#include <functional>
#include <future>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cluster/ps_cluster.h"

namespace wideload::testing {

inline constexpr std::uint32_t kDim = 3;

inline TableSpec Spec() {
  TableSpec spec;
  spec.name = "test";
  spec.seed = 7;
  SliceSpec wide{"wide", 1, {}, {InitializerKind::kZeros, 0.0f}, 0.0f};
  wide.optimizer.kind = OptimizerKind::kFtrl;
  spec.slices = {wide, {"deep", kDim, {}, {}, 0.0f}};
  return spec;
}

inline std::vector<float> InitialDense() { return {1.0f, 2.0f, 3.0f, 4.0f, 5.0f}; }

struct Rank {
  std::shared_ptr<SparseTable> table;
  std::unique_ptr<PsCluster> cluster;
};

// Wraps the transport of a rank, for instance in a FaultyTransport.
using Wrap = std::function<std::unique_ptr<Transport>(std::unique_ptr<Transport>)>;

inline std::vector<Rank> MakeRanks(int ranks, const ClusterOptions& options, bool nan_guard = false,
                                   const Wrap& wrap = {}) {
  std::vector<Rank> made;
  for (auto& local : MakeLocalTransports(ranks)) {
    std::unique_ptr<Transport> transport = wrap ? wrap(std::move(local)) : std::move(local);
    TableSpec spec = Spec();
    spec.nan_guard = nan_guard;
    auto table = std::make_shared<SparseTable>(spec);
    made.push_back(
        {table, std::make_unique<PsCluster>(std::move(transport), std::vector{table}, InitialDense(),
                                            std::vector<DenseSegment>{{5, {}}}, options)});
  }
  return made;
}

struct Rows {
  std::string error;
  std::vector<float> rows;
  std::vector<std::int32_t> inverse;
  std::vector<float> dense;
  std::size_t distinct = 0;
};

inline Worker::OnRows Fill(std::promise<Rows>& promise) {
  return [&promise](const std::string& error, const WorkingSet& set) {
    Rows rows{error, {}, {}, set.dense, 0};
    if (error.empty()) {
      rows.rows = set.tables[0].rows;
      rows.inverse = set.tables[0].inverse;
      rows.distinct = set.tables[0].distinct;
    }
    promise.set_value(std::move(rows));
  };
}

inline Rows Pull(PsCluster& cluster, std::uint64_t step, const std::vector<Sign>& signs) {
  std::promise<Rows> promise;
  cluster.Pull(step, {signs}, Fill(promise));
  return promise.get_future().get();
}

inline Rows Read(PsCluster& cluster, const std::vector<Sign>& signs) {
  std::promise<Rows> promise;
  cluster.Read({signs}, Fill(promise));
  return promise.get_future().get();
}

inline std::string Push(PsCluster& cluster, std::uint64_t step, const std::vector<float>& rows,
                        std::size_t distinct, const std::vector<float>& dense) {
  std::promise<std::string> promise;
  cluster.Push(step, {{rows.data(), distinct, kDim + 1}}, dense.data(),
               [&](const std::string& error) { promise.set_value(error); });
  return promise.get_future().get();
}

inline std::string Sum(PsCluster& cluster, const std::vector<float>& values) {
  std::promise<std::string> promise;
  cluster.Sum(values, [&](const std::string& error, std::span<const float>) { promise.set_value(error); });
  return promise.get_future().get();
}

// Runs `work(rank)` on one thread per rank, then closes the clusters as a job does: flush, barrier, close.
inline void OnEveryRank(std::vector<Rank>& ranks, const std::function<void(int)>& work, bool orderly = true) {
  std::barrier<> barrier(static_cast<std::ptrdiff_t>(ranks.size()));
  std::vector<std::thread> threads;
  for (std::size_t r = 0; r < ranks.size(); ++r) {
    threads.emplace_back([&, r] {
      work(static_cast<int>(r));
      if (orderly) ranks[r].cluster->Flush();
      barrier.arrive_and_wait();
      ranks[r].cluster->Close();
    });
  }
  for (std::thread& thread : threads) thread.join();
}

inline std::vector<Sign> BatchOf(int rank, std::uint64_t step) {
  std::mt19937_64 random(static_cast<std::uint64_t>(rank) * 1000 + step);
  std::vector<Sign> signs(40);
  for (Sign& sign : signs) sign = random() % 60;  // hot: batches of neighbouring steps overlap
  return signs;
}

// A gradient that depends on the weights it belongs to, so that a stale row would change the result.
inline std::vector<float> GradientOf(const Rows& rows, int rank) {
  std::vector<float> gradient(rows.rows.begin(),
                              rows.rows.begin() + static_cast<std::ptrdiff_t>(rows.distinct * (kDim + 1)));
  for (std::size_t i = 0; i < gradient.size(); ++i) {
    gradient[i] =
        0.1f * gradient[i] + 0.01f * static_cast<float>(rank + 1) + 0.001f * static_cast<float>(i % 7);
  }
  return gradient;
}

inline std::vector<float> DenseGradientOf(const Rows& rows, int rank) {
  std::vector<float> gradient = rows.dense;
  for (float& g : gradient) g = 0.1f * g + static_cast<float>(rank);
  return gradient;
}

inline void Train(PsCluster& cluster, int rank, std::uint64_t steps, bool prefetch) {
  for (std::uint64_t step = 0; step < steps; ++step) {
    if (prefetch) cluster.Prefetch(step + 1, {BatchOf(rank, step + 1)});
    const Rows rows = Pull(cluster, step, BatchOf(rank, step));
    ASSERT_EQ(rows.error, "");
    ASSERT_EQ(Push(cluster, step, GradientOf(rows, rank), rows.distinct, DenseGradientOf(rows, rank)), "");
  }
}

// Everything the job holds: rows of all ranks by sign, then the dense vector.
inline std::vector<float> Everything(int ranks, const ClusterOptions& options, std::uint64_t steps,
                                     bool prefetch, const Wrap& wrap = {}) {
  std::vector<Rank> made = MakeRanks(ranks, options, false, wrap);
  std::vector<Sign> all(60);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
  std::vector<float> everything;
  OnEveryRank(made, [&](int rank) {
    Train(*made[static_cast<std::size_t>(rank)].cluster, rank, steps, prefetch);
    if (prefetch) Pull(*made[static_cast<std::size_t>(rank)].cluster, steps, BatchOf(rank, steps));
    const Rows rows = Read(*made[static_cast<std::size_t>(rank)].cluster, all);
    if (rank != 0) return;
    for (const Sign sign : all) {
      const auto row = static_cast<std::ptrdiff_t>(rows.inverse[sign]) * (kDim + 1);
      everything.insert(everything.end(), rows.rows.begin() + row, rows.rows.begin() + row + kDim + 1);
    }
    everything.insert(everything.end(), rows.dense.begin(), rows.dense.end());
  });
  return everything;
}

}  // namespace wideload::testing

// Every call is answered: when the transport throws, delays, reorders or loses a peer, when several calls of one
// kind are in flight, and when the service thread calls its own cluster.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <thread>

#include "tests/cluster_fixture.h"
#include "tests/faulty_transport.h"

namespace wideload {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace): the fixture of this file

constexpr auto kPatience = std::chrono::seconds(20);

// What a call was answered with; "no answer" if it was not.
template <typename T>
T Await(std::future<T> future, T unanswered) {
  return future.wait_for(kPatience) == std::future_status::ready ? future.get() : unanswered;
}

// A call in flight. It outlives its test if it is never answered.
struct Pending {
  std::shared_ptr<std::promise<std::string>> promise = std::make_shared<std::promise<std::string>>();
  std::vector<Sign> signs{1, 2, 3, 4, 5, 6, 7, 8};
  std::vector<float> floats = std::vector<float>(64, 0.0f);
  std::vector<float> rows;  // by sign, of a pull or read that has been answered

  std::string Answer() { return Await(promise->get_future(), std::string("no answer")); }
  Worker::OnRows OnRows() {
    return [this, held = promise](const std::string& error, const WorkingSet& set) {
      if (error.empty()) {
        for (const std::int32_t row : set.tables[0].inverse) {
          const auto begin = set.tables[0].rows.begin() + static_cast<std::ptrdiff_t>(row) * (kDim + 1);
          rows.insert(rows.end(), begin, begin + kDim + 1);
        }
      }
      held->set_value(error);
    };
  }
  Worker::OnDone OnDone() {
    return [held = promise](const std::string& error) { held->set_value(error); };
  }
  RankSum::OnSum OnSum() {
    return [this, held = promise](const std::string& error, std::span<const float> sum) {
      rows.assign(sum.begin(), sum.end());
      held->set_value(error);
    };
  }
};

Wrap FaultyRankZero(const Faults& faults) {
  return [faults](std::unique_ptr<Transport> inner) -> std::unique_ptr<Transport> {
    if (inner->rank() != 0) return inner;
    return std::make_unique<FaultyTransport>(std::move(inner), faults);
  };
}

Wrap SlowNetwork(std::uint64_t seed) {
  return [seed](std::unique_ptr<Transport> inner) -> std::unique_ptr<Transport> {
    const auto rank = static_cast<std::uint64_t>(inner->rank());
    return std::make_unique<FaultyTransport>(std::move(inner),
                                             Faults{.seed = seed * 100 + rank, .delay = 20});
  };
}

TEST(Calls, AreAnsweredWhenTheTransportThrows) {
  const auto start = [](PsCluster& cluster, const std::string& kind, Pending& call) {
    if (kind == "pull") cluster.Pull(0, {call.signs}, call.OnRows());
    if (kind == "read") cluster.Read({call.signs}, call.OnRows());
    if (kind == "sum") cluster.Sum(call.floats, call.OnSum());
  };
  for (const std::string kind : {"pull", "read", "sum"}) {
    auto ranks = MakeRanks(2, {}, false, FaultyRankZero({.throw_at = 0}));
    Pending call;
    start(*ranks[0].cluster, kind, call);
    EXPECT_NE(call.Answer().find("the network is unreachable"), std::string::npos) << kind;
    Pending later;
    start(*ranks[0].cluster, kind, later);
    EXPECT_NE(later.Answer().find("the network is unreachable"), std::string::npos) << kind;
  }
}

TEST(Calls, AreAnsweredWhenTheTransportThrowsInAPush) {
  // Rank 0 sends its pull, its answer to the pull of rank 1, then the push that fails.
  auto ranks = MakeRanks(2, {}, false, FaultyRankZero({.throw_at = 2}));
  Pending pull, other, push;
  ranks[1].cluster->Pull(0, {other.signs}, other.OnRows());
  ranks[0].cluster->Pull(0, {pull.signs}, pull.OnRows());
  ASSERT_EQ(pull.Answer(), "");
  ASSERT_EQ(other.Answer(), "");
  ranks[0].cluster->Push(0, {{push.floats.data(), 8, kDim + 1}}, push.floats.data(), push.OnDone());
  EXPECT_NE(push.Answer().find("the network is unreachable"), std::string::npos);
}

TEST(Calls, AreAnsweredWhenTheTransportThrowsInAFlush) {
  auto ranks = MakeRanks(2, {}, false, FaultyRankZero({.throw_at = 0}));
  auto flushed = std::async(std::launch::async, [&] {
    try {
      ranks[0].cluster->Flush();
      return std::string();
    } catch (const std::runtime_error& error) {
      return std::string(error.what());
    }
  });
  EXPECT_NE(Await(std::move(flushed), std::string("no answer")).find("unreachable"), std::string::npos);
}

TEST(Calls, QueuedBehindOneThatThrowsAreAnsweredToo) {
  auto ranks = MakeRanks(2, {}, false, FaultyRankZero({.throw_at = 0}));
  PsCluster& cluster = *ranks[0].cluster;
  std::promise<void> queued;
  auto busy = std::async(std::launch::async, [&] {
    cluster.RunOnService([ready = queued.get_future().share()] { ready.wait(); });
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));  // the job above has been taken
  Pending first, second, third;
  cluster.Pull(0, {first.signs}, first.OnRows());
  cluster.Read({second.signs}, second.OnRows());
  cluster.Sum(third.floats, third.OnSum());
  auto counted = std::async(std::launch::async, [&] {
    cluster.RunOnService([] {});
    return true;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  queued.set_value();
  for (Pending* call : {&first, &second, &third})
    EXPECT_NE(call->Answer().find("unreachable"), std::string::npos);
  EXPECT_TRUE(Await(std::move(counted), false));
  busy.get();
}

TEST(Calls, OfOneKindMayOverlap) {
  auto ranks = MakeRanks(2, {});
  Pending reads[3], sums[3], pulls[2], other_sums[3], other_pulls[2];
  PsCluster& cluster = *ranks[0].cluster;
  PsCluster& other = *ranks[1].cluster;
  for (Pending& read : reads) cluster.Read({read.signs}, read.OnRows());
  for (std::size_t i = 0; i < 3; ++i) {
    sums[i].floats.assign(1, static_cast<float>(i));
    other_sums[i].floats.assign(1, 10.0f * static_cast<float>(i));
    cluster.Sum(sums[i].floats, sums[i].OnSum());
  }
  for (Pending& sum : other_sums) other.Sum(sum.floats, sum.OnSum());
  for (std::uint64_t step : {0u, 1u}) cluster.Pull(step, {pulls[step].signs}, pulls[step].OnRows());
  for (std::uint64_t step : {0u, 1u}) other.Pull(step, {other_pulls[step].signs}, other_pulls[step].OnRows());
  for (Pending& read : reads) EXPECT_EQ(read.Answer(), "");
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(sums[i].Answer(), "");
    EXPECT_EQ(sums[i].rows, std::vector<float>{11.0f * static_cast<float>(i)});
    EXPECT_EQ(other_sums[i].Answer(), "");
  }
  for (std::uint64_t step : {0u, 1u}) {  // the second pull is answered after the first push
    EXPECT_EQ(pulls[step].Answer(), "");
    EXPECT_EQ(other_pulls[step].Answer(), "");
    for (PsCluster* pushing : {&cluster, &other}) {
      Pending push;
      pushing->Push(step, {{push.floats.data(), 8, kDim + 1}}, push.floats.data(), push.OnDone());
      EXPECT_EQ(push.Answer(), "");
    }
  }
}

TEST(Calls, ThatFlushAtOnceAreAllAnswered) {
  auto ranks = MakeRanks(2, {});
  std::vector<std::future<bool>> flushes;
  for (int i = 0; i < 8; ++i) {
    flushes.push_back(std::async(std::launch::async, [&] {
      for (int round = 0; round < 20; ++round) ranks[0].cluster->Flush();
      return true;
    }));
  }
  for (auto& flush : flushes) EXPECT_TRUE(Await(std::move(flush), false));
}

TEST(Calls, ASecondPullOfOneStepIsRefusedAndTheFirstIsAnswered) {
  auto ranks = MakeRanks(1, {});
  ranks[0].cluster->Prefetch(1, {{1, 2, 3, 4, 5, 6, 7, 8}});
  Pending zero, first, second, push;
  ranks[0].cluster->Pull(0, {zero.signs}, zero.OnRows());
  EXPECT_EQ(zero.Answer(), "");
  ranks[0].cluster->Pull(1, {first.signs}, first.OnRows());  // late rows: it waits for push 0
  ranks[0].cluster->Pull(1, {second.signs}, second.OnRows());
  EXPECT_NE(second.Answer().find("has been pulled already"), std::string::npos);
  ranks[0].cluster->Push(0, {{push.floats.data(), 8, kDim + 1}}, push.floats.data(), push.OnDone());
  EXPECT_EQ(push.Answer(), "");
  EXPECT_EQ(first.Answer(), "");
}

// Look-ups of signs that are not trained have known answers, and leave the bits of training as they are.
TEST(Calls, LookUpsWhileTrainingAreRightAndChangeNothing) {
  const std::vector<Sign> untrained{1001, 1002, 1003, 1004, 1005};
  std::vector<float> expected(untrained.size() * (kDim + 1));
  SparseTable(Spec()).PullReadOnly(untrained, expected.data());
  const auto train = [&](int readers) {
    auto ranks = MakeRanks(2, {}, false, SlowNetwork(3));
    std::atomic<bool> done{false};
    std::atomic<int> right{0}, wrong{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < readers; ++i) {
      threads.emplace_back([&, i] {
        while (!done) {
          Pending read;
          read.signs = untrained;
          ranks[static_cast<std::size_t>(i) % 2].cluster->Read({read.signs}, read.OnRows());
          ++(read.Answer().empty() && read.rows == expected ? right : wrong);
          if (wrong > 0) return;
        }
      });
    }
    std::vector<float> result;
    std::barrier<> trained(2);
    OnEveryRank(ranks, [&](int rank) {
      PsCluster& cluster = *ranks[static_cast<std::size_t>(rank)].cluster;
      Train(cluster, rank, 30, true);
      trained.arrive_and_wait();
      if (rank == 0) {
        done = true;
        for (std::thread& thread : threads) thread.join();
      }
      trained.arrive_and_wait();
      Pull(cluster, 30, BatchOf(rank, 30));
      std::vector<Sign> all(60);
      for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
      const Rows rows = Read(cluster, all);
      if (rank == 0) result = rows.rows;
    });
    EXPECT_EQ(wrong, 0);
    EXPECT_TRUE(readers == 0 || right > 0);
    return result;
  };
  EXPECT_EQ(train(6), train(0));
}

TEST(Calls, GiveTheSameBitsOverASlowNetwork) {
  for (const bool prefetch : {false, true}) {
    const std::vector<float> expected = Everything(3, {}, 12, prefetch);
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
      EXPECT_EQ(Everything(3, {}, 12, prefetch, SlowNetwork(seed)), expected) << seed;
    }
  }
}

TEST(Calls, NameAPeerThatIsLost) {
  ClusterOptions options;
  options.timeout = std::chrono::milliseconds(300);
  auto ranks = MakeRanks(3, options, false, FaultyRankZero({.lost_peer = 2}));
  Pending calls[3];
  for (std::size_t rank = 0; rank < 3; ++rank) {
    ranks[rank].cluster->Pull(0, {calls[rank].signs}, calls[rank].OnRows());
  }
  // Rank 0 misses rank 2; rank 1 misses both, which wait for each other. Whoever is the first to give up tells all.
  const std::string error = calls[0].Answer();
  const bool named = error.find("Missing: rank 2.") != std::string::npos ||
                     error.find("Missing: rank 0 2.") != std::string::npos;
  EXPECT_TRUE(named) << error;
  EXPECT_NE(calls[1].Answer(), "no answer");
}

TEST(Calls, FromTheServiceThreadDoNotDeadlock) {
  auto ranks = MakeRanks(1, {});
  PsCluster& cluster = *ranks[0].cluster;
  auto counted = std::async(std::launch::async, [&] {
    bool counted_signs = false;
    cluster.RunOnService([&] { counted_signs = cluster.Counters().contains("signs"); });
    return counted_signs;
  });
  EXPECT_TRUE(Await(std::move(counted), false));
  EXPECT_THROW(cluster.RunOnService([&] { cluster.Flush(); }), std::logic_error);
}

TEST(Calls, AfterCloseAreAnswered) {
  auto ranks = MakeRanks(1, {});
  ranks[0].cluster->Close();
  Pending call;
  ranks[0].cluster->Read({call.signs}, call.OnRows());
  EXPECT_NE(call.Answer().find("closed"), std::string::npos);
}

TEST(Calls, ThatAreCancelledAreAnsweredAndTheStepCanBeAbandoned) {
  auto ranks = MakeRanks(2, {});
  Pending cancelled, other;
  const Worker::RowsCall call(cancelled.OnRows());
  ranks[0].cluster->Pull(0, {cancelled.signs}, call);
  ranks[0].cluster->Cancel(call, "the step was cancelled");
  EXPECT_EQ(cancelled.Answer(), "the step was cancelled");  // though rank 1 has not pulled
  Pending abandoned, pushed;
  ranks[0].cluster->Abandon(0, abandoned.OnDone());
  ranks[1].cluster->Pull(0, {other.signs}, other.OnRows());
  EXPECT_EQ(abandoned.Answer(), "");
  EXPECT_EQ(other.Answer(), "");
  ranks[1].cluster->Push(0, {{pushed.floats.data(), 8, kDim + 1}}, pushed.floats.data(), pushed.OnDone());
  EXPECT_EQ(pushed.Answer(), "");
  OnEveryRank(ranks, [&](int rank) {
    PsCluster& cluster = *ranks[static_cast<std::size_t>(rank)].cluster;
    const Rows rows = Pull(cluster, 1, BatchOf(rank, 1));
    EXPECT_EQ(rows.error, "");
    EXPECT_EQ(Push(cluster, 1, GradientOf(rows, rank), rows.distinct, DenseGradientOf(rows, rank)), "");
  });
}

}  // namespace
}  // namespace wideload

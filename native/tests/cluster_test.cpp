// The parameter server with ranks that are threads of this process, so that the thread sanitizer can run it.

#include <gtest/gtest.h>

#include <barrier>
#include <cmath>
#include <future>
#include <thread>

#include "cluster/ps_cluster.h"
#include "tests/cluster_fixture.h"

namespace wideload {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

using namespace testing;  // NOLINT(google-build-using-namespace): the fixture of this file

TEST(Cluster, GivesTheSameBitsInEveryRun) {
  EXPECT_EQ(Everything(3, {}, 20, false), Everything(3, {}, 20, false));
}

TEST(Cluster, GivesTheSameBitsWithAndWithoutPrefetch) {
  for (const int ranks : {1, 2, 3})
    EXPECT_EQ(Everything(ranks, {}, 20, false), Everything(ranks, {}, 20, true)) << ranks;
}

TEST(Cluster, SumsWhatRanksSendForOneSignAndAppliesItOnce) {
  std::vector<Rank> ranks = MakeRanks(2, {});
  OnEveryRank(ranks, [&](int rank) {
    PsCluster& cluster = *ranks[static_cast<std::size_t>(rank)].cluster;
    const Rows rows = Pull(cluster, 0, {5, 5});
    ASSERT_EQ(rows.distinct, 1u);
    const std::vector<float> gradient =
        rank == 0 ? std::vector<float>{1, 2, 3, 4} : std::vector<float>{10, 20, 30, 40};
    Push(cluster, 0, gradient, 1, std::vector<float>(5, 0.0f));
  });
  SparseTable reference(Spec());
  const std::vector<Sign> sign{5};
  const std::vector<float> sum{11, 22, 33, 44};
  reference.Push(sign, sum.data(), 0);
  std::vector<float> expected(kDim + 1), found(kDim + 1);
  reference.PullReadOnly(sign, expected.data());
  const std::uint32_t shard = ShardOf(5, reference.salt());
  ranks[shard < 128 ? 0 : 1].table->PullReadOnly(sign, found.data());
  EXPECT_EQ(found, expected);
}

TEST(Cluster, TakesEmptySharesOfABatch) {
  std::vector<Rank> ranks = MakeRanks(2, {});
  OnEveryRank(ranks, [&](int rank) {
    PsCluster& cluster = *ranks[static_cast<std::size_t>(rank)].cluster;
    const Rows rows = Pull(cluster, 0, rank == 0 ? std::vector<Sign>{} : std::vector<Sign>{0, ~Sign{0}});
    EXPECT_EQ(rows.distinct, rank == 0 ? 0u : 2u);
    EXPECT_EQ(Push(cluster, 0, std::vector<float>(8, 1.0f), rows.distinct, std::vector<float>(5, 0.0f)), "");
  });
  EXPECT_EQ(ranks[0].table->size() + ranks[1].table->size(), 2u);
}

TEST(Cluster, ReadingCreatesNoRow) {
  std::vector<Rank> ranks = MakeRanks(2, {});
  OnEveryRank(ranks, [&](int rank) { Read(*ranks[static_cast<std::size_t>(rank)].cluster, {1, 2, 3}); });
  EXPECT_EQ(ranks[0].table->size() + ranks[1].table->size(), 0u);
}

TEST(Cluster, SplitsTheDenseVectorWithoutChangingItsTraining) {
  const auto dense = [](const std::vector<float>& all) {
    return std::vector<float>(all.end() - 5, all.end());
  };
  const std::vector<float> one = dense(Everything(1, {}, 5, false));
  std::vector<Rank> ranks = MakeRanks(3, {});
  std::vector<float> three;
  OnEveryRank(ranks, [&](int rank) {
    PsCluster& cluster = *ranks[static_cast<std::size_t>(rank)].cluster;
    for (std::uint64_t step = 0; step < 5; ++step) {
      const Rows rows = Pull(cluster, step, {});
      // Rank 0 sends what a job of one rank would send; the others add nothing.
      Push(cluster, step, {}, 0, rank == 0 ? DenseGradientOf(rows, 0) : std::vector<float>(5, 0.0f));
    }
    const Rows rows = Read(cluster, {});
    if (rank == 0) three = rows.dense;
  });
  EXPECT_EQ(three, one);
}

// A service thread with nothing to do wakes every 50 ms. If it slept that long while others flush, they would
// have to wait for it.
TEST(Cluster, ServesTheFlushOfAPeerAfterItsOwn) {
  auto ranks = MakeRanks(2, {});
  auto shortest = Clock::duration::max();
  for (int round = 0; round < 20; ++round) {
    ranks[0].cluster->Flush();
    std::this_thread::sleep_for(milliseconds(1));
    const auto begin = Clock::now();
    ranks[1].cluster->Flush();
    shortest = std::min(shortest, Clock::now() - begin);
  }
  EXPECT_LT(shortest, milliseconds(25));
  OnEveryRank(ranks, [](int) {});
}

TEST(Cluster, KeepsStalenessWithinItsBound) {
  ClusterOptions options;
  options.policy = {false, 2, WireFormat::kFloat32};
  std::vector<Rank> ranks = MakeRanks(3, options);
  std::vector<std::map<std::string, double>> counters(3);
  OnEveryRank(ranks, [&](int rank) {
    PsCluster& cluster = *ranks[static_cast<std::size_t>(rank)].cluster;
    for (std::uint64_t step = 0; step < 30; ++step) {
      const Rows rows = Pull(cluster, step, BatchOf(rank, step));
      if (rank == 2) std::this_thread::sleep_for(milliseconds(1));  // the slow one
      Push(cluster, step, GradientOf(rows, rank), rows.distinct, DenseGradientOf(rows, rank));
    }
    counters[static_cast<std::size_t>(rank)] = cluster.Counters();
  });
  double stale = 0;
  for (const auto& counted : counters) {
    EXPECT_EQ(counted.count("staleness_3"), 0u);
    for (const char* name : {"staleness_1", "staleness_2"})
      stale += counted.count(name) ? counted.at(name) : 0.0;
  }
  EXPECT_GT(stale, 0.0) << "with a slow rank somebody must have run ahead, or this test shows nothing";
}

TEST(Cluster, LetsFastRanksRunAheadWhenAsynchronous) {
  ClusterOptions options;
  options.policy = {false, UINT64_MAX, WireFormat::kFloat32};
  std::vector<Rank> ranks = MakeRanks(2, options);
  std::promise<void> fast_is_done;
  OnEveryRank(ranks, [&](int rank) {
    PsCluster& cluster = *ranks[static_cast<std::size_t>(rank)].cluster;
    if (rank == 1) fast_is_done.get_future().wait();  // would deadlock if rank 0 waited for rank 1
    Train(cluster, rank, 10, false);
    if (rank == 0) fast_is_done.set_value();
  });
}

TEST(ShardServer, AppliesAPushThatIsSentTwiceOnce) {
  auto table = std::make_shared<SparseTable>(Spec());
  std::vector<MessageHeader> replies;
  ShardServer server(
      0, 2, {table}, DenseShard(), {false, UINT64_MAX, WireFormat::kFloat32}, [] { return Buffer(); },
      [](Buffer) {},
      [&](int, Buffer message) { replies.push_back(Message{0, std::move(message)}.header()); });
  const std::vector<Sign> signs{4, 9};
  const std::vector<float> gradient{1, 2, 3, 4, 5, 6, 7, 8};
  const auto message = [&](MessageKind kind) {
    MessageHeader header;
    header.kind = kind;
    Buffer bytes = StartMessage({}, header);
    if (kind == MessageKind::kPull) {
      bytes.Append(std::uint64_t{signs.size()});
      bytes.Append(std::span<const Sign>(signs));
    } else {
      bytes.Append(std::span<const float>(gradient));
    }
    return Message{1, std::move(bytes)};
  };
  server.Handle(message(MessageKind::kPull));
  server.Handle(message(MessageKind::kPush));
  server.Handle(message(MessageKind::kPush));
  EXPECT_EQ(server.duplicate_pushes(), 1u);
  ASSERT_EQ(replies.size(), 3u);
  EXPECT_EQ(replies[1].kind, MessageKind::kAck);
  EXPECT_EQ(replies[2].kind, MessageKind::kAck) << "the sender must learn that it may stop";

  SparseTable reference(Spec());
  reference.Push(signs, gradient.data(), 0);
  std::vector<float> expected(8), found(8);
  reference.PullReadOnly(signs, expected.data());
  table->PullReadOnly(signs, found.data());
  EXPECT_EQ(found, expected);
}

TEST(Cluster, TravelsInHalfPrecisionWithinItsRounding) {
  ClusterOptions exact, half;
  half.policy.format = WireFormat::kFloat16;
  const std::vector<float> a = Everything(2, exact, 10, false);
  const std::vector<float> b = Everything(2, half, 10, false);
  float largest = 0.0f;
  for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  EXPECT_GT(largest, 0.0f);
  EXPECT_LT(largest, 0.01f);
}

TEST(Cluster, CountsItsWireBytes) {
  std::vector<Rank> ranks = MakeRanks(2, {});
  std::vector<std::map<std::string, double>> counters(2);
  std::barrier<> counted(2);  // or a faster rank's flush would be answered, and counted, before the count
  OnEveryRank(ranks, [&](int rank) {
    Train(*ranks[static_cast<std::size_t>(rank)].cluster, rank, 1, false);
    counters[static_cast<std::size_t>(rank)] = ranks[static_cast<std::size_t>(rank)].cluster->Counters();
    counted.arrive_and_wait();
  });
  // Over the wire: 8 bytes a sign, 4 (kDim + 1) a row and a gradient of the remote half; headers and table
  // counts on top.
  double remote = 0, bytes = 0;
  for (int rank = 0; rank < 2; ++rank) {
    std::vector<Sign> signs = BatchOf(rank, 0);
    std::sort(signs.begin(), signs.end());
    signs.erase(std::unique(signs.begin(), signs.end()), signs.end());
    for (const Sign sign : signs) remote += (ShardOf(sign, SaltOf("test")) < 128 ? 0 : 1) != rank ? 1 : 0;
    bytes += counters[static_cast<std::size_t>(rank)]["wire_sparse_bytes"];
  }
  const double messages = 2 * 3 * sizeof(MessageHeader) + 2 * sizeof(std::uint64_t);
  EXPECT_EQ(bytes, remote * (8 + 2 * 4 * (kDim + 1)) + messages);
}

TEST(Cluster, RefusesAPushWithoutItsPull) {
  std::vector<Rank> ranks = MakeRanks(1, {});
  OnEveryRank(ranks, [&](int) {
    EXPECT_NE(Push(*ranks[0].cluster, 3, {}, 0, std::vector<float>(5, 0.0f)).find("push 3 without its pull"),
              std::string::npos);
  });
}

TEST(Cluster, RefusesAGradientOfAnotherShape) {
  std::vector<Rank> ranks = MakeRanks(1, {});
  OnEveryRank(ranks, [&](int) {
    Pull(*ranks[0].cluster, 0, {1, 2});
    const std::string error =
        Push(*ranks[0].cluster, 0, std::vector<float>(12), 3, std::vector<float>(5, 0.0f));
    EXPECT_NE(error.find("[3, 4], the rows pulled have [2, 4]"), std::string::npos) << error;
  });
}

TEST(Cluster, NamesBothWhenRanksCallInDifferentOrder) {
  ClusterOptions options;
  options.timeout = milliseconds(300);
  std::vector<Rank> ranks = MakeRanks(2, options);
  std::vector<std::string> errors(2);
  OnEveryRank(
      ranks,
      [&](int rank) {
        PsCluster& cluster = *ranks[static_cast<std::size_t>(rank)].cluster;
        errors[static_cast<std::size_t>(rank)] =
            rank == 0 ? Pull(cluster, 4, {1}).error : Pull(cluster, 5, {1}).error;
      },
      false);
  for (const std::string& error : errors) {
    EXPECT_NE(error.find("pull 4"), std::string::npos) << error;
    EXPECT_NE(error.find("pull 5"), std::string::npos) << error;
  }
}

TEST(Cluster, NamesBothWhenOneRankPullsAndTheOtherSums) {
  ClusterOptions options;
  options.timeout = milliseconds(300);
  std::vector<Rank> ranks = MakeRanks(2, options);
  std::vector<std::string> errors(2);
  OnEveryRank(
      ranks,
      [&](int rank) {
        PsCluster& cluster = *ranks[static_cast<std::size_t>(rank)].cluster;
        errors[static_cast<std::size_t>(rank)] =
            rank == 0 ? Pull(cluster, 4, {1}).error : Sum(cluster, {1.0f});
      },
      false);
  for (const std::string& error : errors) {
    EXPECT_NE(error.find("pull 4"), std::string::npos) << error;
    EXPECT_NE(error.find("sum 1"), std::string::npos) << error;
    EXPECT_NE(error.find("Missing: rank"), std::string::npos) << error;
  }
}

// What ranks 0 and 1 are told about rank 2, which stops after `calls` calls of pull, push, pull, push, ...
std::vector<std::string> ToldWithoutRankTwo(int calls) {
  ClusterOptions options;
  options.timeout = milliseconds(300);
  std::vector<Rank> ranks = MakeRanks(3, options);
  std::vector<std::string> errors(3);
  OnEveryRank(
      ranks,
      [&](int rank) {
        PsCluster& cluster = *ranks[static_cast<std::size_t>(rank)].cluster;
        std::string& error = errors[static_cast<std::size_t>(rank)];
        Rows rows;
        for (int call = 0; error.empty() && call < (rank == 2 ? calls : 4); ++call) {
          const auto step = static_cast<std::uint64_t>(call / 2);
          if (call % 2 == 0) {
            rows = Pull(cluster, step, BatchOf(rank, step));
            error = rows.error;
          } else {
            error = Push(cluster, step, GradientOf(rows, rank), rows.distinct, DenseGradientOf(rows, rank));
          }
        }
      },
      false);
  return {errors[0], errors[1]};
}

TEST(Cluster, NamesTheOneRankThatDoesNotPull) {
  for (const int calls : {0, 2}) {
    for (const std::string& told : ToldWithoutRankTwo(calls)) {
      EXPECT_NE(told.find("Missing: rank 2. "), std::string::npos) << told;
    }
  }
}

TEST(Cluster, NamesTheOneRankThatDoesNotPush) {
  for (const std::string& told : ToldWithoutRankTwo(1)) {
    EXPECT_NE(told.find("Missing: rank 2. "), std::string::npos) << told;
  }
}

TEST(Cluster, TellsEveryRankWhyOneFailed) {
  std::vector<Rank> ranks = MakeRanks(2, {}, /*nan_guard=*/true);
  std::vector<std::string> errors(2);
  OnEveryRank(
      ranks,
      [&](int rank) {
        PsCluster& cluster = *ranks[static_cast<std::size_t>(rank)].cluster;
        const Rows rows = Pull(cluster, 0, {1, 2, 3, 4, 5, 6, 7, 8});
        std::vector<float> gradient(rows.distinct * (kDim + 1), 1.0f);
        if (rank == 1) gradient[5] = std::nanf("");
        Push(cluster, 0, gradient, rows.distinct, std::vector<float>(5, 0.0f));
        errors[static_cast<std::size_t>(rank)] = Pull(cluster, 1, {1}).error;
      },
      false);
  for (const std::string& error : errors) EXPECT_NE(error.find("nan"), std::string::npos) << error;
}

}  // namespace
}  // namespace wideload

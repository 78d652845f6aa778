#include "cluster/sparse_sum.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace wideload {
namespace {

using Rows = std::map<Sign, std::vector<float>>;

Rows ByIdentifier(const SparseRows& table) {
  Rows rows;
  for (std::size_t i = 0; i < table.ids.size(); ++i) {
    const auto begin = table.rows.begin() + static_cast<std::ptrdiff_t>(i * table.width);
    rows[table.ids[i]] = {begin, begin + static_cast<std::ptrdiff_t>(table.width)};
  }
  EXPECT_EQ(rows.size(), table.ids.size()) << "an id is there twice";
  EXPECT_EQ(table.rows.size(), table.ids.size() * table.width);
  return rows;
}

// Small integers, whose sums are exact in any order.
std::vector<SparseRows> Draw(std::mt19937* random, const std::vector<std::size_t>& widths, bool empty) {
  std::vector<SparseRows> tables;
  for (const std::size_t width : widths) {
    SparseRows table{width, {}, {}};
    for (Sign id = 0; id < 60 && !empty; ++id) {
      if ((*random)() % 3 != 0) continue;
      table.ids.push_back(id * 0x9e3779b97f4a7c15);
      for (std::size_t k = 0; k < width; ++k) table.rows.push_back(static_cast<float>((*random)() % 100));
    }
    tables.push_back(std::move(table));
  }
  return tables;
}

void OnEveryRank(int ranks, const std::function<void(int, SparseSum*)>& what) {
  std::vector<std::unique_ptr<Transport>> transports = MakeLocalTransports(ranks);
  std::vector<std::thread> threads;
  for (int rank = 0; rank < ranks; ++rank) {
    threads.emplace_back([&, rank] {
      SparseSum sum(transports[static_cast<std::size_t>(rank)].get());
      what(rank, &sum);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

class SparseSumTest : public testing::TestWithParam<int> {};

TEST_P(SparseSumTest, EveryRankGetsTheSumOfEveryRow) {
  const int ranks = GetParam();
  const std::vector<std::size_t> widths{1, 9, 3};
  std::mt19937 random(7);
  for (int repeat = 0; repeat < 5; ++repeat) {
    std::vector<std::vector<SparseRows>> given;
    std::vector<Rows> expected(widths.size());
    for (int rank = 0; rank < ranks; ++rank) {
      given.push_back(Draw(&random, widths, rank == repeat));
      for (std::size_t t = 0; t < widths.size(); ++t) {
        for (const auto& [id, row] : ByIdentifier(given.back()[t])) {
          std::vector<float>& total = expected[t][id];
          total.resize(widths[t]);
          for (std::size_t k = 0; k < row.size(); ++k) total[k] += row[k];
        }
      }
    }
    OnEveryRank(ranks, [&](int rank, SparseSum* sum) { sum->Add(&given[static_cast<std::size_t>(rank)]); });
    for (const std::vector<SparseRows>& found : given) {
      for (std::size_t t = 0; t < widths.size(); ++t) EXPECT_EQ(ByIdentifier(found[t]), expected[t]);
    }
  }
}

TEST_P(SparseSumTest, EveryRankGetsTheSameBits) {
  const int ranks = GetParam();
  std::vector<std::vector<SparseRows>> tables;
  for (int rank = 0; rank < ranks; ++rank) {
    tables.push_back(
        {SparseRows{1, {static_cast<Sign>(rank % 2), 5}, {0.1f, 1.0f / static_cast<float>(3 + rank)}}});
  }
  OnEveryRank(ranks, [&](int rank, SparseSum* sum) { sum->Add(&tables[static_cast<std::size_t>(rank)]); });
  for (const std::vector<SparseRows>& found : tables) {
    EXPECT_EQ(ByIdentifier(found[0]), ByIdentifier(tables[0][0]));
  }
}

TEST_P(SparseSumTest, CallsFollowEachOther) {
  const int ranks = GetParam();
  OnEveryRank(ranks, [&](int rank, SparseSum* sum) {
    for (int call = 1; call <= 200; ++call) {
      std::vector<SparseRows> tables{{1, {1}, {static_cast<float>(call * (rank + 1))}}};
      sum->Add(&tables);
      EXPECT_EQ(tables[0].rows, std::vector<float>{static_cast<float>(call * ranks * (ranks + 1) / 2)});
    }
  });
}

TEST(SparseSumTraffic, MessagesAreCountedWithTheirHeaders) {
  OnEveryRank(4, [](int rank, SparseSum* sum) {
    std::vector<SparseRows> tables{{3, {static_cast<Sign>(rank)}, {1, 2, 3}}};
    for (int call = 0; call < 2; ++call) sum->Add(&tables);  // then all ranks have all four rows
    const std::size_t message =
        sizeof(MessageHeader) + sizeof(std::uint64_t) + 4 * (sizeof(Sign) + 3 * sizeof(float));
    EXPECT_EQ(sum->sent(), 2 * message);
    EXPECT_EQ(sum->received(), 2 * message);
  });
}

INSTANTIATE_TEST_SUITE_P(Ranks, SparseSumTest, testing::Values(1, 2, 3, 4, 5, 6, 7, 8, 13));

TEST(SparseSumErrors, RanksWithDifferentTablesAreToldSo) {
  OnEveryRank(2, [&](int rank, SparseSum* sum) {
    std::vector<SparseRows> tables{
        {static_cast<std::size_t>(rank + 1), {1}, std::vector<float>(rank == 0 ? 1 : 2)}};
    EXPECT_THROW(sum->Add(&tables), std::runtime_error);
  });
}

TEST(SparseSumErrors, RanksAtDifferentCallsAreToldSo) {
  std::vector<std::unique_ptr<Transport>> transports = MakeLocalTransports(2);
  MessageHeader header;
  header.kind = MessageKind::kSum;
  header.sequence = 7;
  transports[1]->Send(0, StartMessage({}, header));
  SparseSum sum(transports[0].get());
  std::vector<SparseRows> tables;
  try {
    sum.Add(&tables);
    FAIL() << "accepted";
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("rank 1 is at sparse sum 7, this rank at 1"), std::string::npos);
  }
}

}  // namespace
}  // namespace wideload

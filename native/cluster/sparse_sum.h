#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <span>
#include <vector>

#include "cluster/transport.h"
#include "table/hash.h"
#include "table/unique.h"

namespace wideload {

// Rows of one table: distinct ids [n], rows [n, width].
struct SparseRows {
  std::size_t width = 0;
  std::vector<Sign> ids;
  std::vector<float> rows;
};

// A sparse allreduce: adds the rows of all ranks, by recursive doubling. After it every rank has each row that any rank
// gave, with the sum over the ranks.
//
//   4 ranks    round 1: 0 <-> 1, 2 <-> 3      each sends all that it has, and adds what it gets
//              round 2: 0 <-> 2, 1 <-> 3
//   6 ranks    1 -> 0, 3 -> 2; then 0, 2, 4, 5 as above; then 0 -> 1, 2 -> 3
//
// An allgather sends every rank's rows to every rank, n - 1 times; here a row that several ranks touch is added on the
// way, so that a message of the last round has at most as many rows as the union of half of the ranks.
//
// Both partners of a round add the same two numbers, so all ranks get the same bits. The order of rows differs.
class SparseSum {
 public:
  // `transport` is used for nothing else; only one thread uses this object.
  explicit SparseSum(Transport* transport) : transport_(transport) {}

  // Adds over the ranks, in place. All ranks call it, with as many tables of the same widths. Throws
  // std::runtime_error if they do not.
  void Add(std::vector<SparseRows>* tables);

  // Bytes of the messages of the last call.
  std::size_t sent() const { return sent_; }
  std::size_t received() const { return received_; }

 private:
  void Send(int to, const std::vector<SparseRows>& tables);
  // The next message of a rank. Messages of others are kept: they may be a round ahead.
  Buffer ReceiveFrom(int peer);
  void Merge(Buffer message, std::vector<SparseRows>* tables);
  void Replace(Buffer message, std::vector<SparseRows>* tables);
  void MergeTable(std::span<const Sign> ids, std::span<const float> rows, SparseRows* table);

  Transport* const transport_;
  std::uint64_t calls_ = 0;
  std::size_t sent_ = 0;
  std::size_t received_ = 0;
  std::map<int, std::deque<Message>> early_;  // by sender
  std::vector<Sign> ids_;
  Unique unique_;
};

}  // namespace wideload

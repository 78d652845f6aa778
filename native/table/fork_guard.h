#pragma once

namespace wideload {

struct Shard;

// Keeps a table usable in a forked process. fork() copies only the thread that calls it: a lock that another
// thread holds at that moment would stay locked in the child. So all shards of all tables are locked before a
// fork, and unlocked after it in both processes. Read and Apply take no lock: rows that they write meanwhile may
// be torn in the child.
class ForkGuard {
 public:
  explicit ForkGuard(Shard* shards);  // kShards of them, which outlive the guard
  ~ForkGuard();
  ForkGuard(const ForkGuard&) = delete;
  ForkGuard& operator=(const ForkGuard&) = delete;

 private:
  Shard* shards_;
};

}  // namespace wideload

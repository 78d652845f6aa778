#include "table/fork_guard.h"

#include <pthread.h>

#include <algorithm>
#include <mutex>
#include <vector>

#include "table/hash.h"
#include "table/shard.h"

namespace wideload {
namespace {

struct Tables {
  std::mutex mutex;
  std::vector<Shard*> shards;  // the first of each table
};

// Never destroyed: a process may fork while it exits.
Tables& AllTables() {
  static auto* const tables = new Tables;
  return *tables;
}

template <typename Visit>
void ForEachShard(Visit visit) {
  for (Shard* const first : AllTables().shards) std::for_each_n(first, kShards, visit);
}

void BeforeFork() {
  AllTables().mutex.lock();
  ForEachShard([](Shard& shard) { shard.lock.lock(); });
}

void AfterFork() {
  ForEachShard([](Shard& shard) { shard.lock.unlock(); });
  AllTables().mutex.unlock();
}

}  // namespace

ForkGuard::ForkGuard(Shard* shards) : shards_(shards) {
  static const int registered = pthread_atfork(BeforeFork, AfterFork, AfterFork);
  static_cast<void>(registered);
  const std::lock_guard lock(AllTables().mutex);
  AllTables().shards.push_back(shards);
}

ForkGuard::~ForkGuard() {
  const std::lock_guard lock(AllTables().mutex);
  std::erase(AllTables().shards, shards_);
}

}  // namespace wideload

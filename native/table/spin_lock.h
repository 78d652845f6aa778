#pragma once

#include <sched.h>

#include <atomic>

namespace wideload {

// A lock for critical sections of a few microseconds. Without contention it costs one atomic exchange; a
// thread that does not get it soon yields its core, since the holder may be waiting for that core.
class SpinLock {
 public:
  void lock() {
    for (int attempt = 0; held_.exchange(true, std::memory_order_acquire); ++attempt) {
      while (held_.load(std::memory_order_relaxed)) {
        if (++attempt > kSpins) {
          sched_yield();
          attempt = 0;
        }
        Pause();
      }
    }
  }
  void unlock() { held_.store(false, std::memory_order_release); }

 private:
  static void Pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
  }

  static constexpr int kSpins = 128;
  std::atomic<bool> held_{false};
};

}  // namespace wideload

#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace wideload {

// A call that has not been answered, for deadlines and errors.
struct PendingCall {
  using Clock = std::chrono::steady_clock;

  Clock::time_point since;
  std::string name;          // "pull 12"
  std::vector<int> missing;  // ranks that have not answered, ascending
};

}  // namespace wideload

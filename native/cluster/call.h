#pragma once

#include <atomic>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

namespace wideload {

// A callback that is called exactly once, with an answer or with an error.
//
// Copies are handles of one call. The first Answer or Fail counts; later ones do nothing. When the last handle is
// destroyed before that, for instance since an exception was thrown, the callback gets an error: a caller that
// waits is never forgotten. Not thread-safe: the service thread uses it.
template <typename... Values>
class Call {
 public:
  using Callback = std::function<void(const std::string& error, Values...)>;

  // Not explicit: a function is a call to whoever answers it.
  template <typename F>
    requires std::invocable<F, const std::string&, Values...>
  Call(F callback)  // NOLINT(google-explicit-constructor)
      : state_(std::make_shared<State>(std::move(callback))) {}

  bool answered() const { return state_->callback == nullptr; }
  void Answer(Values... values) const {
    if (!answered()) state_->Take()("", values...);
  }
  void Fail(const std::string& error) const { state_->Fail(error); }
  // Adds the nanoseconds from the making of this call to its answer to `total`.
  void CountTime(std::atomic<std::int64_t>* total) const { state_->total = total; }

 private:
  struct State {
    explicit State(Callback function) : callback(std::move(function)) {}
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    ~State() {
      try {
        Fail("the call was dropped before it was answered");
      } catch (...) {  // NOLINT(bugprone-empty-catch): a destructor cannot report that a callback threw
      }
    }
    void Fail(const std::string& error) {
      if (callback) Take()(error, std::remove_cvref_t<Values>{}...);
    }
    Callback Take() {
      if (total != nullptr) *total += (std::chrono::steady_clock::now() - begin).count();
      return std::exchange(callback, nullptr);
    }
    Callback callback;
    std::chrono::steady_clock::time_point begin = std::chrono::steady_clock::now();
    std::atomic<std::int64_t>* total = nullptr;
  };

  std::shared_ptr<State> state_;
};

}  // namespace wideload

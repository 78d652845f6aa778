#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

namespace wideload {

// Objects that ops refer to by number, which a tf.function can hold as an attribute. One registry for each type, in the
// core library, which the Python module and the ops share.
template <typename T>
class Registry {
 public:
  std::int64_t Add(std::shared_ptr<T> object) {
    const std::lock_guard lock(mutex_);
    objects_[next_id_] = std::move(object);
    return next_id_++;
  }
  // Null if it was removed or never added.
  std::shared_ptr<T> Find(std::int64_t id) const {
    const std::lock_guard lock(mutex_);
    const auto found = objects_.find(id);
    return found == objects_.end() ? nullptr : found->second;
  }
  void Remove(std::int64_t id) {
    const std::lock_guard lock(mutex_);
    objects_.erase(id);
  }

 private:
  mutable std::mutex mutex_;
  std::int64_t next_id_ = 1;
  std::map<std::int64_t, std::shared_ptr<T>> objects_;
};

}  // namespace wideload

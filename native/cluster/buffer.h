#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <utility>

namespace wideload {

// A growing byte buffer that is never zeroed: a message body is written once and sent.
class Buffer {
 public:
  Buffer() = default;
  Buffer(Buffer&& other) noexcept
      : data_(std::move(other.data_)),
        size_(std::exchange(other.size_, 0)),
        capacity_(std::exchange(other.capacity_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    data_ = std::move(other.data_);
    size_ = std::exchange(other.size_, 0);
    capacity_ = std::exchange(other.capacity_, 0);
    return *this;
  }

  std::byte* data() { return data_.get(); }
  const std::byte* data() const { return data_.get(); }
  std::size_t size() const { return size_; }
  std::size_t capacity() const { return capacity_; }
  void Clear() { size_ = 0; }

  // Appends `bytes` bytes of undefined content and returns a pointer to them.
  std::byte* Extend(std::size_t bytes) {
    if (size_ + bytes > capacity_) Grow(size_ + bytes);
    std::byte* begin = data_.get() + size_;
    size_ += bytes;
    return begin;
  }

  template <typename T>
  void Append(const T& value) {
    std::memcpy(Extend(sizeof(T)), &value, sizeof(T));
  }

  template <typename T>
  void Append(std::span<const T> values) {
    if (!values.empty()) std::memcpy(Extend(values.size_bytes()), values.data(), values.size_bytes());
  }

 private:
  void Grow(std::size_t needed) {
    const std::size_t capacity = needed + needed / 2;
    auto grown = std::make_unique_for_overwrite<std::byte[]>(capacity);
    if (size_ > 0) std::memcpy(grown.get(), data_.get(), size_);
    data_ = std::move(grown);
    capacity_ = capacity;
  }

  std::unique_ptr<std::byte[]> data_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace wideload

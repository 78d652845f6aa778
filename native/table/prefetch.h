#pragma once
// Asking for memory before it is needed.
//
// Into the second-level cache, not the first: a core waits for a handful of lines on their way into the first
// level, and for several times as many on their way into the second. Random lines of 350 MB, two side by
// side, asked for 32 ahead: 17 ns into the first level, 7 ns into the second (one core of a Zen 4). What the
// first level misses then, the second has a dozen cycles away, and the processor reads ahead over that by
// itself.
//
// For reading, also where a row will be written: PREFETCHW is no faster while one core works on a shard.

#include <cstddef>
#include <cstdint>

namespace wideload {

inline constexpr std::size_t kCacheLine = 64;

inline void Prefetch(const void* address) { __builtin_prefetch(address, 0, 2); }

// All lines of [begin, begin + bytes), bytes > 0. As many instructions wherever it begins: a branch on where
// a line ends would be mispredicted, and only once the address is known.
inline void Prefetch(const void* begin, std::size_t bytes) {
  const auto first = reinterpret_cast<std::uintptr_t>(begin);
  for (std::size_t offset = 0; offset < bytes; offset += kCacheLine) {
    Prefetch(reinterpret_cast<const void*>(first + offset));
  }
  Prefetch(reinterpret_cast<const void*>(first + bytes - 1));
}

}  // namespace wideload

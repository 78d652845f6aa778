#pragma once
// How a feature value becomes a sign, and a sign a shard and a tag.
//
//   value ──SignOf(slot salt)──► sign ──HashOf(table salt)──► hash
//
//   hash = │63 .. 56│55 ........ 24│23 .... 0│
//           shard    tag in shard   unused
//
// Every step is a bijection of the 64-bit integers: two values of one slot never share a sign, and every
// sign, 0 and 2^64-1 included, is legal. The shard is fixed for the life of a model, whoever owns it; a
// table's salt derives from its name.

#include <cstdint>
#include <string_view>

namespace wideload {

using Sign = std::uint64_t;

inline constexpr std::uint32_t kShardBits = 8;
inline constexpr std::uint32_t kShards = 1u << kShardBits;

// The splitmix64 step (Steele, Lea, Flood 2014): add the golden gamma, then finalise. Bijective.
constexpr std::uint64_t Mix64(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

namespace detail {
// Undoes x ^ (x >> shift).
constexpr std::uint64_t UnshiftXor(std::uint64_t y, int shift) {
  std::uint64_t x = y;
  for (int done = shift; done < 64; done += shift) x = y ^ (x >> shift);
  return x;
}
}  // namespace detail

// Unmix64(Mix64(x)) == x.
constexpr std::uint64_t Unmix64(std::uint64_t x) {
  x = detail::UnshiftXor(x, 31) * 0x319642b2d24d8ec3u;
  x = detail::UnshiftXor(x, 27) * 0x96de1b173f119089u;
  return detail::UnshiftXor(x, 30) - 0x9e3779b97f4a7c15u;
}

// A salt from a name: FNV-1a over its bytes, mixed.
constexpr std::uint64_t SaltOf(std::string_view name) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return Mix64(hash);
}

// The sign of `value` in the slot with that salt: Mix64(Mix64(slot_salt) ^ value).
constexpr Sign SignOf(std::uint64_t slot_salt, std::uint64_t value) {
  return Mix64(Mix64(slot_salt) ^ value);
}

constexpr std::uint64_t HashOf(Sign sign, std::uint64_t table_salt) { return Mix64(sign ^ table_salt); }
constexpr std::uint32_t ShardOfHash(std::uint64_t hash) {
  return static_cast<std::uint32_t>(hash >> (64 - kShardBits));
}
constexpr std::uint32_t TagOfHash(std::uint64_t hash) {
  return static_cast<std::uint32_t>(hash >> (32 - kShardBits));
}

// Logical shard, in [0, kShards).
constexpr std::uint32_t ShardOf(Sign sign, std::uint64_t table_salt) {
  return ShardOfHash(HashOf(sign, table_salt));
}

}  // namespace wideload

#pragma once

#include <cstddef>
#include <cstdint>

namespace wideload {

// CRC-32C (Castagnoli, as in iSCSI, RFC 3720 appendix B.4) of `bytes` bytes; `before` is the checksum of the
// bytes that precede them.
std::uint32_t Crc32c(const void* data, std::size_t bytes, std::uint32_t before = 0);

}  // namespace wideload

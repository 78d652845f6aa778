#include "storage/row_file.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <span>
#include <vector>

#include "storage/crc32c.h"

namespace wideload {
namespace {

static_assert(std::endian::native == std::endian::little,
              "files are little-endian and are read without conversion");

constexpr std::array<char, 8> kMagic{'W', 'I', 'D', 'E', 'L', 'O', 'A', 'D'};
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kBlockBytes = std::size_t{1} << 20;  // approximate payload of a block

struct FileHeader {
  std::array<char, 8> magic = kMagic;
  std::uint32_t version = kVersion;
  std::uint32_t shard = 0;
  std::uint64_t digest = 0;
  std::uint64_t rows = 0;
  std::uint32_t row_floats = 0;
  std::uint32_t rows_per_block = 0;
  std::uint64_t seed = 0;
  std::uint32_t seed_known = 0;
  std::uint32_t crc = 0;

  std::uint32_t Checksum() const { return Crc32c(this, offsetof(FileHeader, crc)); }
};
static_assert(sizeof(FileHeader) == 56);

struct BlockHeader {
  std::uint32_t rows = 0;
  std::uint32_t crc = 0;
};

std::uint64_t RowBytes(std::uint32_t row_floats) {
  return sizeof(Sign) + sizeof(RowHeader) + std::uint64_t{row_floats} * sizeof(float);
}

std::uint32_t RowsPerBlock(std::uint32_t row_floats) {
  return static_cast<std::uint32_t>(std::max<std::uint64_t>(1, kBlockBytes / RowBytes(row_floats)));
}

// Includes the block's number, so that a change in the order of blocks is detected.
std::uint32_t BlockChecksum(std::uint64_t number, std::uint32_t rows, std::span<const std::byte> payload) {
  std::uint32_t crc = Crc32c(&number, sizeof(number));
  crc = Crc32c(&rows, sizeof(rows), crc);
  return Crc32c(payload.data(), payload.size(), crc);
}

template <typename T>
void AppendSlice(std::vector<std::byte>& bytes, const std::vector<T>& values, std::size_t first,
                 std::size_t count) {
  const auto* begin = reinterpret_cast<const std::byte*>(values.data() + first);
  bytes.insert(bytes.end(), begin, begin + count * sizeof(T));
}

template <typename T>
const std::byte* TakeSlice(const std::byte* from, std::vector<T>& values, std::size_t first,
                           std::size_t count) {
  if (count > 0) std::memcpy(values.data() + first, from, count * sizeof(T));
  return from + count * sizeof(T);
}

class Reader {
 public:
  explicit Reader(const std::string& path) : path_(path), stream_(path, std::ios::binary) {
    if (!stream_) throw StorageError("cannot open " + path_ + ".");
  }

  void Read(void* into, std::uint64_t bytes, const std::string& part) {
    stream_.read(static_cast<char*>(into), static_cast<std::streamsize>(bytes));
    if (static_cast<std::uint64_t>(stream_.gcount()) != bytes) Fail(part + " is cut short");
  }
  bool AtEnd() { return stream_.peek() == std::ifstream::traits_type::eof(); }
  [[noreturn]] void Fail(const std::string& what) const { throw StorageError(path_ + ": " + what + "."); }

 private:
  std::string path_;
  std::ifstream stream_;
};

FileHeader ReadHeader(Reader& reader, std::uint64_t stored) {
  FileHeader header;
  reader.Read(&header, sizeof(header), "the header");
  if (header.magic != kMagic) reader.Fail("is not a file of table rows, or its header is damaged");
  if (header.crc != header.Checksum()) reader.Fail("the header is damaged (its checksum does not match)");
  if (header.version != kVersion) {
    reader.Fail("is written in format " + std::to_string(header.version) + "; this version reads format " +
                std::to_string(kVersion));
  }
  if (header.rows_per_block == 0) reader.Fail("the header is damaged (blocks of no rows)");
  if (header.rows > stored / RowBytes(header.row_floats)) {
    reader.Fail("is cut short: " + std::to_string(stored) + " bytes for " + std::to_string(header.rows) +
                " rows");
  }
  return header;
}

void ReadBlock(Reader& reader, std::uint64_t number, std::uint64_t first, std::uint64_t count,
               std::vector<std::byte>& payload, RowFile& file) {
  const std::string name = "block " + std::to_string(number);
  BlockHeader block;
  reader.Read(&block, sizeof(block), name);
  if (block.rows != count) reader.Fail(name + " is damaged (a wrong number of rows)");
  payload.resize(count * RowBytes(file.row_floats));
  reader.Read(payload.data(), payload.size(), name);
  if (block.crc != BlockChecksum(number, block.rows, payload)) {
    reader.Fail(name + " is damaged (its checksum does not match)");
  }
  const std::byte* at = TakeSlice(payload.data(), file.rows.signs, first, count);
  at = TakeSlice(at, file.rows.headers, first, count);
  TakeSlice(at, file.rows.floats, first * file.row_floats, count * file.row_floats);
}

}  // namespace

std::uint64_t WriteRowFile(const RowFile& file, const std::string& path, Sync sync) {
  FileHeader header;
  header.shard = file.shard;
  header.digest = file.digest;
  header.rows = file.rows.rows();
  header.row_floats = file.row_floats;
  header.rows_per_block = RowsPerBlock(file.row_floats);
  header.seed = file.seed.value_or(0);
  header.seed_known = file.seed ? 1 : 0;
  header.crc = header.Checksum();

  std::uint64_t bytes = sizeof(header);
  AtomicFile out(path);
  out.Write(&header, sizeof(header));
  std::vector<std::byte> payload;
  std::uint64_t number = 0;
  for (std::size_t first = 0; first < header.rows; first += header.rows_per_block, ++number) {
    const std::size_t count = std::min<std::size_t>(header.rows_per_block, header.rows - first);
    payload.clear();
    AppendSlice(payload, file.rows.signs, first, count);
    AppendSlice(payload, file.rows.headers, first, count);
    AppendSlice(payload, file.rows.floats, first * file.row_floats, count * file.row_floats);
    BlockHeader block{static_cast<std::uint32_t>(count), 0};
    block.crc = BlockChecksum(number, block.rows, payload);
    out.Write(&block, sizeof(block));
    out.Write(payload.data(), payload.size());
    bytes += sizeof(block) + payload.size();
  }
  out.Commit(sync);
  return bytes;
}

RowFile ReadRowFile(const std::string& path) {
  Reader reader(path);
  std::error_code failed;
  const std::uint64_t stored = std::filesystem::file_size(path, failed);
  if (failed) throw StorageError("cannot read " + path + ": " + failed.message() + ".");
  const FileHeader header = ReadHeader(reader, stored);
  RowFile file{header.shard, header.digest, header.row_floats, {}, {}};
  if (header.seed_known != 0) file.seed = header.seed;
  file.rows.signs.resize(header.rows);
  file.rows.headers.resize(header.rows);
  file.rows.floats.resize(header.rows * header.row_floats);
  std::vector<std::byte> payload;
  std::uint64_t number = 0;
  for (std::uint64_t first = 0; first < header.rows; first += header.rows_per_block, ++number) {
    ReadBlock(reader, number, first, std::min<std::uint64_t>(header.rows_per_block, header.rows - first),
              payload, file);
  }
  if (!reader.AtEnd()) reader.Fail("has data after its last block");
  return file;
}

}  // namespace wideload

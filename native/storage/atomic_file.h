#pragma once

#include <cstddef>
#include <cstdio>
#include <stdexcept>
#include <string>

namespace wideload {

// A file cannot be written or read; the message names the file, and the block if there is one.
class StorageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Whether a file is flushed to the disk before it gets its name, or later: kLater is for files of a folder
// that the caller syncs as a whole.
enum class Sync { kNow, kLater };

// A file that is either complete under its name or absent: it is written under another name, flushed to the
// disk, then renamed.
class AtomicFile {
 public:
  explicit AtomicFile(std::string path);  // throws StorageError
  ~AtomicFile();                          // removes the file unless it was committed
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void Write(const void* data, std::size_t bytes);
  void Commit(Sync sync = Sync::kNow);

 private:
  [[noreturn]] void Fail(const char* what) const;

  std::string path_, temporary_;
  std::FILE* file_;
};

}  // namespace wideload

#pragma once

#include <cstddef>
#include <cstdio>
#include <stdexcept>
#include <string>

namespace wideload {

// A stored file cannot be written or used; the message names the file, and the block where there is one.
class StorageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Whether a file is on the disk when it has its name, or left to the system's own time: for files of a folder
// that is synced as a whole.
enum class Sync { kNow, kLater };

// A file that is complete under its name or absent: written beside, flushed to the disk, then renamed.
class AtomicFile {
 public:
  explicit AtomicFile(std::string path);  // throws StorageError
  ~AtomicFile();                          // without Commit, leaves nothing behind
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void Write(const void* data, std::size_t bytes);
  void Commit(Sync sync = Sync::kNow);

 private:
  [[noreturn]] void Fail(const char* what) const;

  std::string path_, beside_;
  std::FILE* file_;
};

}  // namespace wideload

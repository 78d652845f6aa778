#include "storage/atomic_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

namespace wideload {

AtomicFile::AtomicFile(std::string path)
    : path_(std::move(path)), temporary_(path_ + ".tmp"), file_(std::fopen(temporary_.c_str(), "wb")) {
  if (file_ == nullptr) Fail("create");
}

AtomicFile::~AtomicFile() {
  if (file_ == nullptr) return;
  std::fclose(file_);
  std::remove(temporary_.c_str());
}

void AtomicFile::Fail(const char* what) const {
  throw StorageError(std::string("cannot ") + what + " " + temporary_ + ": " +
                     std::generic_category().message(errno) + ".");
}

void AtomicFile::Write(const void* data, std::size_t bytes) {
  if (bytes > 0 && std::fwrite(data, 1, bytes, file_) != bytes) Fail("write");
}

void AtomicFile::Commit(Sync sync) {
  if (std::fflush(file_) != 0) Fail("flush");
  if (sync == Sync::kNow && fsync(fileno(file_)) != 0) Fail("flush");
  if (std::fclose(std::exchange(file_, nullptr)) != 0) Fail("close");
  if (std::rename(temporary_.c_str(), path_.c_str()) != 0) Fail("rename");
  if (sync == Sync::kLater) return;
  // The new name itself must reach the disk.
  const std::filesystem::path parent = std::filesystem::path(path_).parent_path();
  const int folder = open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY);
  if (folder < 0) return;
  fsync(folder);
  close(folder);
}

}  // namespace wideload

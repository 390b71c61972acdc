#include "runtime/base/atomic_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "runtime/base/mmap.h"

namespace concord {

void AtomicFile::Abandon() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
  if (!temporary_.empty()) unlink(temporary_.c_str());
  temporary_.clear();
}

absl::Status AtomicFile::Fail(int error, absl::string_view what) {
  Abandon();
  return ErrnoStatus(error, absl::StrCat("cannot ", what, " '", path_, "'"));
}

absl::Status AtomicFile::Open(const std::string& path, int64_t expected_bytes) {
  Abandon();
  path_ = path;
  std::error_code error;
  const std::filesystem::file_status there = std::filesystem::status(path, error);
  if (std::filesystem::exists(there) && !std::filesystem::is_regular_file(there)) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot write '", path, "': it is a folder or a device; name a file"));
  }
  // What a link points to is replaced, not the link.
  if (std::filesystem::is_symlink(std::filesystem::symlink_status(path, error))) {
    const std::filesystem::path target = std::filesystem::canonical(path, error);
    if (!error) path_ = target.string();
  }
  const std::string temporary = absl::StrCat(path_, ".", getpid(), ".part");
  fd_ = open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd_ < 0) return Fail(errno, "create");
  temporary_ = temporary;
#ifdef __linux__
  if (expected_bytes > 0 && fallocate(fd_, FALLOC_FL_KEEP_SIZE, 0, expected_bytes) != 0 && errno == ENOSPC) {
    return Fail(ENOSPC, absl::StrCat("write the ", expected_bytes, " bytes of"));
  }
#else
  (void)expected_bytes;
#endif
  return absl::OkStatus();
}

absl::Status AtomicFile::Write(const void* data, size_t size) {
  if (fd_ < 0) return absl::FailedPreconditionError("the file is not open: an earlier step failed, or none opened it");
  const char* at = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t written = write(fd_, at, size);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return Fail(errno, "write");
    at += written;
    size -= static_cast<size_t>(written);
  }
  return absl::OkStatus();
}

absl::Status AtomicFile::Commit() {
  if (fd_ < 0) return absl::FailedPreconditionError("the file is not open: an earlier step failed, or none opened it");
  int error = 0;
  if (fsync(fd_) != 0 && errno != EINVAL) error = errno;  // EINVAL: a file system that cannot
  if (close(fd_) != 0 && error == 0) error = errno;
  fd_ = -1;
  if (error == 0 && rename(temporary_.c_str(), path_.c_str()) != 0) error = errno;
  if (error != 0) return Fail(error, "finish");
  temporary_.clear();
  return absl::OkStatus();
}

}  // namespace concord

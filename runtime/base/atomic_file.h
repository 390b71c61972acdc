#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "runtime/base/status.h"

namespace concord {

// A file that is there whole or not at all: it is written under another name beside `path` and renamed by Commit.
// Destroyed or failed before that, nothing is left behind, and a file that `path` named before stays as it was.
// Not thread-safe. After an error every call fails.
class AtomicFile {
 public:
  AtomicFile() = default;
  ~AtomicFile() { Abandon(); }
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  // `expected_bytes` are reserved where the file system can, so that a full disk shows now. ResourceExhausted then.
  absl::Status Open(const std::string& path, int64_t expected_bytes = 0);
  absl::Status Write(const void* data, size_t size);
  // On return the file is complete on disk under its name.
  absl::Status Commit();
  // Gives up: removes what was written. Harmless when nothing is open.
  void Abandon();

  bool is_open() const { return fd_ >= 0; }
  const std::string& path() const { return path_; }

 private:
  absl::Status Fail(int error, absl::string_view what);

  std::string path_, temporary_;
  int fd_ = -1;
};

}  // namespace concord

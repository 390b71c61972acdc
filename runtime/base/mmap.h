#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "runtime/base/status.h"

namespace concord {

// A file mapped read-only as a whole. Immutable and thread-safe; unmapped when destroyed. If another process shortens
// the file meanwhile, touching the lost pages raises SIGBUS: no reader of a mapping can prevent that.
class MappedFile {
 public:
  // Follows links. NotFound, PermissionDenied or InvalidArgument (a folder, a pipe) with the system's reason.
  static absl::StatusOr<std::shared_ptr<const MappedFile>> Open(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::byte* data() const { return data_; }  // page-aligned; null for an empty file
  int64_t size_bytes() const { return size_bytes_; }
  const std::string& path() const { return path_; }
  absl::string_view text() const { return {reinterpret_cast<const char*>(data_), static_cast<size_t>(size_bytes_)}; }

  // Hints to the kernel; a range outside the file is cut to it, failure is ignored.
  enum class Advice { kNormal, kSequential, kRandom, kWillNeed };
  void Advise(Advice advice, int64_t offset, int64_t size_bytes) const;

  // Brings a range into memory and waits for it. Unlike touching it, does not die of a failing disk.
  absl::Status Prefetch(int64_t offset, int64_t size_bytes) const;

 private:
  MappedFile(std::string path, const std::byte* data, int64_t size_bytes)
      : path_(std::move(path)), data_(data), size_bytes_(size_bytes) {}

  std::string path_;
  const std::byte* data_;
  int64_t size_bytes_;
};

// A failed system call as a status of the fitting code: "`what`: No such file or directory".
absl::Status ErrnoStatus(int error, absl::string_view what);

// Zeros that can be read: address space, no memory. Null where there is no address space.
std::shared_ptr<const void> ZeroPages(int64_t size_bytes);

// Bytes a second that come from the disk, of a part of the file that is dropped from memory for it; 0: unknown. Reads
// at most 64 MiB.
double MeasureFileRead(const std::string& path);

}  // namespace concord

#include "runtime/base/mmap.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <chrono>
#include <vector>

#include <algorithm>
#include <cerrno>
#include <new>
#include <system_error>

namespace concord {

absl::Status ErrnoStatus(int error, absl::string_view what) {
  // std::error_code is the thread-safe way to the text.
  const std::string message = absl::StrCat(what, ": ", std::error_code(error, std::generic_category()).message());
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return absl::NotFoundError(message);
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::PermissionDeniedError(message);
    case ENOMEM:
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
      return absl::ResourceExhaustedError(message);
    case EISDIR:
    case ELOOP:
    case EINVAL:
    case ENAMETOOLONG:
      return absl::InvalidArgumentError(message);
    default:
      return absl::InternalError(message);
  }
}

namespace {

struct Descriptor {
  int fd = -1;
  ~Descriptor() {
    if (fd >= 0) close(fd);
  }
};

}  // namespace

absl::StatusOr<std::shared_ptr<const MappedFile>> MappedFile::Open(const std::string& path) {
  // A name with a zero byte inside would open another file than the one that messages show.
  if (path.find('\0') != std::string::npos) return absl::InvalidArgumentError("the file name holds a zero byte");
  // O_NONBLOCK: opening a pipe nobody writes to must not hang; it is refused below.
  Descriptor file{open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.fd < 0) return ErrnoStatus(errno, absl::StrCat("cannot open '", path, "'"));
  struct stat info;
  if (fstat(file.fd, &info) != 0) return ErrnoStatus(errno, absl::StrCat("cannot examine '", path, "'"));
  if (S_ISDIR(info.st_mode)) return absl::InvalidArgumentError(absl::StrCat("'", path, "' is a folder; want a file"));
  if (!S_ISREG(info.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat("'", path, "' is a device or a pipe; want a file"));
  }
  const int64_t size = info.st_size;
  void* data = nullptr;
  if (size > 0) {
    data = mmap(nullptr, static_cast<size_t>(size), PROT_READ, MAP_SHARED, file.fd, 0);
    if (data == MAP_FAILED) {
      return ErrnoStatus(errno, absl::StrCat("cannot map '", path, "' (", size, " bytes) into memory"));
    }
  }
  try {
    return std::shared_ptr<const MappedFile>(new MappedFile(path, static_cast<const std::byte*>(data), size));
  } catch (const std::bad_alloc&) {
    if (data != nullptr) munmap(data, static_cast<size_t>(size));
    return absl::ResourceExhaustedError("out of memory");
  }
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) munmap(const_cast<std::byte*>(data_), static_cast<size_t>(size_bytes_));
}

namespace {

// The pages that hold [offset, offset + size) of a mapping of `limit` bytes.
struct PageRange {
  int64_t begin;
  int64_t size;
};

PageRange Pages(int64_t offset, int64_t size, int64_t limit) {
  const int64_t page = sysconf(_SC_PAGESIZE);
  const int64_t first = std::clamp<int64_t>(offset, 0, limit);
  const int64_t last = first + std::clamp<int64_t>(size, 0, limit - first);
  return {first / page * page, last - first / page * page};
}

}  // namespace

void MappedFile::Advise(Advice advice, int64_t offset, int64_t size_bytes) const {
  const PageRange range = Pages(offset, size_bytes, size_bytes_);
  if (range.size <= 0) return;
  int code = MADV_NORMAL;
  if (advice == Advice::kSequential) code = MADV_SEQUENTIAL;
  if (advice == Advice::kRandom) code = MADV_RANDOM;
  if (advice == Advice::kWillNeed) code = MADV_WILLNEED;
  madvise(const_cast<std::byte*>(data_) + range.begin, static_cast<size_t>(range.size), code);
}

absl::Status MappedFile::Prefetch(int64_t offset, int64_t size_bytes) const {
  const PageRange range = Pages(offset, size_bytes, size_bytes_);
  if (range.size <= 0) return absl::OkStatus();
#ifdef MADV_POPULATE_READ
  constexpr int kPopulate = MADV_POPULATE_READ;
#else
  constexpr int kPopulate = 22;  // Linux 5.14's value, for headers that are older than the kernel
#endif
  std::byte* begin = const_cast<std::byte*>(data_) + range.begin;
  if (madvise(begin, static_cast<size_t>(range.size), kPopulate) == 0) return absl::OkStatus();
  if (errno == EFAULT || errno == EIO) {
    return absl::DataLossError(
        absl::StrCat("cannot read '", path_, "' at byte ", range.begin, ": the disk fails or the file was shortened"));
  }
  madvise(begin, static_cast<size_t>(range.size), MADV_WILLNEED);  // an older kernel: do what it can
  return absl::OkStatus();
}

std::shared_ptr<const void> ZeroPages(int64_t size_bytes) {
  const auto size = static_cast<size_t>(size_bytes);
  void* zeros = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (zeros == MAP_FAILED) return nullptr;
  return {zeros, [size](const void* pages) { ::munmap(const_cast<void*>(pages), size); }};
}

double MeasureFileRead(const std::string& path) {
  constexpr off_t kMost = 64 << 20;
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat info {};
  if (fd < 0 || ::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    if (fd >= 0) ::close(fd);
    return 0;
  }
  const off_t size = std::min<off_t>(info.st_size, kMost), begin = (info.st_size - size) / 2;
  ::posix_fadvise(fd, begin, size,
                  POSIX_FADV_DONTNEED);  // mapped pages stay, so the middle, which loading leaves alone
  std::vector<char> buffer(1 << 20);
  const auto start = std::chrono::steady_clock::now();
  double bytes = 0;
  for (off_t at = begin; at < begin + size;) {
    const ssize_t n = ::pread(fd, buffer.data(), buffer.size(), at);
    if (n <= 0) break;
    at += n, bytes += static_cast<double>(n);
  }
  ::close(fd);
  return bytes / std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace concord

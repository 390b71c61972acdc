#include "runtime/base/cache_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "runtime/base/atomic_file.h"
#include "runtime/base/mmap.h"

namespace concord {
namespace {

// A descriptor that closes itself.
class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  int get() const { return fd_; }
  bool ok() const { return fd_ >= 0; }

 private:
  int fd_;
};

std::string Env(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

int64_t Ns(const timespec& time) { return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; }

// STEM-16 hexadecimal digits.ENDING, and behind it what a file that is being written has: .NUMBER or .NUMBER.part
bool IsOurName(absl::string_view name) {
  constexpr size_t kDigits = 16;
  const size_t dot = name.find('.');
  if (dot == absl::string_view::npos || dot < kDigits + 2 || name[dot - kDigits - 1] != '-') return false;
  const absl::string_view hash = name.substr(dot - kDigits, kDigits);
  return std::all_of(hash.begin(), hash.end(), [](char c) { return absl::ascii_isxdigit(static_cast<uint8_t>(c)); });
}

// The folder of a kind, not through a link. Relative names below it stay below it.
int OpenKind(const std::string& folder, const char* kind) {
  const std::string path = absl::StrCat(folder, "/", kind);
  return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

absl::Status IsKind(const std::string& kind) {
  for (const char* known : kCacheKinds) {
    if (kind == known) return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat("the cache has no kind '", kind, "'"));
}

void AppendFiles(const std::string& folder, const char* kind, std::vector<CacheFile>* files) {
  const int fd = OpenKind(folder, kind);
  DIR* dir = fd < 0 ? nullptr : ::fdopendir(fd);
  if (dir == nullptr) {
    if (fd >= 0) ::close(fd);
    return;
  }
  while (const dirent* entry = ::readdir(dir)) {
    struct stat info {};
    if (!IsOurName(entry->d_name) || ::fstatat(fd, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
    if (!S_ISREG(info.st_mode)) continue;
    files->push_back({kind, entry->d_name, absl::StrCat(folder, "/", kind, "/", entry->d_name),
                      static_cast<int64_t>(info.st_size), Ns(info.st_mtim),
                      std::max(Ns(info.st_atim), Ns(info.st_mtim))});
  }
  ::closedir(dir);
}

absl::StatusOr<std::string> ReadAll(int fd, const std::string& path, int64_t most_bytes) {
  struct stat info {};
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) return absl::NotFoundError(absl::StrCat(path, " is no file"));
  if (info.st_size > most_bytes) {
    return absl::OutOfRangeError(absl::StrCat(path, " has ", info.st_size, " bytes, want at most ", most_bytes));
  }
  std::string bytes(static_cast<size_t>(info.st_size), '\0');
  size_t at = 0;
  while (at < bytes.size()) {
    const ssize_t got = ::read(fd, bytes.data() + at, bytes.size() - at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoStatus(errno, absl::StrCat("cannot read ", path));
    if (got == 0) break;  // cut short meanwhile
    at += static_cast<size_t>(got);
  }
  bytes.resize(at);
  return bytes;
}

absl::Status IsNoLink(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_symlink(std::filesystem::symlink_status(path, error))) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(path, " is a link; remove it, links are not followed"));
}

absl::Status MakeFolder(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return ErrnoStatus(error.value(), absl::StrCat("cannot make the folder ", path));
  return IsNoLink(path);
}

}  // namespace

int64_t TotalBytes(const std::vector<CacheFile>& files) {
  int64_t total = 0;
  for (const CacheFile& file : files) total += file.size_bytes;
  return total;
}

CacheFolder CacheFolder::OfEnvironment() {
  int64_t most = kDefaultMaxBytes;
  if (!absl::SimpleAtoi(Env("CONCORD_CACHE_MAX_BYTES"), &most) || most < 0) most = kDefaultMaxBytes;
  if (const char* own = std::getenv("CONCORD_CACHE_DIR"); own != nullptr) return CacheFolder(own, most);
  const std::string xdg = Env("XDG_CACHE_HOME"), home = Env("HOME");
  if (!xdg.empty() && xdg[0] == '/') return CacheFolder(xdg + "/concord", most);
  return CacheFolder(home.empty() || home[0] != '/' ? "" : home + "/.cache/concord", most);
}

std::string CacheFolder::NameOf(absl::string_view stem, absl::string_view key, absl::string_view ending) {
  uint64_t hash = 0xcbf29ce484222325u;  // FNV-1a
  for (const char c : key) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return absl::StrCat(stem, "-", absl::Hex(hash, absl::kZeroPad16), ".", ending);
}

absl::StatusOr<std::string> CacheFolder::Read(const std::string& kind, const std::string& name,
                                              int64_t most_bytes) const {
  CONCORD_RETURN_IF_ERROR(IsKind(kind));
  if (path_.empty()) return absl::NotFoundError("nothing is kept on disk");
  const std::string path = absl::StrCat(path_, "/", kind, "/", name);
  const Fd folder(OpenKind(path_, kind.c_str()));
  if (!folder.ok()) return ErrnoStatus(errno, absl::StrCat("cannot read ", path));
  const Fd file(::openat(folder.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!file.ok()) return ErrnoStatus(errno, absl::StrCat("cannot read ", path));
  const timespec times[2] = {{0, UTIME_NOW}, {0, UTIME_OMIT}};
  (void)::futimens(file.get(), times);  // not on a disk that is read-only, where nothing is ever removed either
  return ReadAll(file.get(), path, most_bytes);
}

absl::Status CacheFolder::Write(const std::string& kind, const std::string& name, absl::string_view contents) const {
  static std::mutex mutex;  // one thread of this process at a time: an AtomicFile is named after the process
  CONCORD_RETURN_IF_ERROR(IsKind(kind));
  if (path_.empty()) return absl::FailedPreconditionError("nothing is kept on disk: CONCORD_CACHE_DIR is empty");
  if (!IsOurName(name)) return absl::InvalidArgumentError(absl::StrCat("'", name, "' is no name of a cached file"));
  if (static_cast<int64_t>(contents.size()) > max_bytes_) {
    return absl::ResourceExhaustedError(absl::StrCat(contents.size(), " bytes are more than the cache may hold, ",
                                                     max_bytes_, " (CONCORD_CACHE_MAX_BYTES)"));
  }
  const std::lock_guard<std::mutex> lock(mutex);
  const std::string folder = absl::StrCat(path_, "/", kind), path = absl::StrCat(folder, "/", name);
  CONCORD_RETURN_IF_ERROR(MakeFolder(folder));
  CONCORD_RETURN_IF_ERROR(IsNoLink(path));
  AtomicFile file;
  CONCORD_RETURN_IF_ERROR(file.Open(path, static_cast<int64_t>(contents.size())));
  CONCORD_RETURN_IF_ERROR(file.Write(contents.data(), contents.size()));
  CONCORD_RETURN_IF_ERROR(file.Commit());
  Trim();
  return absl::OkStatus();
}

absl::Status CacheFolder::Check() const {
  for (const char* kind : kCacheKinds) {
    const std::string folder = absl::StrCat(path_, "/", kind);
    CONCORD_RETURN_IF_ERROR(MakeFolder(folder));
    if (::access(folder.c_str(), W_OK) != 0) return ErrnoStatus(errno, absl::StrCat("cannot write to ", folder));
  }
  return absl::OkStatus();
}

std::vector<CacheFile> CacheFolder::List() const {
  std::vector<CacheFile> files;
  if (path_.empty()) return files;
  for (const char* kind : kCacheKinds) AppendFiles(path_, kind, &files);
  std::stable_sort(files.begin(), files.end(),
                   [](const CacheFile& a, const CacheFile& b) { return a.used_ns > b.used_ns; });
  return files;
}

bool CacheFolder::Remove(const CacheFile& file) const {
  const Fd folder(OpenKind(path_, file.kind.c_str()));
  struct stat info {};
  if (!folder.ok() || ::fstatat(folder.get(), file.name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
    return errno == ENOENT;  // another process was faster
  }
  if (!S_ISREG(info.st_mode)) return false;
  return ::unlinkat(folder.get(), file.name.c_str(), 0) == 0 || errno == ENOENT;
}

std::vector<CacheFile> CacheFolder::Trim() const {
  std::vector<CacheFile> files = List(), removed;
  int64_t total = TotalBytes(files);
  while (total > max_bytes_ && !files.empty()) {
    total -= files.back().size_bytes;
    if (Remove(files.back())) removed.push_back(std::move(files.back()));
    files.pop_back();
  }
  return removed;
}

}  // namespace concord

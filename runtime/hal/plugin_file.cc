#include "runtime/hal/plugin_file.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <memory>
#include <system_error>

#include "runtime/base/mmap.h"

namespace concord::hal {

std::string FileOf(const Plugin& plugin) {
  if (!plugin.path().empty()) return plugin.path();
  Dl_info info{};
  std::error_code error;
  if (dladdr(reinterpret_cast<const void*>(plugin.api().create), &info) == 0 || info.dli_fname == nullptr) return "";
  // Of the program itself the system knows only what it was called by.
  const bool found = std::filesystem::is_regular_file(info.dli_fname, error) && std::strchr(info.dli_fname, '/');
  const std::filesystem::path path = found ? std::filesystem::canonical(info.dli_fname, error)
                                           : std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? "" : path.string();
}

absl::StatusOr<uint64_t> FileHash(const Plugin& plugin) {
  CONCORD_ASSIGN_OR_RETURN(const std::shared_ptr<const MappedFile> file, MappedFile::Open(FileOf(plugin)));
  // FNV-1a by words; what is left over counts as one more, filled up with zeros.
  uint64_t hash = 0xcbf29ce484222325u + static_cast<uint64_t>(file->size_bytes());
  for (int64_t at = 0; at < file->size_bytes(); at += 8) {
    uint64_t word = 0;
    std::memcpy(&word, file->data() + at, static_cast<size_t>(std::min<int64_t>(8, file->size_bytes() - at)));
    hash = (hash ^ word) * 0x100000001b3u;
    hash ^= hash >> 32;  // words differ in high bits too
  }
  return hash;
}

}  // namespace concord::hal

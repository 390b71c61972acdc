#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/status.h"

namespace concord {

// What is kept from one run to the next; each kind has a folder of its own.
//   kernels  what plugins compiled: written and read by them (backends/sdk/disk_cache.h)
//   probes   how fast a device is
// The names of further kinds are added to kCacheKinds; a folder of another name is not ours.
inline constexpr const char* kCacheKinds[] = {"kernels", "probes"};

struct CacheFile {
  std::string kind, name, path;
  int64_t size_bytes = 0;
  int64_t written_ns = 0, used_ns = 0;  // since 1970; of use as exactly as the file system notes it
};

int64_t TotalBytes(const std::vector<CacheFile>& files);

// A folder of files that may be lost at any time and cost nothing but time to make again. Any number of processes use
// it at once without locks: files appear whole under their name, and one that has just been removed reads as absent.
// Only regular files of our kinds and of names that we give ("cpu-0-0123456789abcdef.json") are ever touched; links are
// neither followed nor removed. Threads: any.
class CacheFolder {
 public:
  static constexpr int64_t kDefaultMaxBytes = int64_t{4} << 30;

  // At $CONCORD_CACHE_DIR (empty: nothing is kept), else $XDG_CACHE_HOME/concord, else ~/.cache/concord. At most
  // $CONCORD_CACHE_MAX_BYTES, a number of bytes, else kDefaultMaxBytes.
  static CacheFolder OfEnvironment();
  explicit CacheFolder(std::string path, int64_t max_bytes = kDefaultMaxBytes)
      : path_(std::move(path)), max_bytes_(max_bytes) {}

  const std::string& path() const { return path_; }  // "": nothing is kept
  int64_t max_bytes() const { return max_bytes_; }

  // "`stem`-HASH.`ending`", with a hash of `key`.
  static std::string NameOf(absl::string_view stem, absl::string_view key, absl::string_view ending);

  // Notes the use. NotFound when there is no such file; `most_bytes` guards against one that is not what it should be.
  absl::StatusOr<std::string> Read(const std::string& kind, const std::string& name, int64_t most_bytes) const;
  // Replaces the file, then removes whatever was not used for longest until all is within the bound.
  absl::Status Write(const std::string& kind, const std::string& name, absl::string_view contents) const;

  // Whether Write would get as far as a first byte.
  absl::Status Check() const;

  // All files of ours, the last used first; also what a process that was killed left half written.
  std::vector<CacheFile> List() const;
  // Removes one of List(). Whether it is gone.
  bool Remove(const CacheFile& file) const;
  // What Write does in the end. Returns what was removed.
  std::vector<CacheFile> Trim() const;

 private:
  std::string path_;
  int64_t max_bytes_;
};

}  // namespace concord

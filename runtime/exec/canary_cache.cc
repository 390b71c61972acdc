#include "runtime/exec/canary_cache.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "runtime/base/cache_folder.h"
#include "runtime/base/hash.h"
#include "runtime/hal/plugin_file.h"

namespace concord::exec {
namespace {

namespace fs = std::filesystem;

constexpr int kFormat = 1;  // grows whenever the canary looks at something else
constexpr char kKind[] = "canary";
constexpr int64_t kMostBytes = 1 << 20;
constexpr size_t kSampleBytes = 64;

std::string StampOf(const fs::path& path) {
  std::error_code error;
  return absl::StrCat(path.string(), " ", fs::file_size(path, error), " ",
                      fs::last_write_time(path, error).time_since_epoch().count());
}

// Files by name, size and date; of what is in memory, the beginning of every tensor.
std::string IdentityOf(const loader::ModelSource& source) {
  uint64_t table = Hash64(source.name());
  for (const loader::Tensor& tensor : source.tensors()) {
    table = Hash64(absl::StrCat(tensor.name, tensor.file_type, tensor.size_bytes), table);
    for (const int64_t dim : tensor.dims) table = Hash64(absl::StrCat(",", dim), table);
  }
  std::error_code error;
  std::vector<std::string> stamps;
  if (fs::is_directory(source.path(), error)) {
    for (const fs::directory_entry& entry : fs::directory_iterator(source.path(), error)) {
      stamps.push_back(StampOf(entry.path()));
    }
    std::sort(stamps.begin(), stamps.end());
  } else if (fs::exists(source.path(), error)) {
    stamps.push_back(StampOf(source.path()));
  } else {
    for (const loader::Tensor& tensor : source.tensors()) {
      const size_t size = std::min(kSampleBytes, static_cast<size_t>(tensor.size_bytes));
      table = Hash64({reinterpret_cast<const char*>(tensor.data), size}, table);
    }
  }
  std::string text = absl::StrCat("model ", source.name(), " ", absl::Hex(table), "\n");
  for (const std::string& stamp : stamps) absl::StrAppend(&text, "file ", stamp, "\n");
  return text;
}

// The graph says which nodes the part has, how they are fused, in what packings weights and keys are.
std::string IdentityOf(const LoadedPart& part) {
  uint64_t graph = Hash64(graph::ToText(part.module.main));
  for (const std::string& word : part.arithmetic) graph = Hash64(word, graph);
  const hal::DeviceInfo& info = part.device->info();
  const hal::Plugin& plugin = part.device->instance().plugin();
  const absl::StatusOr<uint64_t> hash = hal::FileHash(plugin);
  return absl::StrCat("device ", info.id, "; ", info.name, "; ", info.driver, "; ", info.features, "; fingerprint ",
                      absl::Hex(part.device->Fingerprint()), "; plugin ", plugin.name(), " ", plugin.version(), " ",
                      plugin.runtime_version(), " ", absl::Hex(hash.value_or(0)), "; graph ", absl::Hex(graph), "\n");
}

}  // namespace

CanaryCache::CanaryCache(const std::vector<const LoadedPart*>& parts, const loader::ModelSource& source,
                         const std::string& level) {
  key_ = absl::StrCat("concord ", CONCORD_VERSION, " canary ", kFormat, " ", level, "\n", IdentityOf(source));
  for (const LoadedPart* part : parts) key_ += IdentityOf(*part);
  file_ = CacheFolder::NameOf("canary", key_, "txt");
  const absl::StatusOr<std::string> kept = CacheFolder::OfEnvironment().Read(kKind, file_, kMostBytes);
  absl::string_view cases = kept.ok() ? absl::string_view(*kept) : absl::string_view();
  if (absl::ConsumePrefix(&cases, key_)) proven = absl::StrSplit(cases, '\n', absl::SkipEmpty());
}

absl::Status CanaryCache::Remember() const {
  return CacheFolder::OfEnvironment().Write(kKind, file_, absl::StrCat(key_, absl::StrJoin(proven, "\n"), "\n"));
}

}  // namespace concord::exec

#include <algorithm>

#include "runtime/base/cache_folder.h"
#include "runtime/cli/command.h"
#include "runtime/cli/exit_code.h"
#include "runtime/cli/format.h"

namespace concord::cli {
namespace {

constexpr int64_t kNsASecond = 1'000'000'000;

// What the name says: "cpu-0-0123456789abcdef.json" belongs to cpu:0, "vulkan-...pipelines" to vulkan.
std::string Owner(const CacheFile& file) {
  std::string stem = file.name.substr(0, file.name.find('.'));
  stem.resize(stem.rfind('-'));
  const size_t dash = stem.rfind('-');
  if (dash != std::string::npos) stem[dash] = ':';
  return stem;
}

class Cache : public Command {
 public:
  void Declare(Arguments& args) override {
    args.Positional("ACTION", &action_, "list: what is kept; clear: remove it", true);
    args.Value("--kind", "KIND", &kind_, "only files of this kind").OneOf({kCacheKinds, std::end(kCacheKinds)});
    args.Example("run-model cache list", "what is kept, where, and how much it is");
    args.Example("run-model cache clear --kind probes", "devices are measured anew");
  }

  absl::Status Run(Console& console) override {
    if (action_ != "list" && action_ != "clear") {
      return UsageError(absl::StrCat("'", action_, "' is neither list nor clear"));
    }
    const CacheFolder cache = CacheFolder::OfEnvironment();
    std::vector<CacheFile> files = cache.List();
    if (!kind_.empty()) {
      files.erase(std::remove_if(files.begin(), files.end(), [&](const CacheFile& f) { return f.kind != kind_; }),
                  files.end());
    }
    std::vector<CacheFile> stuck;
    if (action_ == "clear") {
      const auto gone =
          std::stable_partition(files.begin(), files.end(), [&](const auto& f) { return cache.Remove(f); });
      stuck.assign(gone, files.end());
      files.erase(gone, files.end());
    }
    CONCORD_RETURN_IF_ERROR(console.Print(console.json ? AsJson(cache, files) : AsText(cache, files)));
    if (stuck.empty()) return absl::OkStatus();
    return UsageError(absl::StrCat("cannot remove ", stuck.front().path, " and ", stuck.size() - 1,
                                   " more; look at the permissions of the folder"));
  }

 private:
  std::string AsText(const CacheFolder& cache, const std::vector<CacheFile>& files) const {
    if (cache.path().empty()) return "nothing is kept: CONCORD_CACHE_DIR is empty, or there is no home folder\n";
    std::string out;
    if (!files.empty()) {
      Table table({"kind", "of", ">size", ">written", ">last used", "file"});
      for (const CacheFile& f : files) {
        table.Row({f.kind, Owner(f), Bytes(static_cast<double>(f.size_bytes)), Ago(f.written_ns / kNsASecond),
                   Ago(f.used_ns / kNsASecond), f.name});
      }
      absl::StrAppend(&out, table.ToString(), "\n");
    }
    const std::string total = absl::StrCat(files.size(), files.size() == 1 ? " file" : " files", ", ",
                                           Bytes(static_cast<double>(TotalBytes(files))));
    if (action_ == "clear") return absl::StrCat(out, "removed ", total, " from ", cache.path(), "\n");
    return absl::StrCat(out, total, " in ", cache.path(), "; at most ", Bytes(static_cast<double>(cache.max_bytes())),
                        " are kept\n");
  }

  std::string AsJson(const CacheFolder& cache, const std::vector<CacheFile>& files) const {
    Json list = Json::array();
    for (const CacheFile& f : files) {
      list.push_back({{"kind", f.kind},
                      {"of", Owner(f)},
                      {"path", f.path},
                      {"size_bytes", f.size_bytes},
                      {"written_s", f.written_ns / kNsASecond},
                      {"used_s", f.used_ns / kNsASecond}});
    }
    return Dump({{"folder", cache.path()},
                 {"max_bytes", cache.max_bytes()},
                 {"total_bytes", TotalBytes(files)},
                 {action_ == "clear" ? "removed" : "files", list}});
  }

  std::string action_, kind_;
};

}  // namespace

CONCORD_DEFINE_COMMAND(cache) {
  return {
      .name = "cache",
      .summary = "List or clear what is kept on disk: compiled kernels, measured devices",
      .details =
          "The folder is CONCORD_CACHE_DIR, else concord in XDG_CACHE_HOME, else ~/.cache/concord. All of it is made "
          "again when it is missed. Beyond CONCORD_CACHE_MAX_BYTES (4 GiB) what was not used for longest is removed.",
      .make = Make<Cache>};
}

}  // namespace concord::cli

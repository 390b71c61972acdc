#include <sched.h>
#include <sys/utsname.h>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "concord/concord.h"
#include "runtime/base/cache_folder.h"
#include "runtime/base/task_arena.h"
#include "runtime/cli/command.h"
#include "runtime/cli/device_report.h"
#include "runtime/cli/format.h"
#include "runtime/cli/host_info.h"
#include "runtime/cli/model_options.h"
#include "runtime/cli/own_plugins.h"
#include "runtime/cli/text_width.h"
#include "runtime/exec/demo_model.h"
#include "runtime/hal/plugin.h"
#include "runtime/models/model.h"

namespace concord::cli {
namespace {

constexpr size_t kColumns = 100;

hal::DeviceRegistry Discover(const DeviceOptions& options, Console& console) {
  hal::DeviceRegistry::Options wanted;
  wanted.host = hal::HostServices::Create({.log = [&console](LogLevel level, absl::string_view message) {
    if (level >= LogLevel::kWarning) console.Note(message);
  }});
  wanted.plugin_files = options.plugins;
  wanted.search_path = OwnPluginFolder();
  return hal::DeviceRegistry::Discover(std::move(wanted));
}

// The folders of a search path, with a remark on those that are not there.
std::vector<std::string> Folders(const std::string& path) {
  std::vector<std::string> folders = absl::StrSplit(path, ':', absl::SkipEmpty());
  std::error_code error;
  for (std::string& folder : folders) {
    if (!std::filesystem::is_directory(folder, error)) folder += " (there is no such folder)";
  }
  return folders;
}

class Doctor : public Command {
 public:
  void Declare(Arguments& args) override {
    args.Value("--plugin", "FILE", &options_.plugins, "look at this backend plugin as well; may be repeated");
    args.Flag("--no-probe", &no_probe_, "do not measure devices that were not measured yet: two seconds each");
    args.Example("run-model doctor", "what was found, what was not, and why");
    args.Example("run-model doctor --json > report.json", "to put into a bug report");
  }

  absl::Status Run(Console& console) override {
    const HostInfo host = ReadHostInfo();
    const hal::DeviceRegistry registry = Discover(options_, console);
    std::vector<DeviceReport> devices;
    for (const hal::DeviceRegistry::Entry& entry : registry.devices()) {
      console.Progress(absl::StrCat("measuring ", entry.info.id), static_cast<double>(devices.size()),
                       static_cast<double>(registry.devices().size()));
      devices.push_back(ReportOn(registry, entry, !no_probe_));
    }
    console.EndProgress();
    return console.Print(console.json ? Dump(Report(host, registry, devices)) : Text(host, registry, devices));
  }

 private:
  static std::string Text(const HostInfo& host, const hal::DeviceRegistry& registry,
                          const std::vector<DeviceReport>& devices) {
    std::string out =
        absl::StrCat("run-model ", Version(), " on ", host.system, "\n\nProcessor\n  model         ", host.cpu,
                     "\n  features      ", host.features, "\n  cores         ", host.usable_cpus, " usable of ",
                     host.total_cpus, "; models get ", TaskArena::DefaultThreads(), " threads\n  memory        ",
                     Bytes(host.memory_bytes), ", ", Bytes(host.free_bytes), " free\n\nDevices\n");
    for (const DeviceReport& device : devices) out += AsText(device);
    if (registry.devices().empty()) out += "  none\n";
    out += "\nNot usable\n";
    for (const hal::DeviceRegistry::Problem& problem : registry.problems()) {
      const bool named = absl::StrContains(problem.status.message(), problem.plugin);
      absl::StrAppend(&out, "  ",
                      Wrapped(absl::StrCat(named ? "" : problem.plugin + ": ", problem.status.message()), 2, kColumns),
                      "\n");
    }
    if (registry.problems().empty()) out += "  nothing: every plugin that was found works\n";
    const std::string path = hal::PluginSearchPath(), own = OwnPluginFolder();
    absl::StrAppend(&out, "\nPlugins are looked for in\n  ", own, own.empty() ? "" : "\n  ",
                    path.empty() ? "CONCORD_PLUGIN_PATH, which is not set" : absl::StrJoin(Folders(path), "\n  "),
                    "\n\nCache\n", CacheText(), "\nArchitectures\n  ");
    const auto name = [](std::string* text, const models::ModelDef& model) { *text += model.name; };
    out += absl::StrJoin(models::AllModels(), "  ", name);
    absl::StrAppend(&out, "\n\nDemo model\n  ",
                    exec::DemoModelBytes().empty() ? "not built in: run-model needs a MODEL" : "built in", "\n");
    return out;
  }

  static std::string CacheText() {
    const CacheFolder cache = CacheFolder::OfEnvironment();
    if (cache.path().empty()) return "  nothing is kept: CONCORD_CACHE_DIR is empty, or there is no home folder\n";
    const std::vector<CacheFile> files = cache.List();
    const absl::Status writable = cache.Check();
    return "  " +
           Wrapped(absl::StrCat(cache.path(), ": ", files.size(), files.size() == 1 ? " file, " : " files, ",
                                Bytes(static_cast<double>(TotalBytes(files))), " of at most ",
                                Bytes(static_cast<double>(cache.max_bytes())),
                                writable.ok() ? "; run-model cache list shows them"
                                              : absl::StrCat("; nothing new is kept: ", writable.message())),
                   2, kColumns) +
           "\n";
  }

  static Json CacheJson() {
    const CacheFolder cache = CacheFolder::OfEnvironment();
    const std::vector<CacheFile> files = cache.List();
    const absl::Status writable = cache.path().empty() ? absl::OkStatus() : cache.Check();
    return {{"folder", cache.path()},
            {"files", files.size()},
            {"total_bytes", TotalBytes(files)},
            {"max_bytes", cache.max_bytes()},
            {"error", std::string(writable.message())}};
  }

  static Json Report(const HostInfo& host, const hal::DeviceRegistry& registry,
                     const std::vector<DeviceReport>& reports) {
    Json devices = Json::array(), problems = Json::array(), architectures = Json::array();
    for (const DeviceReport& report : reports) devices.push_back(AsJson(report));
    for (const hal::DeviceRegistry::Problem& problem : registry.problems()) {
      problems.push_back({{"plugin", problem.plugin}, {"reason", std::string(problem.status.message())}});
    }
    for (const models::ModelDef& model : models::AllModels()) architectures.push_back(model.name);
    return {{"version", Version()},
            {"system", host.system},
            {"cpu",
             {{"name", host.cpu},
              {"features", host.features},
              {"cores", host.total_cpus},
              {"usable_cores", host.usable_cpus},
              {"threads", TaskArena::DefaultThreads()}}},
            {"memory", {{"total_bytes", host.memory_bytes}, {"free_bytes", host.free_bytes}}},
            {"devices", devices},
            {"problems", problems},
            {"plugin_path", hal::PluginSearchPath()},
            {"cache", CacheJson()},
            {"architectures", architectures},
            {"demo_model", !exec::DemoModelBytes().empty()}};
  }

  DeviceOptions options_;
  bool no_probe_ = false;
};

}  // namespace

CONCORD_DEFINE_COMMAND(doctor) {
  return {.name = "doctor",
          .summary = "Say what was found on this machine, what was not, and why",
          .details = "",
          .make = Make<Doctor>};
}

}  // namespace concord::cli

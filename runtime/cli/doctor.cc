#include <sched.h>
#include <sys/utsname.h>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "concord/concord.h"
#include "runtime/base/task_arena.h"
#include "runtime/cli/command.h"
#include "runtime/cli/device_json.h"
#include "runtime/cli/format.h"
#include "runtime/cli/host_info.h"
#include "runtime/cli/model_options.h"
#include "runtime/cli/own_plugins.h"
#include "runtime/exec/demo_model.h"
#include "runtime/hal/plugin.h"
#include "runtime/models/model.h"

namespace concord::cli {
namespace {

hal::DeviceRegistry Discover(const DeviceOptions& options) {
  hal::DeviceRegistry::Options wanted;
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
    args.Example("run-model doctor", "what was found, what was not, and why");
    args.Example("run-model doctor --json > report.json", "to put into a bug report");
  }

  absl::Status Run(Console& console) override {
    const HostInfo host = ReadHostInfo();
    const hal::DeviceRegistry registry = Discover(options_);
    if (console.json) return console.Print(Dump(AsJson(host, registry)));
    std::string out =
        absl::StrCat("run-model ", Version(), " on ", host.system, "\n\nProcessor\n  model         ", host.cpu,
                     "\n  features      ", host.features, "\n  cores         ", host.usable_cpus, " usable of ",
                     host.total_cpus, "; models get ", TaskArena::DefaultThreads(), " threads\n  memory        ",
                     Bytes(host.memory_bytes), ", ", Bytes(host.free_bytes), " free\n\nDevices\n");
    for (const hal::DeviceRegistry::Entry& entry : registry.devices()) {
      const std::string& path = entry.instance->plugin().path();
      absl::StrAppend(&out, "  ", entry.info.id, "  ", entry.info.name, " (", path.empty() ? "built in" : path, ")\n");
    }
    if (registry.devices().empty()) out += "  none\n";
    out += "\nNot usable\n";
    for (const hal::DeviceRegistry::Problem& problem : registry.problems()) {
      const bool named = absl::StrContains(problem.status.message(), problem.plugin);
      absl::StrAppend(&out, "  ", named ? "" : problem.plugin, named ? "" : ": ", problem.status.message(), "\n");
    }
    if (registry.problems().empty()) out += "  nothing: every plugin that was found works\n";
    const std::string path = hal::PluginSearchPath(), own = OwnPluginFolder();
    absl::StrAppend(&out, "\nPlugins are looked for in\n  ", own, own.empty() ? "" : "\n  ",
                    path.empty() ? "CONCORD_PLUGIN_PATH, which is not set" : absl::StrJoin(Folders(path), "\n  "),
                    "\n\nArchitectures\n  ");
    for (const models::ModelDef& model : models::AllModels()) absl::StrAppend(&out, model.name, "  ");
    absl::StrAppend(&out, "\n\nDemo model\n  ",
                    exec::DemoModelBytes().empty() ? "not built in: run-model needs a MODEL" : "built in", "\n");
    return console.Print(out);
  }

 private:
  static Json AsJson(const HostInfo& host, const hal::DeviceRegistry& registry) {
    Json devices = Json::array(), problems = Json::array(), architectures = Json::array();
    for (const hal::DeviceRegistry::Entry& entry : registry.devices()) devices.push_back(DeviceJson(entry));
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
            {"architectures", architectures},
            {"demo_model", !exec::DemoModelBytes().empty()}};
  }

  DeviceOptions options_;
};

}  // namespace

CONCORD_DEFINE_COMMAND(doctor) {
  return {.name = "doctor",
          .summary = "Say what was found on this machine, what was not, and why",
          .details = "",
          .make = Make<Doctor>};
}

}  // namespace concord::cli

#include "runtime/cli/command.h"
#include "runtime/cli/device_json.h"
#include "runtime/cli/format.h"
#include "runtime/cli/model_options.h"
#include "runtime/cli/own_plugins.h"

namespace concord::cli {
namespace {

class Devices : public Command {
 public:
  void Declare(Arguments& args) override {
    args.Value("--plugin", "FILE", &options_.plugins, "load a backend plugin as well; may be repeated");
    args.Example("run-model devices", "what --device may name");
    args.Example("CONCORD_PLUGIN_PATH=/opt/plugins run-model devices", "with the plugins of a folder");
  }

  absl::Status Run(Console& console) override {
    options_.search_path = OwnPluginFolder();
    CONCORD_ASSIGN_OR_RETURN(const hal::DeviceRegistry registry, FindDevices(options_));
    if (console.json) {
      Json list = Json::array();
      for (const hal::DeviceRegistry::Entry& entry : registry.devices()) list.push_back(DeviceJson(entry));
      return console.Print(Dump(list));
    }
    Table table({"device", "kind", "name", ">memory", "driver", "features"});
    for (const hal::DeviceRegistry::Entry& entry : registry.devices()) {
      const hal::DeviceInfo& info = entry.info;
      table.Row({info.id, info.kind, info.name,
                 info.memory_bytes == 0 ? "-" : Bytes(static_cast<double>(info.memory_bytes)),
                 info.driver.empty() ? "-" : info.driver, info.features.empty() ? "-" : info.features});
    }
    CONCORD_RETURN_IF_ERROR(console.Print(table.ToString()));
    if (!registry.problems().empty()) {
      const size_t count = registry.problems().size();
      console.Note(
          absl::StrCat(count, count == 1 ? " plugin" : " plugins", " cannot be used; run-model doctor says why"));
    }
    return absl::OkStatus();
  }

 private:
  DeviceOptions options_;
};

}  // namespace

CONCORD_DEFINE_COMMAND(devices) {
  return {
      .name = "devices", .summary = "List the devices that models can run on", .details = "", .make = Make<Devices>};
}

}  // namespace concord::cli

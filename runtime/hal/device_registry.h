#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/status.h"
#include "runtime/hal/device.h"
#include "runtime/hal/host_services.h"

namespace concord::hal {

// Every device that can be used here, and why the others cannot.
class DeviceRegistry {
 public:
  struct Options {
    std::shared_ptr<HostServices> host;     // null: one with default options
    std::vector<std::string> plugin_files;  // explicit paths; they win over linked-in ones of the same name
    std::string search_path;                // folders, separated by ':'
    bool search_environment = true;         // and those of CONCORD_PLUGIN_PATH
    bool linked = true;                     // and those that are part of the library
  };
  struct Entry {
    DeviceInfo info;  // info.id is its name: "cpu:0"
    std::shared_ptr<Instance> instance;
    uint32_t index = 0;
  };
  // A plugin that was found and cannot serve.
  struct Problem {
    std::string plugin;  // name or path
    absl::Status status;
  };

  // Never fails as a whole: what does not work becomes a problem.
  static DeviceRegistry Discover(Options options);

  const std::vector<Entry>& devices() const& { return devices_; }
  std::vector<Entry> devices() && {
    return std::move(devices_);
  }  // so that `for (... : Discover({}).devices())` is safe
  const std::vector<Problem>& problems() const { return problems_; }
  HostServices& host() const { return *host_; }
  std::shared_ptr<HostServices> host_ptr() const { return host_; }

  // "cpu:0", or "cpu" for the first one. Errors: NOT_FOUND names what there is, and what was wrong with that plugin.
  absl::StatusOr<std::shared_ptr<Device>> Open(absl::string_view name) const;
  const Entry* Find(absl::string_view name) const;

 private:
  // `named`: the user asked for it, and is told when it is not used.
  void Add(absl::StatusOr<std::shared_ptr<Plugin>> plugin, const std::string& found_as, bool named);

  std::shared_ptr<HostServices> host_;
  std::vector<Entry> devices_;
  std::vector<Problem> problems_;
};

}  // namespace concord::hal

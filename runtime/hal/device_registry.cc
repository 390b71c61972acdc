#include "runtime/hal/device_registry.h"

#include <utility>

#include "absl/strings/str_join.h"
#include "runtime/hal/linked_plugin.h"
#include "runtime/hal/plugin.h"

namespace concord::hal {

void DeviceRegistry::Add(absl::StatusOr<std::shared_ptr<Plugin>> plugin, const std::string& found_as, bool named) {
  if (!plugin.ok()) {
    problems_.push_back({found_as, plugin.status()});
    return;
  }
  const std::string name = (*plugin)->name();
  for (const Entry& entry : devices_) {
    if (entry.instance->plugin().name() != name) continue;
    if (!named) return;  // found again on the way: what comes first counts
    const std::string& path = entry.instance->plugin().path();
    problems_.push_back({found_as, absl::AlreadyExistsError(absl::StrCat(
                                       "plugin ", name, " is not used: it was already found ",
                                       path.empty() ? "as a part of the library" : absl::StrCat("as ", path)))});
    return;
  }
  absl::StatusOr<std::shared_ptr<Instance>> instance = Instance::Create(*std::move(plugin), host_);
  if (!instance.ok()) {
    problems_.push_back({name, instance.status()});
    return;
  }
  const uint32_t count = (*instance)->device_count();
  if (count == 0)
    problems_.push_back({name, absl::UnavailableError(absl::StrCat("plugin ", name, " found no device"))});
  for (uint32_t i = 0; i < count; ++i) {
    absl::StatusOr<DeviceInfo> info = (*instance)->GetDeviceInfo(i);
    if (info.ok()) {
      devices_.push_back({*std::move(info), *instance, i});
    } else {
      problems_.push_back({absl::StrCat(name, ":", i), info.status()});
    }
  }
}

DeviceRegistry DeviceRegistry::Discover(Options options) {
  DeviceRegistry registry;
  registry.host_ = options.host != nullptr ? std::move(options.host) : HostServices::Create();
  for (const std::string& file : options.plugin_files) registry.Add(Plugin::Load(file), file, true);
  if (options.linked) {
    for (const LinkedPlugin& linked : LinkedPlugins()) registry.Add(Plugin::FromLinked(linked), linked.name, false);
  }
  std::string path = std::move(options.search_path);
  if (options.search_environment) absl::StrAppend(&path, ":", PluginSearchPath());
  for (const std::string& file : FindPluginFiles(path)) registry.Add(Plugin::Load(file), file, false);
  return registry;
}

const DeviceRegistry::Entry* DeviceRegistry::Find(absl::string_view name) const {
  for (const Entry& entry : devices_) {
    if (name == entry.info.id || name == entry.instance->plugin().name()) return &entry;
  }
  return nullptr;
}

absl::StatusOr<std::shared_ptr<Device>> DeviceRegistry::Open(absl::string_view name) const {
  if (const Entry* entry = Find(name)) return entry->instance->OpenDevice(entry->index);
  std::string message = absl::StrCat(
      "there is no device '", name, "'; there are: ",
      absl::StrJoin(devices_, ", ", [](std::string* out, const Entry& entry) { absl::StrAppend(out, entry.info.id); }));
  const absl::string_view plugin = name.substr(0, name.find(':'));
  for (const Problem& problem : problems_) {
    if (plugin == problem.plugin || absl::string_view(problem.plugin).find(plugin) != absl::string_view::npos) {
      absl::StrAppend(&message, "; ", problem.status.message());
    }
  }
  return absl::NotFoundError(message);
}

}  // namespace concord::hal

#include "runtime/exec/devices.h"

#include <algorithm>

#include "runtime/exec/from_device.h"
#include "runtime/graph/placement.h"
#include "runtime/hal/device_registry.h"

namespace concord::exec {
namespace {

hal::DeviceRegistry Discover(const LoadOptions& options) {
  hal::HostServices::Options host;
  host.threads = static_cast<uint32_t>(options.threads);
  host.pin_cores = options.pin_threads;
  host.log = options.on_log;
  host.tracer = options.trace.impl();
  hal::DeviceRegistry::Options registry;
  registry.host = hal::HostServices::Create(std::move(host));
  registry.plugin_files = options.plugins;
  registry.plugin_files.insert(registry.plugin_files.end(), options.optional_plugins.begin(),
                               options.optional_plugins.end());
  return hal::DeviceRegistry::Discover(std::move(registry));
}

absl::Status CheckPlugins(const hal::DeviceRegistry& registry, const std::vector<std::string>& wanted) {
  for (const hal::DeviceRegistry::Problem& problem : registry.problems()) {
    if (std::find(wanted.begin(), wanted.end(), problem.plugin) == wanted.end()) continue;
    return absl::UnavailableError(problem.status.message());
  }
  return absl::OkStatus();
}

// Whether `name` ("cpu", "cpu:0") means this device.
bool Means(const std::string& name, const hal::Device& device) {
  return name == device.id() || absl::StrCat(name, ":0") == device.id();
}

absl::StatusOr<std::vector<int32_t>> WishedByRules(const graph::Module& module, Devices devices,
                                                   const std::string& place) {
  CONCORD_ASSIGN_OR_RETURN(const std::vector<graph::PlaceRule> rules, graph::ParsePlacement(place));
  CONCORD_ASSIGN_OR_RETURN(std::vector<int32_t> wished, graph::ApplyPlacement(module.main, rules));
  for (int32_t& w : wished) {
    const std::string& name = rules[w].device;
    const auto it = std::find_if(devices.begin(), devices.end(), [&](const auto& d) { return Means(name, *d); });
    if (it == devices.end()) return absl::UnavailableError(absl::StrCat("device '", name, "' is not open"));
    w = static_cast<int32_t>(it - devices.begin());
  }
  return wished;
}

// What "auto" stands for: the CPU, and every device that is something else. Devices of software (lavapipe, PoCL) run on
// the CPU's own cores, and slower; the reference is for checking. To measure them would only take time.
std::vector<std::string> AutoNames(const hal::DeviceRegistry& registry) {
  std::vector<std::string> names;
  for (const hal::DeviceRegistry::Entry& entry : registry.devices()) {
    const bool software =
        entry.info.has(CONCORD_DEVICE_SHARES_HOST_CORES) && !entry.info.has(CONCORD_DEVICE_HOST_MEMORY);
    const bool reference = entry.instance->plugin().name() == "reference";
    if (!software && !reference) names.push_back(entry.info.id);
  }
  return names;
}

}  // namespace

absl::StatusOr<std::vector<std::shared_ptr<hal::Device>>> OpenDevices(const LoadOptions& options) {
  std::vector<std::string> names;
  if (!options.place.empty()) {
    CONCORD_ASSIGN_OR_RETURN(const std::vector<graph::PlaceRule> rules, graph::ParsePlacement(options.place));
    for (const graph::PlaceRule& rule : rules) names.push_back(rule.device);
  }
  names.insert(names.end(), options.devices.begin(), options.devices.end());
  if (!options.decode_device.empty()) names = {options.prefill_device, options.decode_device};
  if (names.empty()) names.push_back("cpu");
  const hal::DeviceRegistry registry = Discover(options);
  CONCORD_RETURN_IF_ERROR(CheckPlugins(registry, options.plugins));
  if (const auto it = std::find(names.begin(), names.end(), "auto"); it != names.end()) {
    const std::vector<std::string> all = AutoNames(registry);
    names.insert(names.erase(it), all.begin(), all.end());
  }
  std::vector<std::shared_ptr<hal::Device>> devices;
  for (const std::string& name : names) {
    if (std::any_of(devices.begin(), devices.end(), [&](const auto& d) { return Means(name, *d); })) continue;
    CONCORD_ASSIGN_OR_RETURN(devices.emplace_back(), FromDevice(registry.Open(name)));
  }
  return devices;
}

LoadOptions DecodeOptions(LoadOptions options) {
  if (!options.decode_kv_type.empty()) options.kv_type = options.decode_kv_type;
  if (options.decode_kv_block_tokens != 0) options.kv_block_tokens = options.decode_kv_block_tokens;
  options.prefill_device = options.decode_device = options.decode_kv_type = "";
  options.decode_kv_block_tokens = 0;
  return options;
}

bool HasChoice(Devices devices, const LoadOptions& options) { return devices.size() > 1 && options.place.empty(); }

absl::StatusOr<Placed> PlaceOnDevices(const loader::ModelSource& source, const graph::Module& module, Devices devices,
                                      const std::vector<graph::DeviceModel>& models, const LoadOptions& options,
                                      const PlacementCase& wanted) {
  Placed placed;
  std::vector<int32_t> wished;
  if (!options.place.empty()) {
    CONCORD_ASSIGN_OR_RETURN(wished, WishedByRules(module, devices, options.place));
  } else if (HasChoice(devices, options)) {
    CONCORD_ASSIGN_OR_RETURN(ChosenPlacement chosen,
                             ChoosePlacement(source, module, devices, models, wanted, options.compute));
    wished = std::move(chosen.wished);
    placed.alternatives = std::move(chosen.alternatives);
    placed.remark = std::move(chosen.remark);
  }
  CONCORD_ASSIGN_OR_RETURN(placed.compiled, CompileParts(module, devices, std::move(wished), options.compute));
  return placed;
}

}  // namespace concord::exec

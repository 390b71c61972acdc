#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "concord/plugin.h"
#include "runtime/base/status.h"
#include "runtime/hal/device_info.h"
#include "runtime/hal/host_services.h"
#include "runtime/hal/plugin.h"

namespace concord::hal {

class Device;

// Our use of a plugin. Several may exist of one plugin; each is independent of the others. Shut down when its last
// device and the last pointer to it are gone.
class Instance : public std::enable_shared_from_this<Instance> {
 public:
  // Errors: UNAVAILABLE when the plugin finds no driver (the message says which and how to get it).
  static absl::StatusOr<std::shared_ptr<Instance>> Create(std::shared_ptr<Plugin> plugin,
                                                          std::shared_ptr<HostServices> host);
  ~Instance();
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  const Plugin& plugin() const { return *plugin_; }
  const std::shared_ptr<Plugin>& plugin_ptr() const { return plugin_; }  // to make another instance of it
  HostServices& host() const { return *host_; }

  uint32_t device_count() const { return plugin_->api().device_count(handle_); }
  absl::StatusOr<DeviceInfo> GetDeviceInfo(uint32_t index) const;
  absl::StatusOr<std::shared_ptr<Device>> OpenDevice(uint32_t index);

  // The table of an optional feature ("concord.trace/1"), or null.
  const void* GetExtension(absl::string_view name) const;

 private:
  Instance(std::shared_ptr<Plugin> plugin, std::shared_ptr<HostServices> host, concord_instance* handle);

  std::shared_ptr<Plugin> plugin_;
  std::shared_ptr<HostServices> host_;
  concord_instance* handle_;
};

}  // namespace concord::hal

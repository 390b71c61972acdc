#include "runtime/hal/instance.h"

#include <utility>

#include "runtime/hal/device.h"
#include "runtime/hal/import.h"
#include "runtime/hal/status.h"

namespace concord::hal {
namespace {

std::string ToString(concord_string text) {
  return text.data == nullptr ? std::string() : std::string(text.data, text.size_bytes);
}

// Alignments come from the plugin and are divided by.
uint32_t AtLeastOne(uint32_t value) { return value == 0 ? 1 : value; }

}  // namespace

Instance::Instance(std::shared_ptr<Plugin> plugin, std::shared_ptr<HostServices> host, concord_instance* handle)
    : plugin_(std::move(plugin)), host_(std::move(host)), handle_(handle) {}

absl::StatusOr<std::shared_ptr<Instance>> Instance::Create(std::shared_ptr<Plugin> plugin,
                                                           std::shared_ptr<HostServices> host) {
  concord_error error = NoError();
  concord_instance* handle = nullptr;
  const int32_t code = plugin->api().create(&host->api(), &handle, &error);
  if (code != CONCORD_OK) return ToStatus(code, error, absl::StrCat("plugin ", plugin->name()));
  if (handle == nullptr)
    return absl::InternalError(absl::StrCat("plugin ", plugin->name(), ": create made no instance"));
  return std::shared_ptr<Instance>(new Instance(std::move(plugin), std::move(host), handle));
}

Instance::~Instance() {
  concord_error error = NoError();
  const int32_t code = plugin_->api().shutdown(handle_, &error);
  const absl::Status status = ToStatus(code, error, absl::StrCat("plugin ", plugin_->name(), ": shutdown"));
  if (!status.ok()) host_->Log(LogLevel::kError, status.message());
}

absl::StatusOr<DeviceInfo> Instance::GetDeviceInfo(uint32_t index) const {
  const std::string id = absl::StrCat(plugin_->name(), ":", index);
  concord_error error = NoError();
  concord_device_info theirs = Sized<concord_device_info>();
  const int32_t code = plugin_->api().device_info(handle_, index, &theirs, &error);
  if (code != CONCORD_OK) return ToStatus(code, error, id);
  DeviceInfo info;
  info.id = id;
  info.name = ToString(theirs.name);
  info.kind = ToString(theirs.kind);
  info.driver = ToString(theirs.driver);
  info.features = ToString(theirs.features);
  info.kv_layout = ToString(theirs.kv_layout);
  info.flags = theirs.flags;
  info.memory_bytes = theirs.memory_bytes;
  info.max_buffer_bytes = theirs.max_buffer_bytes;
  info.binding_align_bytes = AtLeastOne(theirs.binding_align_bytes);
  info.constant_align_bytes = AtLeastOne(theirs.constant_align_bytes);
  info.queue_count = AtLeastOne(theirs.queue_count);
  info.max_partition_ops = AtLeastOne(theirs.max_partition_ops);
  return info;
}

absl::StatusOr<std::shared_ptr<Device>> Instance::OpenDevice(uint32_t index) {
  CONCORD_ASSIGN_OR_RETURN(DeviceInfo info, GetDeviceInfo(index));
  concord_error error = NoError();
  concord_device* handle = nullptr;
  const int32_t code = plugin_->api().device_open(handle_, index, &handle, &error);
  if (code != CONCORD_OK) return ToStatus(code, error, absl::StrCat(info.id, ": open"));
  if (handle == nullptr) return absl::InternalError(absl::StrCat(info.id, ": open made no device"));
  return std::shared_ptr<Device>(new Device(shared_from_this(), std::move(info), handle));
}

const void* Instance::GetExtension(absl::string_view name) const {
  if (plugin_->api().get_extension == nullptr) return nullptr;
  return plugin_->api().get_extension(handle_, {name.data(), name.size()});
}

}  // namespace concord::hal

#pragma once

#include <memory>
#include <utility>

#include "concord/plugin.h"

namespace concord::hal {

class Device;

// One object of a plugin: owns it, destroys it, and keeps its device (and with it instance and plugin) alive.
// Move-only. The caller destroys it only after every submission that uses it has reached its signals.
template <typename T, void (*concord_plugin_api::*kDestroy)(T*)>
class Handle {
 public:
  Handle() = default;
  Handle(std::shared_ptr<const Device> device, const concord_plugin_api* api, T* handle)
      : device_(std::move(device)), api_(api), handle_(handle) {}
  Handle(Handle&& other) noexcept
      : device_(std::move(other.device_)), api_(other.api_), handle_(std::exchange(other.handle_, nullptr)) {}
  Handle& operator=(Handle&& other) noexcept {
    if (this == &other) return *this;
    Reset();
    device_ = std::move(other.device_);
    api_ = other.api_;
    handle_ = std::exchange(other.handle_, nullptr);
    return *this;
  }
  ~Handle() { Reset(); }

  T* get() const { return handle_; }
  explicit operator bool() const { return handle_ != nullptr; }
  const Device& device() const { return *device_; }

  void Reset() {
    if (handle_ != nullptr) (api_->*kDestroy)(std::exchange(handle_, nullptr));
    device_.reset();
  }

 protected:
  const concord_plugin_api& api() const { return *api_; }
  const std::shared_ptr<const Device>& device_ptr() const { return device_; }

 private:
  std::shared_ptr<const Device> device_;
  const concord_plugin_api* api_ = nullptr;
  T* handle_ = nullptr;
};

}  // namespace concord::hal

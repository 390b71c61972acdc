#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "runtime/hal/device.h"
#include "runtime/hal/device_registry.h"

namespace concord::cts {

// What hal had to complain about (objects left behind at close, a shutdown that was refused). Any thread.
class Complaints {
 public:
  void Add(absl::string_view text);
  std::string Take();  // all so far, a line each; empties it

 private:
  std::mutex mutex_;
  std::string text_;
};

// What a case works with: the device under test, opened once for all cases, and ways to more of the same. One thread.
class Context {
 public:
  // The device of `entry`, which `registry` holds.
  static absl::StatusOr<std::unique_ptr<Context>> Open(const hal::DeviceRegistry::Entry& entry);

  const std::shared_ptr<hal::Device>& device_ptr() const { return device_; }
  const hal::Device& device() const { return *device_; }
  // The same device once more, of the same instance.
  absl::StatusOr<std::shared_ptr<hal::Device>> OpenDevice() const;
  // The float64 reference, opened when it is first wanted.
  absl::StatusOr<std::shared_ptr<hal::Device>> Reference();

  // An instance of the plugin with a host of its own, so that its memory and its complaints are seen alone.
  struct Fresh {
    std::shared_ptr<Complaints> complaints;
    std::shared_ptr<hal::HostServices> host;
    std::shared_ptr<hal::Instance> instance;

    absl::StatusOr<std::shared_ptr<hal::Device>> OpenDevice() const { return instance->OpenDevice(index); }
    uint32_t index = 0;
  };
  absl::StatusOr<Fresh> OpenFresh() const;

  // Mixed into the seed of every input; 0 changes nothing.
  uint64_t seed() const { return seed_; }
  void set_seed(uint64_t seed) { seed_ = seed; }

 private:
  Context() = default;

  std::shared_ptr<hal::Instance> instance_;
  uint32_t index_ = 0;
  std::shared_ptr<hal::Device> device_;
  std::shared_ptr<hal::Device> reference_;
  uint64_t seed_ = 0;
};

}  // namespace concord::cts

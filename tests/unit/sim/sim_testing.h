#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "concord/trace.h"
#include "runtime/hal/device_registry.h"
#include "runtime/hal/import.h"
#include "runtime/hal/status.h"
#include "tests/emulators/sim/path.h"
#include "tests/emulators/sim/sim.h"

namespace concord::sim {

// Numbers that can be added up in one's head, in microseconds: a copy takes 1 and one more a 1000 bytes, an op 2 and
// one more a 1000 bytes, a submission 3 and its ops.
inline constexpr char kRound[] =
    "devices=2; copy_latency=1e-6; copy_bandwidth=1e9; launch=2e-6; bandwidth=1e9; flops=0; submit=3e-6;";

// Devices that CONCORD_SIM describes.
class SimTest : public testing::Test {
 protected:
  void Start(const std::string& config) {
    buffers_.clear();
    devices_.clear();
    ::setenv("CONCORD_SIM", config.c_str(), 1);
    registry_ = std::make_unique<hal::DeviceRegistry>(hal::DeviceRegistry::Discover(
        {.plugin_files = {CONCORD_SIM_PLUGIN}, .search_environment = false, .linked = false}));
    ::unsetenv("CONCORD_SIM");
    for (const auto& problem : registry_->problems()) ADD_FAILURE() << problem.status;
    for (const auto& entry : registry_->devices()) devices_.push_back(*registry_->Open(entry.info.id));
    ASSERT_FALSE(devices_.empty());
    api_ = Extension<concord_sim_api>(CONCORD_SIM_EXTENSION);
  }

  const hal::Device& device(size_t i = 0) const { return *devices_[i]; }
  std::shared_ptr<hal::Device> device_ptr(size_t i) const { return devices_[i]; }
  uint64_t Now() const { return api_.now_ns(device().get()); }
  uint64_t FreeAt() const { return api_.free_at_ns(device().get()); }
  void Advance(uint64_t ns) const { api_.advance_ns(device().get(), ns); }
  absl::Status Reset() const {
    concord_error error = hal::NoError();
    return hal::ToStatus(api_.reset(device().get(), &error), error, "reset");
  }

  template <typename Api>
  Api Extension(const char* name) const {
    const void* table = device().instance().GetExtension(name);
    EXPECT_NE(table, nullptr) << name;
    return hal::Import(static_cast<const Api*>(table));
  }

  // A copy of that many bytes between two buffers of the device, made when first wanted.
  void Copy(size_t on, uint64_t size_bytes, std::vector<concord_point> waits, std::vector<concord_point> signals,
            uint32_t queue = 0) {
    buffers_.resize(2 * devices_.size());
    for (size_t b : {2 * on, 2 * on + 1}) {
      if (buffers_[b].get() == nullptr) buffers_[b] = *device(on).CreateBuffer(1 << 20);
    }
    EXPECT_EQ(device(on).Copy({.source = &buffers_[2 * on],
                               .target = &buffers_[2 * on + 1],
                               .size_bytes = size_bytes,
                               .waits = waits,
                               .signals = signals,
                               .queue_index = queue}),
              absl::OkStatus());
  }

  // All events of a device so far.
  std::vector<concord_trace_event> Events(size_t on = 0, uint64_t* dropped = nullptr) {
    const auto trace = Extension<concord_trace_api>(CONCORD_TRACE_EXTENSION);
    std::vector<concord_trace_event> events(1000);
    uint32_t count = 0;
    uint64_t lost = 0;
    EXPECT_EQ(trace.read(device(on).get(), events.data(), sizeof(events[0]), 1000, &count, &lost, nullptr), CONCORD_OK);
    events.resize(count);
    if (dropped != nullptr) *dropped = lost;
    return events;
  }
  void Trace(size_t on = 0, uint32_t enabled = 1) {
    const auto trace = Extension<concord_trace_api>(CONCORD_TRACE_EXTENSION);
    EXPECT_EQ(trace.set_enabled(device(on).get(), enabled, nullptr), CONCORD_OK);
  }

 private:
  std::unique_ptr<hal::DeviceRegistry> registry_;
  std::vector<std::shared_ptr<hal::Device>> devices_;
  std::vector<hal::Buffer> buffers_;  // before the devices go
  concord_sim_api api_{};
};

}  // namespace concord::sim

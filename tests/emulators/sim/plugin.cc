// A device to prove placement on: it computes by the reference, and its time is simulated. See README.md.
#include <cmath>
#include <fstream>
#include <memory>

#include "concord/fault.h"
#include "concord/trace.h"
#include "tests/emulators/sim/config.h"
#include "tests/emulators/sim/device.h"
#include "tests/emulators/sim/sim.h"

namespace concord::sim {
namespace {

SimDevice& Of(concord_device* device) { return *static_cast<SimDevice*>(sdk::ObjectOf(device)); }
Clock& ClockOf(concord_device* device) { return Of(device).scheduler().clock(); }

constexpr concord_fault_api kFaults = {
    sizeof(concord_fault_api), 0,
    [](concord_device* device, concord_error*) -> int32_t { return Of(device).Lose(), CONCORD_OK; },
    [](concord_device* device, uint32_t count, concord_error*) -> int32_t {
      return Of(device).FailAllocations(count), CONCORD_OK;
    },
    [](concord_device* device, concord_error*) -> int32_t { return Of(device).FailExecution(), CONCORD_OK; }};

// With a virtual clock the host's time is what it was at time 0, and what has passed since then for this thread.
sdk::Status Calibrate(concord_device* device, concord_trace_clock* out) {
  const Clock& clock = ClockOf(device);
  const Ns now = clock.Now();
  concord_trace_clock pair{};
  pair.struct_size = sizeof(pair);
  pair.device_ticks = Of(device).trace().Ticks(now);
  pair.host_ns = clock.origin_ns() + static_cast<uint64_t>(now);
  pair.ns_per_tick = Of(device).config().ns_per_tick;
  return sdk::Export(pair, out);
}

constexpr concord_trace_api kTrace = {
    sizeof(concord_trace_api), 0,
    [](concord_device* device, uint32_t enabled, concord_error*) -> int32_t {
      return Of(device).trace().set_enabled(enabled != 0), CONCORD_OK;
    },
    [](concord_device* device, concord_trace_clock* out, concord_error* error) -> int32_t {
      return sdk::Guarded(error, [&] { return Calibrate(device, out); });
    },
    [](concord_device* device, concord_trace_event* out, uint32_t stride_bytes, uint32_t capacity, uint32_t* count,
       uint64_t* dropped, concord_error* error) -> int32_t {
      return sdk::Guarded(error, [&]() -> sdk::Status {
        if (count == nullptr || dropped == nullptr || (out == nullptr && capacity != 0)) {
          return sdk::Error(CONCORD_INVALID_ARGUMENT, "out, count or dropped is null");
        }
        Of(device).scheduler().RunAll();  // work that nobody has waited for has run as well
        Of(device).trace().Read(out, stride_bytes, capacity, count, dropped);
        return sdk::Ok();
      });
    }};

uint64_t Rounded(Ns time) { return static_cast<uint64_t>(std::llround(time)); }

constexpr concord_sim_api kSim = {
    sizeof(concord_sim_api),
    0,
    [](concord_device* device) -> uint64_t { return Rounded(ClockOf(device).Now()); },
    [](concord_device* device, uint64_t duration_ns) {
      ClockOf(device).WaitUntil(ClockOf(device).Now() + static_cast<Ns>(duration_ns));
    },
    [](concord_device* device) -> uint64_t { return Rounded(Of(device).scheduler().FreeAt()); },
    [](concord_device* device, concord_error* error) -> int32_t {
      return sdk::Guarded(error, [&] { return Of(device).scheduler().Reset(); });
    }};

class SimInstance final : public sdk::Instance {
 public:
  SimInstance(const sdk::Host& host, Config config)
      : host_(host), config_(std::move(config)), clock_(host_, config_.virtual_clock) {}

  static sdk::Result<std::unique_ptr<sdk::Instance>> Create(const sdk::Host& host) {
    sdk::Result<Config> config = Config::FromEnvironment();
    if (!config.ok()) return config.status();
    if (!(*config).starts.empty()) std::ofstream((*config).starts, std::ios::app) << "started\n";
    return std::unique_ptr<sdk::Instance>(std::make_unique<SimInstance>(host, std::move(*config)));
  }

  const void* Extension(std::string_view name) override {
    if (name == CONCORD_FAULT_EXTENSION) return &kFaults;
    if (name == CONCORD_TRACE_EXTENSION) return &kTrace;
    return name == CONCORD_SIM_EXTENSION ? &kSim : nullptr;
  }

  uint32_t DeviceCount() override { return static_cast<uint32_t>(config_.devices.size()); }
  sdk::Status DeviceInfo(uint32_t index, concord_device_info* out) override {
    SimDevice::Describe(config_.devices[index], out);
    return sdk::Ok();
  }
  sdk::Result<std::unique_ptr<sdk::Device>> OpenDevice(uint32_t index) override {
    return std::unique_ptr<sdk::Device>(std::make_unique<SimDevice>(&host_, &scheduler_, config_.devices[index]));
  }

 private:
  const sdk::Host host_;
  const Config config_;
  Clock clock_;
  Scheduler scheduler_{&clock_};
};

}  // namespace
}  // namespace concord::sim

CONCORD_PLUGIN(sim, "Concord", concord::sim::SimInstance)

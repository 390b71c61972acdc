#pragma once

#include "absl/time/time.h"
#include "runtime/graph/device_model.h"
#include "runtime/hal/device.h"

namespace concord::exec {

// What an engine takes of a step for itself, beside its devices: nearly all of it is waking whoever waits for the
// token, measured when first asked for (some 5 ms). 30 µs on two virtual Xeon cores, a tenth of that where both threads
// happen to share a core; planning and sampling take 2 µs with small vocabularies (2026-11).
double EngineSeconds();

struct ProbeOptions {
  absl::Duration budget = absl::Seconds(2);  // what is not measured when it is used up has no rate
};

// Measures how fast a device is at what language models do, through the border alone: short programs are compiled, fed
// and timed, the most important first. What the device declines, and what there is no memory or no time for, is left
// out. Each figure is the best of several runs: neighbours on the same machine only ever slow it down.
// Errors: the device fails, or does not even compute a sum.
absl::StatusOr<graph::DeviceModel> ProbeDevice(const hal::Device& device, const ProbeOptions& options = {});

// The same with nothing measured: names, flags, memory.
graph::DeviceModel DescribeDevice(const hal::Device& device);

}  // namespace concord::exec

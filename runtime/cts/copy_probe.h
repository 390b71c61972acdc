#pragma once

#include "runtime/base/status.h"
#include "runtime/hal/device.h"

namespace concord::cts {

// Bytes a second that the device's own copy moves within its memory, each byte counted where it is read and where it is
// written: what speeds on a device with memory of its own are held against. 0: it has too little free memory to tell.
// Takes some tenths of a second and at most half of the free memory.
absl::StatusOr<double> ProbeCopyBandwidth(const hal::Device& device);

}  // namespace concord::cts

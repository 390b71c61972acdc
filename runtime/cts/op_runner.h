#pragma once

#include <cstdint>

#include "ops/core/op.h"
#include "runtime/cts/case_result.h"
#include "runtime/hal/device.h"

namespace concord::cts {

// Runs one case of an op on a device, through compile, prepare and submit, and compares with the reference.
// Inputs are seeded by the case's name and `seed`. Every tensor lies between 256-byte guards; outputs and workspace are
// filled with NaN patterns before; inputs and constants must be unchanged after. A refusal without a reason is a
// failure, and so is a device that says yes and then cannot.
CaseResult RunOpCase(const hal::Device& device, const ops::OpCase& c, uint64_t seed = 0);

}  // namespace concord::cts

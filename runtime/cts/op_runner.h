#pragma once

#include <string>

#include "ops/core/op.h"
#include "runtime/hal/device.h"

namespace concord::cts {

enum class Outcome { kPassed, kRefused, kFailed };

struct CaseResult {
  Outcome outcome = Outcome::kFailed;
  std::string detail;    // why it was refused, or how it failed with the first wrong element
  double error = 0;      // the largest |got − want| / max|want| over the outputs
  double tolerance = 0;  // what the op allows for this case
};

// Runs one case of an op on a device, through compile, prepare and submit, and compares with the reference.
// Inputs are seeded by the case's name. Every tensor lies between 256-byte guards; outputs and workspace are filled
// with NaN patterns before; inputs and constants must be unchanged after. A refusal without a reason is a failure.
CaseResult RunOpCase(const hal::Device& device, const ops::OpCase& c);

}  // namespace concord::cts

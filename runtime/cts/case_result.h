#pragma once

#include <string>

#include "runtime/base/status.h"

namespace concord::cts {

// How a case ended. Skipped: it does not apply to a device that says of itself what this one says (one queue, no fault
// simulation). Refused: the device could be asked for it and answered no. Neither is a pass.
enum class Outcome { kPassed, kRefused, kSkipped, kFailed };

struct CaseResult {
  Outcome outcome = Outcome::kFailed;
  std::string detail;    // why it was refused or skipped, or how it failed with the first wrong elements
  double error = 0;      // the largest |got − want| / max|want| over the outputs
  double tolerance = 0;  // what the op allows for this case
};

// Cases that are written as one function returning a status: OK is passed, these two say so, all else is failed.
absl::Status Refused(absl::string_view reason);
absl::Status Skipped(absl::string_view reason);
CaseResult ToResult(const absl::Status& status);

// Internal, with `message`, unless `held`.
absl::Status Expect(bool held, absl::string_view message);
// Unless `status` has the code: `what` should have failed so, and how it did instead.
absl::Status ExpectCode(const absl::Status& status, absl::StatusCode want, absl::string_view what);

}  // namespace concord::cts

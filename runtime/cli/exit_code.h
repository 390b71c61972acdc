#pragma once

#include "runtime/base/status.h"

namespace concord::cli {

// What the process says when it ends (DESIGN §5).
enum class ExitCode : int {
  kDone = 0,
  kBug = 1,  // ours, or the machine's: standard output that cannot be written; of concord-cts: not green
  kUsage = 2,
  kBadModel = 3,
  kNoMemory = 4,
  kDevice = 5,
  kInterrupted = 130,
};

// Statuses that carry their exit code, for where the status code alone does not tell whose fault it is.
absl::Status UsageError(absl::string_view message);
absl::Status DeviceError(absl::string_view message);
absl::Status NotGreen();       // ends the program without a message: the report has said what is wrong
absl::Status Interrupted();    // ends the program without a message
absl::Status NobodyListens();  // so does this, as success: whoever read our output has had enough (head -1)

// The status of reading or running a model: what is wrong with the file has code 3; memory, devices, cancellation and
// limits that the user chose (OutOfRange) keep theirs.
absl::Status ModelError(const absl::Status& status);
// The status of what ran: data that was lost on its way between devices (DataLoss) is theirs, the rest as ModelError.
absl::Status RunError(const absl::Status& status);
// The status of a request: what the engine refuses is what the user asked for.
absl::Status RequestError(const absl::Status& status);

ExitCode ExitCodeOf(const absl::Status& status);

}  // namespace concord::cli

#include "runtime/cli/exit_code.h"

#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"

namespace concord::cli {
namespace {

constexpr absl::string_view kPayload = "concord.exit_code";

absl::Status With(absl::Status status, ExitCode code) {
  status.SetPayload(kPayload, absl::Cord(std::to_string(static_cast<int>(code))));
  return status;
}

bool HasCode(const absl::Status& status) { return status.GetPayload(kPayload).has_value(); }

ExitCode ByStatusCode(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kOk:
      return ExitCode::kDone;
    case absl::StatusCode::kCancelled:
      return ExitCode::kInterrupted;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kFailedPrecondition:
      return ExitCode::kUsage;
    case absl::StatusCode::kUnimplemented:
    case absl::StatusCode::kDataLoss:
      return ExitCode::kBadModel;
    case absl::StatusCode::kResourceExhausted:
      return ExitCode::kNoMemory;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kDeadlineExceeded:
      return ExitCode::kDevice;
    default:
      return ExitCode::kBug;
  }
}

}  // namespace

absl::Status UsageError(absl::string_view message) {
  return With(absl::InvalidArgumentError(message), ExitCode::kUsage);
}

absl::Status DeviceError(absl::string_view message) { return With(absl::UnavailableError(message), ExitCode::kDevice); }

absl::Status NotGreen() { return With(absl::AbortedError(""), ExitCode::kBug); }

absl::Status Interrupted() { return absl::CancelledError(""); }

absl::Status NobodyListens() { return With(absl::AbortedError(""), ExitCode::kDone); }

absl::Status ModelError(const absl::Status& status) {
  if (status.ok() || HasCode(status)) return status;
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kUnimplemented:
    case absl::StatusCode::kDataLoss:
      return With(status, ExitCode::kBadModel);
    default:
      return status;
  }
}

absl::Status RunError(const absl::Status& status) {
  if (status.ok() || HasCode(status)) return status;
  return absl::IsDataLoss(status) ? With(status, ExitCode::kDevice) : ModelError(status);
}

absl::Status RequestError(const absl::Status& status) {
  if (status.ok() || HasCode(status)) return status;
  // No tokenizer is a fault of the file, not of the question.
  return status.code() == absl::StatusCode::kFailedPrecondition ? ModelError(status) : status;
}

ExitCode ExitCodeOf(const absl::Status& status) {
  if (const absl::optional<absl::Cord> payload = status.GetPayload(kPayload); payload.has_value()) {
    int code = 0;
    if (absl::SimpleAtoi(std::string(*payload), &code)) return static_cast<ExitCode>(code);
  }
  return ByStatusCode(status.code());
}

}  // namespace concord::cli

#include "runtime/cts/case_result.h"

#include "absl/strings/cord.h"

namespace concord::cts {
namespace {

constexpr absl::string_view kPayload = "concord.cts.outcome";
constexpr absl::string_view kRefusedMark = "refused", kSkippedMark = "skipped";

absl::Status Marked(absl::string_view mark, absl::string_view reason) {
  absl::Status status = absl::UnimplementedError(reason);
  status.SetPayload(kPayload, absl::Cord(mark));
  return status;
}

}  // namespace

absl::Status Refused(absl::string_view reason) { return Marked(kRefusedMark, reason); }
absl::Status Skipped(absl::string_view reason) { return Marked(kSkippedMark, reason); }

CaseResult ToResult(const absl::Status& status) {
  if (status.ok()) return {Outcome::kPassed, "", 0, 0};
  const std::string message(status.message());
  if (const absl::optional<absl::Cord> mark = status.GetPayload(kPayload); mark.has_value()) {
    return {*mark == kRefusedMark ? Outcome::kRefused : Outcome::kSkipped, message, 0, 0};
  }
  return {Outcome::kFailed, message, 0, 0};
}

absl::Status Expect(bool held, absl::string_view message) {
  return held ? absl::OkStatus() : absl::InternalError(message);
}

absl::Status ExpectCode(const absl::Status& status, absl::StatusCode want, absl::string_view what) {
  if (status.code() == want) return absl::OkStatus();
  return absl::InternalError(
      absl::StrCat(what, ": got ", status.ok() ? "OK" : status.ToString(), ", want ", absl::StatusCodeToString(want)));
}

}  // namespace concord::cts

#include "runtime/cts/op_runner.h"

#include "runtime/cts/one_op.h"

namespace concord::cts {
namespace {

absl::Status AskAndRun(OneOp& run) {
  CONCORD_RETURN_IF_ERROR(run.Build());
  CONCORD_ASSIGN_OR_RETURN(const hal::Support support, run.Query());
  if (!support.ok()) {
    return support.reason.empty()
               ? absl::InternalError("refused without a reason; query must say what stands against it")
               : Refused(support.reason);
  }
  CONCORD_RETURN_IF_ERROR(run.RunReference());
  return Annotate(run.RunDevice(), "query said that the device computes this, and then");
}

}  // namespace

CaseResult RunOpCase(const hal::Device& device, const ops::OpCase& c, uint64_t seed) {
  OneOp run(device, c, seed);
  const absl::Status status = AskAndRun(run);
  return status.ok() ? run.Compare() : ToResult(status);
}

}  // namespace concord::cts

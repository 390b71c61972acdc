#include "runtime/exec/handover_plan.h"

#include <algorithm>

#include "runtime/exec/kv_windows.h"

namespace concord::exec {
namespace {

absl::StatusOr<MemoryNeeds> NeedsOf(const Planner& planner) {
  CONCORD_ASSIGN_OR_RETURN(auto needed, planner.MemoryFor(planner.context(), planner.sequences()));
  return MemoryNeeds{std::move(needed), planner.models()};
}

int64_t StagingOf(const MemoryNeeds& needs) {
  int64_t bytes = 0;
  for (const DeviceMemory& memory : needs.needed) bytes += memory.staging;
  return bytes;
}

int64_t StateCount(const graph::Module& module) {
  int64_t count = 0;
  for (const graph::StateGroup& group : module.state_groups) count += static_cast<int64_t>(group.states.size());
  return count;
}

bool Measured(const Planner& planner) { return !planner.models()[0].rates.empty(); }

}  // namespace

absl::StatusOr<HandoverPlan> PlanHandover(const Planner& prefill, const Planner& decode) {
  HandoverPlan plan{.tokens = prefill.context()};
  plan.bytes_read = plan.tokens * StateBytesPerToken(prefill.module());
  plan.bytes_written = plan.tokens * StateBytesPerToken(decode.module());
  CONCORD_ASSIGN_OR_RETURN(MemoryNeeds needs, NeedsOf(prefill));
  CONCORD_ASSIGN_OR_RETURN(MemoryNeeds more, NeedsOf(decode));
  const int64_t before = StagingOf(needs) + StagingOf(more);
  CONCORD_RETURN_IF_ERROR(AddWindows({&prefill.module(), &prefill.devices()}, {&decode.module(), &decode.devices()},
                                     decode.context(), &needs.needed, &more.needed));
  plan.staging_bytes = StagingOf(needs) + StagingOf(more) - before;
  needs.Add(std::move(more));
  plan.fits = FitsAll(needs.needed, needs.models);
  if (!plan.fits) plan.lack = LackSentence(needs.needed, needs.models);
  plan.copies_predicted = Measured(prefill) && Measured(decode);
  if (!plan.copies_predicted) return plan;
  // State by state. What is written is read back from the same device, one after the other; the next state comes off
  // the first device meanwhile, so that only the first is waited for (KvHandover).
  const int64_t n = std::max<int64_t>(1, StateCount(prefill.module()));
  const auto copy = [n](const Planner& side, int64_t bytes) {
    return side.models()[0].CopySeconds(static_cast<double>(bytes) / static_cast<double>(n));
  };
  const double read = copy(prefill, plan.bytes_read), write = 2 * copy(decode, plan.bytes_written);
  plan.seconds = read + write + static_cast<double>(n - 1) * std::max(read, write);
  return plan;
}

}  // namespace concord::exec

#pragma once

#include <memory>
#include <vector>

#include "backends/cpu/step_builder.h"
#include "backends/cpu/step_runner.h"
#include "backends/sdk/sdk.h"
#include "kernels/cpu/kernel_table.h"

namespace concord::cpu {

// A program with capacities fixed: its steps, what each waits for, and where the plugin's own scratch lies behind the
// planned part of the workspace.
class CpuPrepared final : public sdk::HostPrepared {
 public:
  static sdk::Result<std::unique_ptr<sdk::Prepared>> Make(const sdk::Host* host, sdk::TraceSource* trace,
                                                          std::shared_ptr<const sdk::GraphCopy> graph,
                                                          const concord_prepare_args& args,
                                                          concord_prepare_result* result);

  sdk::Status Check(const sdk::Work& work) override { return bindings_.Check(work, workspace_bytes_); }
  sdk::Status Execute(const sdk::Work& work) override;

 private:
  CpuPrepared(const sdk::Host* host, sdk::TraceSource* trace, std::shared_ptr<const sdk::GraphCopy> graph,
              sdk::HostBindings bindings);

  sdk::Status Build();
  // Outputs that nobody reads have no place in the host's plan; they get scratch.
  void PlaceUnread(StepBuilder* builder);
  void PlanScratch(const StepBuilder& builder);
  std::vector<StepRunner::Item> Order() const;
  void TraceOps();

  const sdk::Host* host_;
  sdk::TraceSource* trace_;
  std::shared_ptr<const sdk::GraphCopy> graph_;
  sdk::HostBindings bindings_;
  std::vector<PlannedStep> steps_;
  std::vector<std::unique_ptr<std::vector<float>>> floats_;
  std::vector<std::pair<uint32_t, uint32_t>> unread_;  // value, scratch id
  std::vector<uint64_t> scratch_offsets_, scratch_bytes_;
  uint64_t workspace_bytes_ = 0;
  std::vector<char*> values_;
  Frame frame_;
  std::unique_ptr<StepRunner> runner_;
  std::vector<concord_trace_event> op_events_;
};

}  // namespace concord::cpu

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "backends/gpu/constant.h"
#include "backends/gpu/driver.h"
#include "backends/gpu/launch_builder.h"
#include "backends/sdk/sdk.h"

namespace concord::gpu {

// A program with capacities: its launches, their kernels compiled, scratch placed behind the host's plan.
class Prepared final : public sdk::Prepared {
 public:
  // OUT_OF_RANGE a value larger than a kernel can be bound to.
  static sdk::Result<std::unique_ptr<sdk::Prepared>> Make(Driver* driver, std::shared_ptr<const sdk::GraphCopy> graph,
                                                          const concord_prepare_args& args,
                                                          concord_prepare_result* result);

  // As sdk::ValueBindings.
  sdk::Status Check(const sdk::Work& work) { return bindings_.Check(work, workspace_bytes_); }
  // The dispatches of a checked submission: the first `*count` of the result, valid until the next call. One thread at
  // a time; allocates nothing once it has run for every op.
  const std::vector<Dispatch>& Resolve(const sdk::Work& work, size_t* count);

  // For messages: the op's place, name and scope.
  std::string OpLabel(uint32_t op_index) const;

 private:
  using Bindings = sdk::ValueBindings<Buffer, Constant>;

  Prepared(Driver* driver, std::shared_ptr<const sdk::GraphCopy> graph, const Limits& limits)
      : driver_(driver), graph_(std::move(graph)), builder_(limits) {}

  sdk::Status Build(const concord_prepare_args& args);
  sdk::Status CheckSizes() const;
  sdk::Status GetKernels();
  void PlaceScratch();
  bool Unplaced(uint32_t value) const;

  int64_t Evaluate(const Size& size, bool at_capacity) const;
  bool Holds(const std::vector<Condition>& when, bool at_capacity) const;
  BoundRange Bind(const Arg& arg) const;
  bool Hazard(const std::vector<BoundRange>& args) const;

  Driver* driver_;
  std::shared_ptr<const sdk::GraphCopy> graph_;
  Bindings bindings_;
  LaunchBuilder builder_;
  std::vector<const Kernel*> kernels_;     // by launch; null where no step can meet its condition
  std::vector<uint64_t> scratch_offsets_;  // by scratch, from the start of the workspace
  uint64_t unread_offset_ = 0;             // where outputs go that nothing reads
  uint64_t workspace_bytes_ = 0;
  std::vector<Dispatch> dispatches_;
  std::vector<BoundRange> since_barrier_;  // touched since the last barrier
};

}  // namespace concord::gpu

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/exec/capacities.h"
#include "runtime/exec/loaded_part.h"
#include "runtime/graph/device_model.h"
#include "runtime/loader/model_source.h"

namespace concord::exec {

// What running a model takes on one device. In bytes.
struct DeviceMemory {
  int64_t weights_mapped = 0;  // used in the file where they lie: page cache, not the process's own
  int64_t weights_made = 0;    // converted, transposed, or copied to the device
  int64_t kv = 0;
  int64_t activations = 0;         // the planned part of the workspace
  std::optional<int64_t> scratch;  // what the device adds to it; unset: it does not say before weights are there
  int64_t io = 0;                  // inputs, logits and values of cuts
  // Of the host's memory, whichever the device's: what copies to and from it go through, the twins of io and the
  // windows of a hand-over.
  int64_t staging = 0;

  int64_t on_device() const { return weights_made + kv + activations + scratch.value_or(0) + io; }
  int64_t resident() const { return on_device() + staging; }
};

// Whether every device has what it needs; those that use host memory share what is free of it with the staging memory
// of all.
bool FitsAll(const std::vector<DeviceMemory>& needed, const std::vector<graph::DeviceModel>& models);

// What devices need and what they have.
struct MemoryNeeds {
  std::vector<DeviceMemory> needed;
  std::vector<graph::DeviceModel> models;

  static absl::StatusOr<MemoryNeeds> Of(const loader::ModelSource& source, const Parts& parts,
                                        const std::vector<std::shared_ptr<hal::Device>>& devices,
                                        std::vector<graph::DeviceModel> models, const StepCapacities& capacities);
  void Add(MemoryNeeds more);  // of other devices
  // ResourceExhausted where it does not fit: which device lacks how much, for what, and what to change.
  absl::Status Check() const;
};
// "cpu:0 has 1.2 GiB free, and 3.4 GiB are needed: 2.1 GiB of weights, ..." for each device that lacks memory.
std::string LackSentence(const std::vector<DeviceMemory>& needed, const std::vector<graph::DeviceModel>& models);

// Tells the memory of a compiled model for any sizes, before a weight is read. Keeps stand-ins of the weights: address
// space, no memory.
class ModelMemory {
 public:
  // `parts` and `source` outlive this.
  static absl::StatusOr<ModelMemory> Make(const loader::ModelSource& source, const Parts& parts,
                                          std::vector<std::shared_ptr<hal::Device>> devices);

  // By device, for steps of these sizes of which `slots` pieces may be in flight (StepRunner).
  absl::StatusOr<std::vector<DeviceMemory>> For(const StepCapacities& capacities) const;

 private:
  absl::Status AddWeights(const loader::ModelSource& source);
  absl::Status MakeStandIns();
  absl::Status AddPart(size_t part, const graph::SymbolValues& symbols, int64_t slots, DeviceMemory* memory) const;
  std::optional<int64_t> ScratchOf(size_t part, const graph::MemoryPlan& plan,
                                   const graph::SymbolValues& capacities) const;

  const Parts* parts_ = nullptr;
  std::vector<std::shared_ptr<hal::Device>> devices_;
  std::vector<DeviceMemory> weights_;                  // by device, nothing but weights
  std::shared_ptr<const void> zeros_;                  // what stand-ins point to
  std::vector<std::vector<hal::Constant>> stand_ins_;  // by part, one a weight; empty where a device would copy them
};

}  // namespace concord::exec

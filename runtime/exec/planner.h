#pragma once

#include <memory>
#include <string>
#include <vector>

#include "concord/concord.h"
#include "runtime/exec/devices.h"
#include "runtime/exec/model_graph.h"
#include "runtime/exec/model_memory.h"
#include "runtime/exec/step_time.h"

namespace concord::exec {

// A model placed and compiled with no weight read, to ask what it would take and how fast it would be.
class Planner {
 public:
  // Opens the file and the devices, and measures those that have not been measured before. One that cannot be measured
  // has no speeds, and the plan says why.
  static absl::StatusOr<std::unique_ptr<Planner>> Make(const std::string& path, const LoadOptions& options,
                                                       const EngineOptions& engine);
  // What is open already, with figures of the devices; figures without speeds give a plan without times.
  static absl::StatusOr<std::unique_ptr<Planner>> Make(std::unique_ptr<loader::ModelSource> source,
                                                       std::vector<std::shared_ptr<hal::Device>> devices,
                                                       std::vector<graph::DeviceModel> models,
                                                       const LoadOptions& options, const EngineOptions& engine);
  Planner(const Planner&) = delete;
  Planner& operator=(const Planner&) = delete;

  absl::StatusOr<Plan> MakePlan() const;
  // By device, for `sequences` with a context each.
  absl::StatusOr<std::vector<DeviceMemory>> MemoryFor(int64_t context, int64_t sequences) const;
  // Where every intermediate value of a part lies.
  absl::StatusOr<graph::MemoryPlan> WorkspaceOf(const LoadedPart& part) const;
  // A step of an engine with these options. `max_tokens` and `context` of `sizes` are filled in.
  absl::StatusOr<StepPrediction> Predict(StepSizes sizes) const;
  StepSizes DecodeSizes() const;   // each sequence one token, all contexts full
  StepSizes PrefillSizes() const;  // a full step of one prompt

  const loader::ModelSource& source() const { return *source_; }
  const graph::Module& module() const { return graph_.module; }
  const Parts& parts() const { return placed_.compiled.parts; }
  const std::vector<std::shared_ptr<hal::Device>>& devices() const { return devices_; }
  const std::vector<graph::DeviceModel>& models() const { return models_; }
  int64_t context() const { return graph_.context; }
  int64_t sequences() const { return engine_.max_sequences; }

 private:
  Planner() = default;
  absl::Status Prepare(const LoadOptions& options);
  absl::StatusOr<StepCapacities> Capacities(int64_t context, int64_t sequences) const;
  void AddDevices(const std::vector<DeviceMemory>& memory, const StepPrediction& decode, const StepPrediction& prefill,
                  Plan* plan) const;
  absl::Status AddLimits(Plan* plan) const;
  void AddDisk(Plan* plan) const;
  absl::StatusOr<bool> Fits(int64_t context, int64_t sequences) const;
  std::vector<int32_t> DeviceOfUnit() const;
  int32_t DeviceOfExperts(const std::vector<int32_t>& device_of_unit) const;

  std::unique_ptr<loader::ModelSource> source_;
  ModelGraph graph_;
  std::vector<std::shared_ptr<hal::Device>> devices_;
  std::vector<graph::DeviceModel> models_;
  EngineOptions engine_;
  Placed placed_;
  std::optional<ModelMemory> memory_;
  std::string unmeasured_;  // why there are no speeds
  std::string path_;        // of the file; empty: unknown
  std::string kv_type_;
};

}  // namespace concord::exec

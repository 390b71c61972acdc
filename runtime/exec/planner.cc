#include "runtime/exec/planner.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "runtime/base/mmap.h"
#include "runtime/base/scaled_text.h"
#include "runtime/exec/device_models.h"
#include "runtime/exec/micro_batch.h"
#include "runtime/graph/memory_plan.h"
#include "runtime/graph/placement.h"

namespace concord::exec {
namespace {

constexpr int64_t kMaxTokens = INT32_MAX - kBlockTokens;  // of all sequences, as CapacitiesFor has it

// The largest number in [1, most] that `fits` holds for, which holds for all below it; 0: none.
absl::StatusOr<int64_t> Largest(int64_t most, const std::function<absl::StatusOr<bool>(int64_t)>& fits) {
  int64_t largest = 0;
  for (int64_t low = 1, high = most; low <= high;) {
    const int64_t middle = low + (high - low) / 2;
    CONCORD_ASSIGN_OR_RETURN(const bool ok, fits(middle));
    if (ok) {
      largest = middle, low = middle + 1;
    } else {
      high = middle - 1;
    }
  }
  return largest;
}

bool HasSpeeds(const std::vector<graph::DeviceModel>& models) {
  return std::all_of(models.begin(), models.end(), [](const auto& m) { return !m.rates.empty(); });
}

}  // namespace

absl::StatusOr<std::unique_ptr<Planner>> Planner::Make(const std::string& path, const LoadOptions& options,
                                                       const EngineOptions& engine) {
  if (!options.decode_device.empty()) {
    return absl::UnimplementedError("a planner is for one side of a hand-over; PlanHandover is for both");
  }
  CONCORD_ASSIGN_OR_RETURN(auto source, OpenSource(path, {.no_weights = true}));
  CONCORD_ASSIGN_OR_RETURN(auto devices, OpenDevices(options));
  absl::StatusOr<std::vector<graph::DeviceModel>> measured = MeasuredModels(devices);
  const std::string unmeasured(measured.status().message());
  auto models = measured.ok() ? *std::move(measured) : DescribedModels(devices);
  CONCORD_ASSIGN_OR_RETURN(auto planner,
                           Make(std::move(source), std::move(devices), std::move(models), options, engine));
  planner->path_ = path;
  planner->unmeasured_ = unmeasured;
  return planner;
}

absl::StatusOr<std::unique_ptr<Planner>> Planner::Make(std::unique_ptr<loader::ModelSource> source,
                                                       std::vector<std::shared_ptr<hal::Device>> devices,
                                                       std::vector<graph::DeviceModel> models,
                                                       const LoadOptions& options, const EngineOptions& engine) {
  auto planner = std::unique_ptr<Planner>(new Planner);
  planner->source_ = std::move(source);
  planner->devices_ = std::move(devices);
  planner->models_ = std::move(models);
  planner->engine_ = engine;
  CONCORD_RETURN_IF_ERROR(planner->Prepare(options));
  return planner;
}

absl::Status Planner::Prepare(const LoadOptions& options) {
  CONCORD_ASSIGN_OR_RETURN(graph_, BuildGraph(*source_, options));
  kv_type_ = options.kv_type;
  CONCORD_ASSIGN_OR_RETURN(PlacementCase wanted, CaseOf(options, engine_, graph_.context));
  CONCORD_ASSIGN_OR_RETURN(wanted.capacities, Capacities(graph_.context, sequences()));
  CONCORD_ASSIGN_OR_RETURN(placed_, PlaceOnDevices(*source_, graph_.module, devices_, models_, options, wanted));
  CONCORD_ASSIGN_OR_RETURN(memory_, ModelMemory::Make(*source_, parts(), devices_));
  return absl::OkStatus();
}

absl::StatusOr<StepCapacities> Planner::Capacities(int64_t context, int64_t sequences) const {
  EngineOptions options = engine_;
  options.max_sequences = sequences;
  options.kv_tokens = sequences * context;
  return CapacitiesFor(options, context, graph_.module.state_groups[0].block_tokens);
}

absl::StatusOr<std::vector<DeviceMemory>> Planner::MemoryFor(int64_t context, int64_t sequences) const {
  CONCORD_ASSIGN_OR_RETURN(const StepCapacities capacities, Capacities(context, sequences));
  return memory_->For(capacities);
}

absl::StatusOr<graph::MemoryPlan> Planner::WorkspaceOf(const LoadedPart& part) const {
  CONCORD_ASSIGN_OR_RETURN(const StepCapacities capacities, Capacities(context(), sequences()));
  const int64_t slots = SlotCount(devices_, capacities.n_tokens);
  const graph::Graph& graph = part.module.main;
  return graph::PlanMemory(graph, graph::WholeGraph(graph), OfOnePiece(capacities, slots).symbols(),
                           std::max<uint64_t>(64, part.device->info().binding_align_bytes));
}

absl::StatusOr<StepPrediction> Planner::Predict(StepSizes sizes) const {
  CONCORD_ASSIGN_OR_RETURN(const StepCapacities capacities, Capacities(context(), sequences()));
  sizes.max_tokens = capacities.n_tokens;
  sizes.context = context();
  return PredictStep(parts(), devices_, models_, sizes);
}

StepSizes Planner::DecodeSizes() const {
  return {.tokens = sequences(), .seqs = sequences(), .outputs = sequences(), .kv_len = context()};
}

StepSizes Planner::PrefillSizes() const {
  const int64_t tokens = std::max<int64_t>(1, std::min(engine_.max_tokens_in_flight, context()));
  return {.tokens = tokens, .seqs = 1, .outputs = 1, .kv_len = std::max<int64_t>(1, tokens / 2)};
}

absl::StatusOr<bool> Planner::Fits(int64_t context, int64_t sequences) const {
  CONCORD_ASSIGN_OR_RETURN(const std::vector<DeviceMemory> memory, MemoryFor(context, sequences));
  return FitsAll(memory, models_);
}

// By unit: where most of it runs, which is where it was placed unless its device refuses almost all.
std::vector<int32_t> Planner::DeviceOfUnit() const {
  const int64_t layers = graph::LayerCount(graph_.module.main);
  std::vector<std::vector<int>> nodes(static_cast<size_t>(layers) + 2, std::vector<int>(devices_.size()));
  bool after_layers = false;
  for (const auto& part : parts()) {
    for (const graph::Unit& unit : graph::UnitsOf(part->module.main, after_layers)) {
      ++nodes[UnitIndex(unit, layers)][part->device_index];
    }
    after_layers = after_layers || graph::LayerCount(part->module.main) > 0;
  }
  std::vector<int32_t> device_of;
  for (const std::vector<int>& counts : nodes) {
    device_of.push_back(static_cast<int32_t>(std::max_element(counts.begin(), counts.end()) - counts.begin()));
  }
  return device_of;
}

// The device on which all experts run apart from the rest of their layers; -1 where there is none such.
int32_t Planner::DeviceOfExperts(const std::vector<int32_t>& device_of_unit) const {
  const int64_t layers = graph::LayerCount(graph_.module.main);
  int32_t device = -1;
  bool apart = false;
  for (const auto& part : parts()) {
    for (const graph::Unit& unit : graph::UnitsOf(part->module.main)) {
      if (!unit.expert) continue;
      const auto here = static_cast<int32_t>(part->device_index);
      if (device >= 0 && device != here) return -1;
      device = here;
      apart = apart || device_of_unit[UnitIndex(unit, layers)] != device;
    }
  }
  return apart ? device : -1;
}

void Planner::AddDevices(const std::vector<DeviceMemory>& memory, const StepPrediction& decode,
                         const StepPrediction& prefill, Plan* plan) const {
  const std::vector<int32_t> device_of = DeviceOfUnit();
  const int32_t experts = DeviceOfExperts(device_of);
  std::vector<std::string> names;
  for (size_t d = 0; d < devices_.size(); ++d) {
    names.push_back(devices_[d]->id());
    std::vector<bool> mine;
    for (const int32_t device : device_of) mine.push_back(device == static_cast<int32_t>(d));
    std::string units = graph::UnitsText(mine);
    if (experts == static_cast<int32_t>(d)) absl::StrAppend(&units, units.empty() ? "" : ", ", "experts");
    const DeviceMemory& m = memory[d];
    plan->devices.push_back({.device = names[d],
                             .units = std::move(units),
                             .weight_bytes_mapped = m.weights_mapped,
                             .weight_bytes_made = m.weights_made,
                             .kv_bytes = m.kv,
                             .activation_bytes = m.activations,
                             .scratch_bytes = m.scratch.value_or(-1),
                             .io_bytes = m.io,
                             .staging_bytes = m.staging,
                             .free_bytes = models_[d].free_bytes});
  }
  plan->place = graph::PlacementText(device_of, names);
  if (experts >= 0) plan->place = absl::StrCat("experts=", names[experts], "; ", plan->place);
  if (!HasSpeeds(models_)) return;
  for (size_t p = 0; p < parts().size(); ++p) {
    PlanDevice& device = plan->devices[parts()[p]->device_index];
    device.decode_seconds += decode.part_seconds[p];
    device.prefill_seconds += prefill.part_seconds[p];
    if (decode.part_out_bytes[p] == 0 && prefill.part_out_bytes[p] == 0) continue;
    plan->cuts.push_back({device.device, decode.part_out_bytes[p], prefill.part_out_bytes[p]});
  }
  plan->decode_seconds = decode.seconds;
  plan->prefill_seconds = prefill.seconds;
}

// Weights in the file that memory does not hold are read again in every step: whoever goes through more than there is
// in a circle, under a replacement by age, never finds what he needs.
void Planner::AddDisk(Plan* plan) const {
  int64_t mapped = 0, free = -1, taken = 0;
  for (size_t d = 0; d < devices_.size(); ++d) {
    taken += models_[d].host_memory ? plan->devices[d].resident_bytes() : plan->devices[d].staging_bytes;
    if (!models_[d].host_memory || models_[d].free_bytes < 0) continue;
    mapped += plan->devices[d].weight_bytes_mapped;
    free = models_[d].free_bytes;
  }
  const int64_t left = free - taken;
  if (free < 0 || left < 0 || mapped <= left || !plan->fits) return;
  const std::string what =
      absl::StrCat(BytesText(static_cast<double>(mapped)), " of weights stay in the file, but only ",
                   BytesText(static_cast<double>(left)), " of memory are left to keep them in: ");
  const double rate = path_.empty() ? 0 : MeasureFileRead(path_);
  if (rate == 0) {
    plan->remarks.push_back(absl::StrCat(what, "every step reads them from the disk"));
    return;
  }
  const double seconds = static_cast<double>(mapped) / rate;
  plan->decode_seconds += seconds;
  plan->prefill_seconds += seconds;
  plan->remarks.push_back(
      absl::StrCat(what, "every step reads them from the disk, at ", BytesText(rate), "/s as measured now"));
}

absl::Status Planner::AddLimits(Plan* plan) const {
  int64_t most = kMaxTokens / std::max<int64_t>(1, sequences());
  if (graph_.module.max_context > 0) most = std::min(most, graph_.module.max_context);
  CONCORD_ASSIGN_OR_RETURN(plan->largest_context,
                           Largest(most, [&](int64_t context) { return Fits(context, sequences()); }));
  const int64_t most_sequences = std::min<int64_t>(kMaxTokens / std::max<int64_t>(1, context()), 1 << 16);
  CONCORD_ASSIGN_OR_RETURN(plan->largest_sequences,
                           Largest(most_sequences, [&](int64_t sequences) { return Fits(context(), sequences); }));
  if (plan->fits) return absl::OkStatus();
  if (plan->largest_context > 0) {
    plan->advice.push_back(absl::StrCat("it would fit with --context ", plan->largest_context));
  }
  if (plan->largest_sequences > 0 && sequences() > 1) {
    plan->advice.push_back(absl::StrCat("it would fit with ", plan->largest_sequences, " sequences at once"));
  }
  if (kv_type_ != "q8_0") {
    int64_t kv = 0;
    for (const PlanDevice& device : plan->devices) kv += device.kv_bytes;
    const double factor = (kv_type_ == "f32" ? 4.0 : 2.0) * 32 / 34;
    plan->advice.push_back(
        absl::StrCat("--kv-type q8_0 would save ", BytesText(static_cast<double>(kv) * (1 - 1 / factor)), " of KV"));
  }
  return absl::OkStatus();
}

absl::StatusOr<Plan> Planner::MakePlan() const {
  Plan plan{.model = source_->name(),
            .architecture = source_->architecture(),
            .context = context(),
            .sequences = sequences()};
  CONCORD_ASSIGN_OR_RETURN(const StepCapacities capacities, Capacities(context(), sequences()));
  plan.step_tokens = capacities.n_tokens;
  CONCORD_ASSIGN_OR_RETURN(const std::vector<DeviceMemory> memory, memory_->For(capacities));
  CONCORD_ASSIGN_OR_RETURN(const StepPrediction decode, Predict(DecodeSizes()));
  CONCORD_ASSIGN_OR_RETURN(const StepPrediction prefill, Predict(PrefillSizes()));
  AddDevices(memory, decode, prefill, &plan);
  for (const MovedOp& m : placed_.compiled.moved) plan.moved.push_back({m.op, m.wished, m.device, m.reason, m.scopes});
  plan.alternatives = placed_.alternatives;
  plan.fits = FitsAll(memory, models_);
  if (!unmeasured_.empty()) plan.remarks.push_back(absl::StrCat("not measured: ", unmeasured_));
  if (!placed_.remark.empty()) plan.remarks.push_back(placed_.remark);
  if (!plan.fits) plan.remarks.push_back(LackSentence(memory, models_));
  AddDisk(&plan);
  CONCORD_RETURN_IF_ERROR(AddLimits(&plan));
  for (const auto& part : parts()) {
    if (!part->decoded.empty()) plan.remarks.push_back(DecodedSentence(part->decoded, part->device->id()));
  }
  return plan;
}

}  // namespace concord::exec

namespace concord {

absl::StatusOr<Plan> MakePlan(const std::string& path, const LoadOptions& options, const EngineOptions& engine) {
  try {
    CONCORD_ASSIGN_OR_RETURN(const auto planner, exec::Planner::Make(path, options, engine));
    return planner->MakePlan();
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(absl::StrCat(path, ": out of memory while planning"));
  }
}

}  // namespace concord

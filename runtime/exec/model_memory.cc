#include "runtime/exec/model_memory.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "runtime/base/mmap.h"
#include "runtime/base/scaled_text.h"
#include "runtime/exec/from_device.h"
#include "runtime/exec/micro_batch.h"
#include "runtime/exec/step_inputs.h"
#include "runtime/graph/memory_plan.h"
#include "runtime/graph/split.h"

namespace concord::exec {
namespace {

bool IsMapped(const loader::ModelSource& source, const graph::Weight& weight, const ops::TensorType& type) {
  if (source.format() == loader::Format::kSynthetic) return false;  // made in memory
  const loader::Tensor* tensor = weight.source.tensor.empty() ? nullptr : source.Find(weight.source.tensor);
  return tensor != nullptr && UsedInPlace(weight.source, *tensor, type);
}

int64_t OfHost(const DeviceMemory& needed, const graph::DeviceModel& model) {
  return model.host_memory ? needed.resident() : needed.staging;
}

}  // namespace

bool FitsAll(const std::vector<DeviceMemory>& needed, const std::vector<graph::DeviceModel>& models) {
  int64_t host = 0, host_free = -1;
  for (size_t d = 0; d < needed.size(); ++d) {
    const int64_t free = models[d].free_bytes;
    host += OfHost(needed[d], models[d]);
    if (free < 0) continue;
    if (needed[d].on_device() > free) return false;
    if (!models[d].host_memory) continue;
    host_free = host_free < 0 ? free : std::min(host_free, free);
  }
  return host_free < 0 || host <= host_free;
}

std::string LackSentence(const std::vector<DeviceMemory>& needed, const std::vector<graph::DeviceModel>& models) {
  const auto mib = [](int64_t bytes) { return BytesText(static_cast<double>(bytes)); };
  std::string text;
  int64_t host = 0, host_free = 0;
  for (size_t d = 0; d < needed.size(); ++d) {
    const DeviceMemory& m = needed[d];
    host += OfHost(m, models[d]);
    if (models[d].host_memory) host_free = models[d].free_bytes;
    if (models[d].free_bytes < 0 || m.on_device() <= models[d].free_bytes) continue;
    absl::StrAppend(&text, text.empty() ? "" : "; ", models[d].id, " has ", mib(models[d].free_bytes), " free, but ",
                    mib(m.on_device()), " are needed: ", mib(m.weights_made), " of weights, ", mib(m.kv),
                    " of KV cache, ", mib(m.activations + m.scratch.value_or(0)), " of activations, ", mib(m.io),
                    " for inputs and outputs");
  }
  if (text.empty()) {
    text = absl::StrCat("the machine has ", mib(host_free), " free, but all devices that use its memory need ",
                        mib(host), " with what copies go through");
  }
  return text;
}

absl::StatusOr<MemoryNeeds> MemoryNeeds::Of(const loader::ModelSource& source, const Parts& parts,
                                            const std::vector<std::shared_ptr<hal::Device>>& devices,
                                            std::vector<graph::DeviceModel> models, const StepCapacities& capacities) {
  CONCORD_ASSIGN_OR_RETURN(const ModelMemory memory, ModelMemory::Make(source, parts, devices));
  CONCORD_ASSIGN_OR_RETURN(std::vector<DeviceMemory> needed, memory.For(capacities));
  return MemoryNeeds{std::move(needed), std::move(models)};
}

void MemoryNeeds::Add(MemoryNeeds more) {
  needed.insert(needed.end(), more.needed.begin(), more.needed.end());
  std::move(more.models.begin(), more.models.end(), std::back_inserter(models));
}

absl::Status MemoryNeeds::Check() const {
  if (FitsAll(needed, models)) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat(
      LackSentence(needed, models),
      "; ask for a shorter context, a smaller KV type or smaller weights, or give it more devices (run-model plan)"));
}

absl::StatusOr<ModelMemory> ModelMemory::Make(const loader::ModelSource& source, const Parts& parts,
                                              std::vector<std::shared_ptr<hal::Device>> devices) {
  ModelMemory memory;
  memory.parts_ = &parts;
  memory.devices_ = std::move(devices);
  CONCORD_RETURN_IF_ERROR(memory.AddWeights(source));
  CONCORD_RETURN_IF_ERROR(memory.MakeStandIns());
  return memory;
}

absl::Status ModelMemory::AddWeights(const loader::ModelSource& source) {
  weights_.resize(devices_.size());
  std::vector<std::set<std::pair<std::string, const packing::Packing*>>> seen(devices_.size());
  for (const auto& part : *parts_) {
    const bool in_place = part->device->info().has(CONCORD_DEVICE_HOST_MEMORY);
    DeviceMemory& here = weights_[part->device_index];
    for (const graph::Weight& weight : part->module.weights) {
      const graph::Value& value = part->module.main.value(weight.value);
      if (!seen[part->device_index].emplace(value.name, value.type.packing).second) continue;
      CONCORD_ASSIGN_OR_RETURN(const int64_t bytes, graph::ResolveBytes(value.type, {}));
      (in_place && IsMapped(source, weight, value.type) ? here.weights_mapped : here.weights_made) += bytes;
    }
  }
  return absl::OkStatus();
}

// Constants of the right types and shapes without their bytes: a device that uses weights where they lie can be asked
// to prepare, and says how much memory it wants, before any weight is read.
absl::Status ModelMemory::MakeStandIns() {
  stand_ins_.resize(parts_->size());
  int64_t largest = 1;
  for (const auto& part : *parts_) {
    for (const graph::Weight& weight : part->module.weights) {
      CONCORD_ASSIGN_OR_RETURN(const int64_t bytes,
                               graph::ResolveBytes(part->module.main.value(weight.value).type, {}));
      largest = std::max(largest, bytes);
    }
  }
  zeros_ = ZeroPages(largest);
  if (zeros_ == nullptr) return absl::OkStatus();  // the plan then goes without
  for (size_t p = 0; p < parts_->size(); ++p) {
    const LoadedPart& part = *(*parts_)[p];
    if (!part.device->info().has(CONCORD_DEVICE_HOST_MEMORY)) continue;
    for (const graph::Weight& weight : part.module.weights) {
      const graph::Value& value = part.module.main.value(weight.value);
      CONCORD_ASSIGN_OR_RETURN(const int64_t bytes, graph::ResolveBytes(value.type, {}));
      CONCORD_ASSIGN_OR_RETURN(
          stand_ins_[p].emplace_back(),
          FromDevice(part.device->CreateConstant(DescribeConstant(value.type, value.name, zeros_.get(), bytes))));
    }
  }
  return absl::OkStatus();
}

std::optional<int64_t> ModelMemory::ScratchOf(size_t index, const graph::MemoryPlan& plan,
                                              const graph::SymbolValues& capacities) const {
  const LoadedPart& part = *(*parts_)[index];
  if (stand_ins_[index].size() != part.module.weights.size() || zeros_ == nullptr ||
      !part.device->info().has(CONCORD_DEVICE_HOST_MEMORY)) {
    return std::nullopt;
  }
  std::vector<concord_symbol_value> symbols;
  for (const auto& [name, value] : capacities) {
    const uint32_t symbol = part.lowered->symbol(name);
    if (symbol != CONCORD_NONE) symbols.push_back({symbol, 0, value});
  }
  std::vector<concord_binding> constants;
  for (size_t i = 0; i < stand_ins_[index].size(); ++i) {
    constants.push_back(stand_ins_[index][i].Bind(part.lowered->slot(part.module.weights[i].value)));
  }
  const absl::StatusOr<hal::Prepared> prepared =
      part.program.Prepare({.capacities = symbols,
                            .bindings = constants,
                            .value_offsets = part.lowered->ValueOffsets(plan),
                            .planned_bytes = plan.total_bytes});
  if (!prepared.ok()) return std::nullopt;
  return static_cast<int64_t>(prepared->workspace_bytes() - plan.total_bytes);
}

absl::Status ModelMemory::AddPart(size_t index, const graph::SymbolValues& symbols, int64_t slots,
                                  DeviceMemory* memory) const {
  const LoadedPart& part = *(*parts_)[index];
  const graph::Graph& graph = part.module.main;
  for (const graph::StateGroup& group : part.module.state_groups) {
    for (const graph::ValueId id : group.states) {
      CONCORD_ASSIGN_OR_RETURN(const int64_t bytes, graph::ResolveBytes(graph.value(id).type, symbols));
      memory->kv += bytes;
    }
  }
  const auto crosses = [&](const ops::TensorType& type) -> absl::Status {
    CONCORD_ASSIGN_OR_RETURN(const int64_t bytes, graph::ResolveBytes(type, symbols));
    memory->io += slots * bytes;
    return absl::OkStatus();
  };
  for (const graph::NamedOutput& output : graph.outputs) {
    CONCORD_RETURN_IF_ERROR(crosses(graph.value(output.value).type));
  }
  for (const graph::Value& value : graph.values) {
    if (value.role == graph::Role::kInput && graph::IsCut(value.name)) CONCORD_RETURN_IF_ERROR(crosses(value.type));
  }
  const uint64_t align = std::max<uint64_t>(64, part.device->info().binding_align_bytes);
  CONCORD_ASSIGN_OR_RETURN(const graph::MemoryPlan plan,
                           graph::PlanMemory(graph, graph::WholeGraph(graph), symbols, align));
  // Parts of one device share a workspace: the largest counts.
  const std::optional<int64_t> scratch = ScratchOf(index, plan, symbols);
  const auto activations = static_cast<int64_t>(plan.total_bytes);
  if (activations + scratch.value_or(0) > memory->activations + memory->scratch.value_or(-1)) {
    memory->activations = activations, memory->scratch = scratch;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<DeviceMemory>> ModelMemory::For(const StepCapacities& capacities) const {
  const int64_t slots = SlotCount(devices_, capacities.n_tokens);
  const graph::SymbolValues symbols = OfOnePiece(capacities, slots).symbols();
  std::vector<DeviceMemory> memory = weights_;
  const std::vector<const LoadedPart*> parts = Pointers(*parts_);
  for (size_t p = 0; p < parts.size(); ++p) {
    CONCORD_RETURN_IF_ERROR(AddPart(p, symbols, slots, &memory[parts[p]->device_index]));
  }
  for (size_t d = 0; d < devices_.size(); ++d) {
    CONCORD_ASSIGN_OR_RETURN(const InputLayout layout, InputLayout::Of(PartsOn(d, parts), symbols));
    memory[d].io += slots * static_cast<int64_t>(layout.total_bytes());
    if (!devices_[d]->info().has(CONCORD_DEVICE_HOST_MEMORY)) memory[d].staging = memory[d].io;
  }
  return memory;
}

}  // namespace concord::exec

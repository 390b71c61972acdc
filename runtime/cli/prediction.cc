#include "runtime/cli/prediction.h"

#include <sys/mman.h>
#include <algorithm>
#include <set>

#include "runtime/cli/exit_code.h"
#include "runtime/cli/host_info.h"
#include "runtime/exec/from_device.h"
#include "runtime/exec/weights.h"
#include "runtime/models/model.h"

namespace concord::cli {
namespace {

constexpr int64_t kMaxTokens = INT32_MAX - exec::kBlockTokens;  // of all sequences, as exec::CapacitiesFor has it

bool IsMapped(const loader::ModelSource& source, const graph::Weight& weight, const ops::TensorType& type) {
  if (source.format() == loader::Format::kSynthetic) return false;  // made in memory
  const loader::Tensor* tensor = weight.source.tensor.empty() ? nullptr : source.Find(weight.source.tensor);
  return tensor != nullptr && exec::UsedInPlace(weight.source, *tensor, type);
}

absl::StatusOr<int64_t> ChooseContext(int64_t asked, int64_t most) {
  absl::StatusOr<int64_t> context = exec::ContextFor(asked, most);
  return context.ok() ? context : UsageError(absl::StrCat("--context: ", context.status().message()));
}

// One token of each sequence, when all contexts are full.
exec::StepCapacities DecodeSizes(exec::StepCapacities capacities) {
  capacities.n_tokens = capacities.n_outputs = capacities.n_seqs;
  return capacities;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Prediction>> Prediction::Make(const ModelOptions& options, int64_t sequences) {
  if (!options.prefill_device.empty() || !options.decode_device.empty()) {
    return UsageError("a hand-over cannot be planned; plan each of its two devices with --device");
  }
  auto p = std::unique_ptr<Prediction>(new Prediction);
  p->sequences_ = sequences;
  p->batch_tokens_ = options.batch_tokens;
  CONCORD_ASSIGN_OR_RETURN(p->source_, OpenModel(options.model, {.no_weights = true}));
  CONCORD_ASSIGN_OR_RETURN(p->context_, ChooseContext(options.context, models::MaxContext(*p->source_).value_or(0)));
  absl::StatusOr<graph::Module> module = models::BuildModule(
      *p->source_, {.kv_packing = options.kv_type, .block_tokens = exec::kBlockTokens, .context_tokens = p->context_});
  if (!module.ok()) return ModelError(module.status());
  p->module_ = *std::move(module);
  p->nodes_before_ = static_cast<int64_t>(p->module_.main.nodes.size());
  CONCORD_ASSIGN_OR_RETURN(const hal::DeviceRegistry registry, FindDevices(options));
  CONCORD_ASSIGN_OR_RETURN(p->device_, exec::FromDevice(registry.Open(options.device)));
  absl::StatusOr<exec::CompiledModule> compiled = exec::CompileModule(&p->module_, *p->device_, options.compute);
  if (!compiled.ok()) return ModelError(compiled.status());
  p->compiled_ = *std::move(compiled);
  CONCORD_RETURN_IF_ERROR(p->StandIns());
  if (p->device_->info().has(CONCORD_DEVICE_SHARES_HOST_CORES)) {
    p->free_bytes_ = static_cast<int64_t>(ReadHostInfo().free_bytes);
  } else if (absl::StatusOr<concord_memory_stats> stats = p->device_->MemoryStats(); stats.ok()) {
    p->free_bytes_ = static_cast<int64_t>(stats->free_bytes);
  }
  return p;
}

absl::StatusOr<exec::StepCapacities> Prediction::Capacities(int64_t context) const {
  const EngineOptions options = {
      .max_tokens_in_flight = batch_tokens_, .max_sequences = sequences_, .kv_tokens = sequences_ * context};
  return exec::CapacitiesFor(options, context);
}

int64_t Prediction::step_tokens(int64_t context) const {
  return Capacities(context).value_or(exec::StepCapacities{}).n_tokens;
}

absl::StatusOr<graph::MemoryPlan> Prediction::PlanFor(int64_t context) const {
  CONCORD_ASSIGN_OR_RETURN(const exec::StepCapacities capacities, Capacities(context));
  return graph::PlanMemory(module_.main, graph::WholeGraph(module_.main), capacities.symbols(),
                           std::max<uint64_t>(64, device_->info().binding_align_bytes));
}

// Constants of the right types and shapes without their bytes: a device that uses weights where they lie can be asked
// to prepare, and says how much memory it wants, before any weight is read.
absl::Status Prediction::StandIns() {
  if (!device_->info().has(CONCORD_DEVICE_HOST_MEMORY)) return absl::OkStatus();
  int64_t largest = 1;
  for (const graph::Weight& weight : module_.weights) {
    CONCORD_ASSIGN_OR_RETURN(const int64_t bytes, graph::ResolveBytes(module_.main.value(weight.value).type, {}));
    largest = std::max(largest, bytes);
  }
  const size_t size = static_cast<size_t>(largest);
  void* zeros = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (zeros == MAP_FAILED) return absl::OkStatus();  // the plan then goes without
  zeros_ = std::shared_ptr<const void>(zeros, [size](const void* p) { ::munmap(const_cast<void*>(p), size); });
  for (const graph::Weight& weight : module_.weights) {
    const graph::Value& value = module_.main.value(weight.value);
    CONCORD_ASSIGN_OR_RETURN(const int64_t bytes, graph::ResolveBytes(value.type, {}));
    CONCORD_ASSIGN_OR_RETURN(
        hal::Constant constant,
        exec::FromDevice(device_->CreateConstant(exec::DescribeConstant(value.type, value.name, zeros, bytes))));
    stand_ins_.push_back(std::move(constant));
  }
  return absl::OkStatus();
}

std::optional<int64_t> Prediction::ScratchBytes(const graph::MemoryPlan& plan,
                                                const graph::SymbolValues& capacities) const {
  if (stand_ins_.empty()) return std::nullopt;
  std::vector<concord_symbol_value> symbols;
  for (const auto& [name, value] : capacities) {
    const uint32_t symbol = compiled_->lowered.symbol(name);
    if (symbol != CONCORD_NONE) symbols.push_back({symbol, 0, value});
  }
  std::vector<concord_binding> constants;
  for (size_t i = 0; i < stand_ins_.size(); ++i) {
    constants.push_back(stand_ins_[i].Bind(compiled_->lowered.slot(module_.weights[i].value)));
  }
  const absl::StatusOr<hal::Prepared> prepared =
      compiled_->program.Prepare({.capacities = symbols,
                                  .bindings = constants,
                                  .value_offsets = compiled_->lowered.ValueOffsets(plan),
                                  .planned_bytes = plan.total_bytes});
  if (!prepared.ok()) return std::nullopt;
  return static_cast<int64_t>(prepared->workspace_bytes() - plan.total_bytes);
}

absl::StatusOr<Memory> Prediction::MemoryFor(int64_t context) const {
  Memory memory;
  CONCORD_ASSIGN_OR_RETURN(const exec::StepCapacities sizes, Capacities(context));
  const graph::SymbolValues capacities = sizes.symbols();
  const bool in_place = device_->info().has(CONCORD_DEVICE_HOST_MEMORY);
  for (const graph::Weight& weight : module_.weights) {
    const ops::TensorType& type = module_.main.value(weight.value).type;
    CONCORD_ASSIGN_OR_RETURN(const int64_t bytes, graph::ResolveBytes(type, capacities));
    (in_place && IsMapped(*source_, weight, type) ? memory.weights_mapped : memory.weights_made) += bytes;
  }
  for (const graph::StateGroup& group : module_.state_groups) {
    for (const graph::ValueId id : group.states) {
      CONCORD_ASSIGN_OR_RETURN(const int64_t bytes, graph::ResolveBytes(module_.main.value(id).type, capacities));
      memory.kv += bytes;
    }
  }
  for (const graph::Value& value : module_.main.values) {
    if (value.role != graph::Role::kInput) continue;
    CONCORD_ASSIGN_OR_RETURN(const int64_t bytes, graph::ResolveBytes(value.type, capacities));
    memory.io += bytes;
  }
  for (const graph::NamedOutput& output : module_.main.outputs) {
    CONCORD_ASSIGN_OR_RETURN(const int64_t bytes,
                             graph::ResolveBytes(module_.main.value(output.value).type, capacities));
    memory.io += bytes;
  }
  CONCORD_ASSIGN_OR_RETURN(const graph::MemoryPlan plan, PlanFor(context));
  memory.activations = static_cast<int64_t>(plan.total_bytes);
  memory.scratch = ScratchBytes(plan, capacities);
  return memory;
}

absl::StatusOr<graph::NodeCost> Prediction::DecodeCost(int64_t context) const {
  CONCORD_ASSIGN_OR_RETURN(const exec::StepCapacities sizes, Capacities(context));
  const graph::SymbolValues symbols = DecodeSizes(sizes).symbols();
  CONCORD_ASSIGN_OR_RETURN(const graph::GraphCost cost, graph::ComputeCost(module_.main, symbols, context));
  return cost.total;
}

absl::StatusOr<int64_t> Prediction::LargestContext() const {
  int64_t fits = 0, most = kMaxTokens / std::max<int64_t>(1, sequences_);
  if (module_.max_context > 0) most = std::min(most, module_.max_context);
  if (free_bytes_ == 0) return most;  // the device does not say
  for (int64_t low = 1, high = most; low <= high;) {
    const int64_t middle = low + (high - low) / 2;
    CONCORD_ASSIGN_OR_RETURN(const Memory memory, MemoryFor(middle));
    if (memory.resident() <= free_bytes_) {
      fits = middle, low = middle + 1;
    } else {
      high = middle - 1;
    }
  }
  return fits;
}

int64_t Prediction::layers() const {
  std::set<std::string> names;
  for (const graph::Node& node : module_.main.nodes) {
    constexpr absl::string_view kLayers = "layers.";
    if (node.scope.compare(0, kLayers.size(), kLayers.data()) != 0) continue;
    names.insert(node.scope.substr(0, node.scope.find('.', kLayers.size())));
  }
  return static_cast<int64_t>(names.size());
}

std::map<std::string, int64_t> Prediction::OpCounts() const {
  std::map<std::string, int64_t> counts;
  for (const graph::Node& node : module_.main.nodes) ++counts[node.op->name];
  return counts;
}

std::map<std::string, int64_t> Prediction::ArithmeticCounts() const {
  std::map<std::string, int64_t> counts;
  for (const std::string& name : compiled_->arithmetic) ++counts[name];
  return counts;
}

}  // namespace concord::cli

#include "runtime/cli/prediction.h"

#include <sys/mman.h>
#include <algorithm>
#include <cstring>
#include <set>

#include "runtime/cli/exit_code.h"
#include "runtime/cli/host_info.h"
#include "runtime/cli/step_sizes.h"
#include "runtime/models/model.h"

namespace concord::cli {
namespace {

// These four are as the engine has them (runtime/exec).
constexpr int64_t kDefaultContext = 8192;
constexpr int64_t kBlockTokens = 32;
constexpr int64_t kScoreRows = 32;
constexpr int64_t kMaxContext = INT32_MAX;

int64_t Blocks(int64_t tokens) { return (tokens + kBlockTokens - 1) / kBlockTokens; }

// Used where it lies in the file, if the device can: the same type, nothing to change.
bool IsMapped(const loader::ModelSource& source, const graph::Weight& weight, const ops::TensorType& type) {
  if (weight.source.tensor.empty() || weight.source.transpose || weight.source.add != 0) return false;
  const loader::Tensor* tensor = source.Find(weight.source.tensor);
  return tensor != nullptr && tensor->type == type.packing;
}

concord_constant_desc Describe(const graph::Value& value, const void* data, int64_t bytes) {
  const ops::TensorType& type = value.type;
  concord_constant_desc desc{};
  desc.flags = CONCORD_CONSTANT_STABLE;
  desc.type = {.packing = {type.packing->name, std::strlen(type.packing->name)},
               .storage = CONCORD_STORAGE_BLOCK,
               .block_elems = type.packing->block_elems,
               .block_bytes = type.packing->block_bytes};
  desc.name = {value.name.data(), value.name.size()};
  desc.rank = static_cast<uint32_t>(type.rank());
  for (int i = 0; i < type.rank(); ++i) desc.dims[i] = type.dims[i].value;
  desc.row_stride_bytes = static_cast<uint64_t>(type.packing->Bytes(type.dims.back().value));
  desc.host_data = data;
  desc.host_size_bytes = static_cast<uint64_t>(bytes);
  return desc;
}

absl::StatusOr<int64_t> ChooseContext(int64_t asked, int64_t most) {
  if (asked > 0 && most > 0 && asked > most) {
    return UsageError(absl::StrCat("--context is ", asked, ", but this model was made for ", most, " tokens"));
  }
  if (asked > 0) return asked;
  return most > 0 ? std::min(most, kDefaultContext) : kDefaultContext;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Prediction>> Prediction::Make(const ModelOptions& options, int64_t sequences) {
  auto p = std::unique_ptr<Prediction>(new Prediction);
  p->sequences_ = sequences;
  p->batch_tokens_ = options.batch_tokens;
  CONCORD_ASSIGN_OR_RETURN(p->source_, OpenModel(options.model, false));
  CONCORD_ASSIGN_OR_RETURN(p->context_, ChooseContext(options.context, models::MaxContext(*p->source_).value_or(0)));
  absl::StatusOr<graph::Module> module = models::BuildModule(
      *p->source_, {.kv_packing = options.kv_type, .block_tokens = kBlockTokens, .context_tokens = p->context_});
  if (!module.ok()) return ModelError(module.status());
  p->module_ = *std::move(module);
  p->nodes_before_ = static_cast<int64_t>(p->module_.main.nodes.size());
  CONCORD_ASSIGN_OR_RETURN(const hal::DeviceRegistry registry, FindDevices(options));
  absl::StatusOr<std::shared_ptr<hal::Device>> device = registry.Open(options.device);
  if (!device.ok()) return DeviceError(device.status().message());
  p->device_ = *std::move(device);
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

int64_t Prediction::step_tokens(int64_t context) const {
  return std::max(std::min(batch_tokens_, std::max(context, sequences_)), sequences_);
}

graph::SymbolValues Prediction::Capacities(int64_t context) const {
  const int64_t tokens = step_tokens(context);
  const int64_t outputs = std::max(sequences_, std::min(kScoreRows, tokens));
  return StepSizes<graph::SymbolValues>(tokens, sequences_, outputs, Blocks(sequences_ * context), Blocks(context));
}

absl::StatusOr<graph::MemoryPlan> Prediction::PlanFor(int64_t context) const {
  return graph::PlanMemory(module_.main, graph::WholeGraph(module_.main), Capacities(context),
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
    CONCORD_ASSIGN_OR_RETURN(hal::Constant constant, device_->CreateConstant(Describe(value, zeros, bytes)));
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
  const graph::SymbolValues capacities = Capacities(context);
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
  const auto symbols =
      StepSizes<graph::SymbolValues>(sequences_, sequences_, sequences_, Blocks(sequences_ * context), Blocks(context));
  CONCORD_ASSIGN_OR_RETURN(const graph::GraphCost cost, graph::ComputeCost(module_.main, symbols, context));
  return cost.total;
}

absl::StatusOr<int64_t> Prediction::LargestContext() const {
  int64_t fits = 0,
          most = module_.max_context > 0 ? module_.max_context : kMaxContext / std::max<int64_t>(1, sequences_);
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

#include "runtime/exec/step_runner.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "runtime/base/memory_block.h"
#include "runtime/exec/from_device.h"
#include "runtime/graph/memory_plan.h"
#include "runtime/graph/sizes.h"
#include "runtime/hal/status.h"

namespace concord::exec {
namespace {

constexpr uint64_t kInputAlign = 256;  // offsets of inputs in their buffer: a multiple of any device's wish

struct InputField {
  const char* name;  // of the graph's input; group inputs end like this
  const std::vector<int32_t> StepBatch::*field;
};
constexpr InputField kInputFields[] = {
    {"tokens", &StepBatch::tokens},          {"positions", &StepBatch::positions},
    {"q_start", &StepBatch::q_start},        {"kv_len", &StepBatch::kv_len},
    {".slots", &StepBatch::slots},           {".block_table", &StepBatch::block_table},
    {"output_rows", &StepBatch::output_rows}};

const InputField* FieldOf(const std::string& name) {
  for (const InputField& f : kInputFields) {
    const size_t n = std::strlen(f.name);
    const bool group = f.name[0] == '.';
    if (group ? name.size() > n && name.compare(name.size() - n, n, f.name) == 0 : name == f.name) return &f;
  }
  return nullptr;
}

// What the device can still give, as far as is known. Host memory is promised freely and only missed when it is used,
// so there the machine's own account decides.
int64_t FreeBytes(const hal::Device& device) {
  if (device.info().has(CONCORD_DEVICE_HOST_MEMORY)) return MemoryBlock::AvailableBytes();
  const absl::StatusOr<concord_memory_stats> stats = device.MemoryStats();
  return stats.ok() && stats->total_bytes > 0 ? static_cast<int64_t>(stats->free_bytes) : -1;
}

}  // namespace

absl::StatusOr<std::unique_ptr<StepRunner>> StepRunner::Create(std::shared_ptr<const LoadedModel> model,
                                                               const StepCapacities& capacities) {
  auto runner = std::unique_ptr<StepRunner>(new StepRunner);
  runner->model_ = std::move(model);
  runner->free_bytes_ = FreeBytes(runner->model_->device());
  CONCORD_RETURN_IF_ERROR(runner->MakeState(capacities));
  CONCORD_RETURN_IF_ERROR(runner->MakeInputs(capacities));
  CONCORD_RETURN_IF_ERROR(runner->Prepare(capacities));
  CONCORD_ASSIGN_OR_RETURN(hal::Semaphore semaphore, FromDevice(runner->model_->device().CreateSemaphore()));
  runner->chain_ = hal::Chain(std::move(semaphore));
  return runner;
}

absl::StatusOr<hal::Buffer> StepRunner::Allocate(int64_t bytes, absl::string_view what) {
  allocated_bytes_ += bytes;
  if (free_bytes_ >= 0 && allocated_bytes_ > free_bytes_) {
    return absl::ResourceExhaustedError(
        absl::StrCat(model_->device().id(), ": ", what, " needs ", bytes >> 20, " MiB, ", allocated_bytes_ >> 20,
                     " MiB with all before it, but ", free_bytes_ >> 20,
                     " MiB are free; ask for a shorter context, fewer sequences or a smaller KV type"));
  }
  absl::StatusOr<hal::Buffer> buffer = FromDevice(model_->device().CreateBuffer(static_cast<uint64_t>(bytes)));
  return buffer.ok() ? std::move(buffer) : Annotate(buffer.status(), absl::StrCat("memory for ", what));
}

absl::Status StepRunner::MakeState(const StepCapacities& capacities) {
  const graph::Module& module = model_->module();
  for (const graph::StateGroup& group : module.state_groups) {
    for (graph::ValueId id : group.states) {
      CONCORD_ASSIGN_OR_RETURN(const int64_t bytes,
                               graph::ResolveBytes(module.main.value(id).type, capacities.symbols()));
      CONCORD_ASSIGN_OR_RETURN(hal::Buffer buffer, Allocate(bytes, "the KV cache"));
      state_bytes_ += bytes;
      states_.push_back(std::move(buffer));
    }
  }
  return absl::OkStatus();
}

// All inputs lie in one buffer, so that one copy brings them to a device with memory of its own. The largest (the block
// tables) are last: what a step leaves unused is then mostly behind the last used byte, and does not travel.
absl::Status StepRunner::MakeInputs(const StepCapacities& capacities) {
  const graph::Graph& graph = model_->module().main;
  for (size_t id = 0; id < graph.values.size(); ++id) {
    const graph::Value& value = graph.values[id];
    if (value.role != graph::Role::kInput) continue;
    const InputField* field = FieldOf(value.name);
    if (field == nullptr)
      return absl::UnimplementedError(absl::StrCat("the graph has an input '", value.name, "' that nothing gives"));
    CONCORD_ASSIGN_OR_RETURN(const int64_t bytes, graph::ResolveBytes(value.type, capacities.symbols()));
    const uint64_t padded = (static_cast<uint64_t>(bytes) + kInputAlign - 1) / kInputAlign * kInputAlign;
    input_fields_.push_back({field->field, model_->lowered().slot(static_cast<graph::ValueId>(id)), padded, 0});
  }
  std::stable_sort(input_fields_.begin(), input_fields_.end(),
                   [](const Input& a, const Input& b) { return a.padded_bytes < b.padded_bytes; });
  uint64_t total = 0;
  for (Input& input : input_fields_) {
    input.offset_bytes = total;
    total += input.padded_bytes;
  }
  CONCORD_ASSIGN_OR_RETURN(hal::Buffer buffer, Allocate(static_cast<int64_t>(total), "the inputs of a step"));
  CONCORD_ASSIGN_OR_RETURN(inputs_, FromDevice(hal::StagedBuffer::Create(std::move(buffer), CONCORD_MAP_WRITE)));
  for (const Input& input : input_fields_) {
    bindings_.push_back(inputs_->buffer().Bind(input.slot, CONCORD_ROLE_INPUT, input.offset_bytes, input.padded_bytes));
  }
  return absl::OkStatus();
}

absl::Status StepRunner::Prepare(const StepCapacities& capacities) {
  const graph::Module& module = model_->module();
  const graph::LoweredProgram& lowered = model_->lowered();
  const graph::SymbolValues symbols = capacities.symbols();
  std::vector<concord_binding> fixed = std::move(bindings_);
  bindings_.clear();
  size_t next_state = 0;
  for (const graph::StateGroup& group : module.state_groups) {
    for (graph::ValueId id : group.states)
      fixed.push_back(states_[next_state++].Bind(lowered.slot(id), CONCORD_ROLE_STATE));
  }
  for (const graph::Weight& w : module.weights)
    fixed.push_back(model_->weights().at(w.value).Bind(lowered.slot(w.value)));
  const graph::ValueId logits = module.main.FindOutput("logits");
  if (logits == graph::kNoValue) return absl::InvalidArgumentError("the graph has no output 'logits'");
  CONCORD_ASSIGN_OR_RETURN(const int64_t logit_bytes, graph::ResolveBytes(module.main.value(logits).type, symbols));
  CONCORD_ASSIGN_OR_RETURN(hal::Buffer buffer, Allocate(logit_bytes, "logits"));
  // Written too: the sampler works where the logits lie.
  CONCORD_ASSIGN_OR_RETURN(
      logits_, FromDevice(hal::StagedBuffer::Create(std::move(buffer), CONCORD_MAP_READ | CONCORD_MAP_WRITE)));
  logit_row_bytes_ = static_cast<uint64_t>(logit_bytes / capacities.n_outputs);
  fixed.push_back(logits_->buffer().Bind(lowered.slot(logits), CONCORD_ROLE_OUTPUT));

  const uint64_t align = std::max<uint64_t>(64, model_->device().info().binding_align_bytes);
  CONCORD_ASSIGN_OR_RETURN(const graph::MemoryPlan plan,
                           graph::PlanMemory(module.main, graph::WholeGraph(module.main), symbols, align));
  const std::vector<uint64_t> offsets = lowered.ValueOffsets(plan);
  for (const auto& [name, value] : symbols) {
    const uint32_t symbol = lowered.symbol(name);
    if (symbol != CONCORD_NONE) symbols_.push_back({symbol, 0, value});
  }
  CONCORD_ASSIGN_OR_RETURN(
      prepared_,
      FromDevice(model_->program().Prepare(
          {.capacities = symbols_, .bindings = fixed, .value_offsets = offsets, .planned_bytes = plan.total_bytes})));
  ++prepares_;
  workspace_bytes_ = static_cast<int64_t>(prepared_.workspace_bytes());
  CONCORD_ASSIGN_OR_RETURN(workspace_, Allocate(workspace_bytes_, "activations"));
  bindings_.push_back(workspace_.Bind(CONCORD_NONE, CONCORD_ROLE_WORKSPACE));
  return absl::OkStatus();
}

void StepRunner::SetSymbols(const StepBatch& batch) {
  const graph::LoweredProgram& lowered = model_->lowered();
  const auto set = [&](const char* name, size_t value) {
    const uint32_t symbol = lowered.symbol(name);
    for (concord_symbol_value& v : symbols_) {
      if (v.symbol == symbol) v.value = static_cast<int64_t>(value);
    }
  };
  set(ops::kNTokens, batch.tokens.size());
  set(ops::kNSeqs, batch.kv_len.size());
  set(ops::kNOutputs, batch.output_rows.size());
}

// Where the last used byte is.
uint64_t StepRunner::PackInputs(const StepBatch& batch) {
  uint64_t end = 0;
  for (const Input& input : input_fields_) {
    const std::vector<int32_t>& values = batch.*input.field;
    if (values.empty()) continue;
    std::memcpy(inputs_->data() + input.offset_bytes, values.data(), values.size() * sizeof(int32_t));
    end = input.offset_bytes + values.size() * sizeof(int32_t);
  }
  return end;
}

absl::Status StepRunner::Enqueue(uint64_t input_bytes, uint64_t logit_bytes) {
  CONCORD_RETURN_IF_ERROR(FromDevice(inputs_->ToDevice(input_bytes, &chain_)));
  const concord_point wait = chain_.last(), signal = chain_.next();
  CONCORD_RETURN_IF_ERROR(FromDevice(model_->device().Submit({.prepared = &prepared_,
                                                              .values = symbols_,
                                                              .bindings = bindings_,
                                                              .waits = {&wait, 1},
                                                              .signals = {&signal, 1}})));
  chain_.Advance();
  return FromDevice(logits_->ToHost(logit_bytes, &chain_));
}

absl::Status StepRunner::Run(const StepBatch& batch) {
  SetSymbols(batch);
  const uint64_t logit_bytes = batch.output_rows.size() * logit_row_bytes_;
  absl::Status status = Enqueue(PackInputs(batch), logit_bytes);
  // Also when a part was refused: what came before it still reads the inputs.
  status.Update(FromDevice(hal::WithOpName(chain_.Wait(), model_->lowered().desc())));
  if (status.ok()) return FromDevice(logits_->Arrived(logit_bytes));
  (void)BeginAnew();  // if that fails too, the device is gone, and the next step says so
  return status;
}

// A semaphore that has failed stays so: the next step needs another, once nothing of this one is left in the queue.
absl::Status StepRunner::BeginAnew() {
  const hal::Device& device = model_->device();
  CONCORD_ASSIGN_OR_RETURN(hal::Semaphore semaphore, device.CreateSemaphore());
  failed_.push_back(std::exchange(chain_, hal::Chain(std::move(semaphore))));
  const concord_point signal = chain_.next();
  CONCORD_RETURN_IF_ERROR(device.Barrier({}, {&signal, 1}));
  chain_.Advance();
  const absl::Status status = chain_.Wait();
  if (status.ok()) failed_.clear();
  return status;
}

}  // namespace concord::exec

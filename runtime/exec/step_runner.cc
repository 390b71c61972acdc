#include "runtime/exec/step_runner.h"

#include <algorithm>
#include <utility>

#include "runtime/exec/from_device.h"
#include "runtime/exec/micro_batch.h"
#include "runtime/graph/memory_plan.h"
#include "runtime/graph/sizes.h"
#include "runtime/hal/status.h"

namespace concord::exec {
absl::StatusOr<std::unique_ptr<StepRunner>> StepRunner::Create(std::shared_ptr<const LoadedModel> model,
                                                               const StepCapacities& capacities,
                                                               const StepRunner* beside) {
  auto runner = std::unique_ptr<StepRunner>(new StepRunner);
  StepRunner& r = *runner;
  r.model_ = std::move(model);
  r.host_memory_ = beside != nullptr ? beside->host_memory_ : Lane::HostAccount();
  r.slots_ = SlotCount(r.model_->devices(), capacities.n_tokens);
  const StepCapacities piece = OfOnePiece(capacities, r.slots_);
  const std::vector<const LoadedPart*> parts = Pointers(r.model_->parts());
  for (const std::shared_ptr<hal::Device>& device : r.model_->devices()) {
    CONCORD_ASSIGN_OR_RETURN(r.lanes_.emplace_back(), Lane::Create(device, r.host_memory_));
  }
  for (const LoadedPart* part : parts) r.parts_.push_back({.loaded = part, .lane = r.lanes_[part->device_index].get()});
  CONCORD_RETURN_IF_ERROR(r.MakeStates(piece));
  for (size_t d = 0; d < r.lanes_.size(); ++d) {
    CONCORD_ASSIGN_OR_RETURN(InputLayout layout, InputLayout::Of(PartsOn(d, parts), piece.symbols()));
    CONCORD_ASSIGN_OR_RETURN(r.inputs_.emplace_back(),
                             StepInputs::Create(std::move(layout), r.slots_, r.lanes_[d].get()));
  }
  CONCORD_ASSIGN_OR_RETURN(r.cuts_, StepCuts::Create(parts, piece.symbols(), r.slots_, &r.lanes_));
  CONCORD_RETURN_IF_ERROR(r.MakeLogits(piece));
  for (size_t p = 0; p < parts.size(); ++p) CONCORD_RETURN_IF_ERROR(r.PreparePart(piece, p));
  CONCORD_RETURN_IF_ERROR(r.MakeWorkspaces());
  r.slices_.resize(r.slots_ > 1 ? r.slots_ : 0);
  for (StepBatch& slice : r.slices_) {
    slice.Reserve(piece.n_tokens, piece.n_seqs, piece.n_outputs, piece.max_blocks);
  }
  r.pieces_.reserve(r.slots_);
  r.tasks_.assign(r.slots_, std::vector<Task>(parts.size()));
  r.carried_.assign(r.slots_, std::vector<bool>(r.cuts_.cuts().size() * r.lanes_.size()));
  r.rows_.reserve(capacities.n_outputs);
  return runner;
}

absl::Status StepRunner::MakeStates(const StepCapacities& capacities) {
  for (const Part& part : parts_) {
    std::vector<hal::Buffer>& states = states_.emplace_back();
    const graph::Module& module = part.loaded->module;
    for (const graph::StateGroup& group : module.state_groups) {
      for (graph::ValueId id : group.states) {
        CONCORD_ASSIGN_OR_RETURN(const int64_t bytes,
                                 graph::ResolveBytes(module.main.value(id).type, capacities.symbols()));
        CONCORD_ASSIGN_OR_RETURN(hal::Buffer buffer, part.lane->Allocate(bytes, "the KV cache"));
        state_bytes_ += bytes;
        states.push_back(std::move(buffer));
      }
    }
  }
  return absl::OkStatus();
}

std::vector<StepRunner::KvState> StepRunner::kv_states() const {
  std::vector<KvState> all;
  for (size_t p = 0; p < parts_.size(); ++p) {
    const LoadedPart& part = *parts_[p].loaded;
    size_t next = 0;
    for (const graph::StateGroup& group : part.module.state_groups) {
      for (const graph::ValueId id : group.states) {
        const graph::Value& value = part.module.main.value(id);
        all.push_back({value.name, value.type, part.device_index, &states_[p][next++]});
      }
    }
  }
  return all;
}

absl::Status StepRunner::MakeLogits(const StepCapacities& capacities) {
  for (size_t p = 0; p < parts_.size(); ++p) {
    const graph::Graph& graph = parts_[p].loaded->module.main;
    const graph::ValueId logits = graph.FindOutput("logits");
    if (logits == graph::kNoValue) continue;
    CONCORD_ASSIGN_OR_RETURN(const int64_t bytes, graph::ResolveBytes(graph.value(logits).type, capacities.symbols()));
    logits_part_ = p;
    logit_row_bytes_ = static_cast<uint64_t>(bytes / capacities.n_outputs);
    for (int64_t slot = 0; slot < slots_; ++slot) {
      // Written too: the sampler works where the logits lie.
      CONCORD_ASSIGN_OR_RETURN(logits_.emplace_back(),
                               parts_[p].lane->AllocateStaged(bytes, CONCORD_MAP_READ | CONCORD_MAP_WRITE, "logits"));
    }
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError("the graph has no output 'logits'");
}

absl::Status StepRunner::PreparePart(const StepCapacities& capacities, size_t index) {
  Part& part = parts_[index];
  const LoadedPart& loaded = *part.loaded;
  const graph::Module& module = loaded.module;
  const graph::LoweredProgram& lowered = *loaded.lowered;
  const graph::SymbolValues symbols = capacities.symbols();
  part.made = cuts_.MadeBy(index), part.carried = cuts_.CarriedTo(loaded);
  for (const auto& [name, value] : symbols) {
    const uint32_t symbol = lowered.symbol(name);
    if (symbol != CONCORD_NONE) part.symbols.push_back({symbol, 0, value});
  }
  std::vector<concord_binding> fixed;
  size_t next_state = 0;
  for (const graph::StateGroup& group : module.state_groups) {
    for (graph::ValueId id : group.states)
      fixed.push_back(states_[index][next_state++].Bind(lowered.slot(id), CONCORD_ROLE_STATE));
  }
  for (const graph::Weight& w : module.weights)
    fixed.push_back(loaded.weights->at(module.main.value(w.value)).Bind(lowered.slot(w.value)));
  const uint64_t align = std::max<uint64_t>(64, loaded.device->info().binding_align_bytes);
  CONCORD_ASSIGN_OR_RETURN(const graph::MemoryPlan plan,
                           graph::PlanMemory(module.main, graph::WholeGraph(module.main), symbols, align));
  const std::vector<uint64_t> offsets = lowered.ValueOffsets(plan);
  for (int64_t slot = 0; slot < slots_; ++slot) {
    std::vector<concord_binding> bindings = fixed;
    for (const auto& more : {inputs_[loaded.device_index].Bind(loaded, slot), cuts_.Bind(loaded, slot)}) {
      bindings.insert(bindings.end(), more.begin(), more.end());
    }
    if (index == logits_part_) {
      bindings.push_back(
          logits_[slot]->buffer().Bind(lowered.slot(module.main.FindOutput("logits")), CONCORD_ROLE_OUTPUT));
    }
    CONCORD_ASSIGN_OR_RETURN(part.prepared.emplace_back(),
                             FromDevice(loaded.program.Prepare({.capacities = part.symbols,
                                                                .bindings = bindings,
                                                                .value_offsets = offsets,
                                                                .planned_bytes = plan.total_bytes})));
    ++prepares_;
  }
  return absl::OkStatus();
}

// Parts of one device run one after the other, so the largest workspace serves them all.
absl::Status StepRunner::MakeWorkspaces() {
  for (const std::unique_ptr<Lane>& lane : lanes_) {
    uint64_t bytes = 0;
    for (const Part& part : parts_) {
      if (part.lane != lane.get()) continue;
      for (const hal::Prepared& prepared : part.prepared) bytes = std::max(bytes, prepared.workspace_bytes());
    }
    CONCORD_ASSIGN_OR_RETURN(hal::Buffer workspace, lane->Allocate(static_cast<int64_t>(bytes), "activations"));
    for (Part& part : parts_) {
      if (part.lane == lane.get()) part.bindings = {workspace.Bind(CONCORD_NONE, CONCORD_ROLE_WORKSPACE)};
    }
    workspaces_.push_back(std::move(workspace));
  }
  return absl::OkStatus();
}

int64_t StepRunner::workspace_bytes() const {
  uint64_t bytes = 0;
  for (const hal::Buffer& workspace : workspaces_) bytes += workspace.size_bytes();
  return static_cast<int64_t>(bytes);
}

void StepRunner::Divide(const StepBatch& batch) {
  pieces_.clear();
  for (std::vector<Task>& tasks : tasks_) std::fill(tasks.begin(), tasks.end(), Task{});
  for (std::vector<bool>& carried : carried_) std::fill(carried.begin(), carried.end(), false);
  const auto tokens = static_cast<int64_t>(batch.tokens.size()), count = MicroBatchCount(tokens, slots_);
  if (count == 1) return pieces_.push_back(&batch);
  for (int64_t i = 0, first = 0; i < count; ++i) {
    const int64_t end = tokens * (i + 1) / count;
    SliceBatch(batch, first, end - first, &slices_[i]);
    pieces_.push_back(&slices_[i]);
    first = end;
  }
}

// Waits for what a part made of a piece. What runs in waits would not run while this waits for something else, so it
// goes first.
absl::Status StepRunner::WaitFor(size_t slot, size_t part) {
  Task& task = tasks_[slot][part];
  if (task.ended) return absl::OkStatus();
  const Lane& lane = *parts_[part].lane;
  if (!lane.executes_in_wait()) {
    for (const std::unique_ptr<Lane>& other : lanes_) {
      if (other->executes_in_wait()) CONCORD_RETURN_IF_ERROR(Named(other->WaitForAll(), *other));
    }
  }
  CONCORD_RETURN_IF_ERROR(Named(lane.Wait(task.moment), lane));
  task.ended = true;
  if (parts_[part].loaded->moved) {
    off_device_seconds_ += std::chrono::duration<double>(Clock::now() - task.begin).count();
  }
  return absl::OkStatus();
}

absl::Status StepRunner::Carry(size_t cut, size_t slot, size_t part) {
  const size_t lane = parts_[part].loaded->device_index;
  std::vector<bool>::reference carried = carried_[slot][cut * lanes_.size() + lane];
  if (carried) return absl::OkStatus();  // for another part on this device
  carried = true;
  CONCORD_RETURN_IF_ERROR(WaitFor(slot, cuts_.cuts()[cut].from_part));
  TraceScope scope(model_->tracer(), "carry");
  scope.slice.bytes = static_cast<int64_t>(cuts_.cuts()[cut].bytes.In(*pieces_[slot]));
  return FromDevice(cuts_.Enter(cut, static_cast<int64_t>(slot), *pieces_[slot], lane, lanes_[lane].get()));
}

absl::Status StepRunner::RunTask(size_t slot, size_t index) {
  Part& part = parts_[index];
  const StepBatch& piece = *pieces_[slot];
  for (const size_t cut : part.carried) CONCORD_RETURN_IF_ERROR(Carry(cut, slot, index));
  const graph::LoweredProgram& lowered = *part.loaded->lowered;
  const auto set = [&](const char* name, size_t value) {
    const uint32_t symbol = lowered.symbol(name);
    for (concord_symbol_value& v : part.symbols) {
      if (v.symbol == symbol) v.value = static_cast<int64_t>(value);
    }
  };
  set(ops::kNTokens, piece.tokens.size());
  set(ops::kNSeqs, piece.kv_len.size());
  set(ops::kNOutputs, piece.output_rows.size());
  tasks_[slot][index] = {.begin = Clock::now()};
  CONCORD_RETURN_IF_ERROR(part.lane->Submit(part.prepared[slot], part.symbols, part.bindings));
  for (const size_t cut : part.made) {
    CONCORD_RETURN_IF_ERROR(cuts_.Leave(cut, static_cast<int64_t>(slot), piece, part.lane));
  }
  if (index == logits_part_) {
    CONCORD_RETURN_IF_ERROR(part.lane->ToHost(*logits_[slot], piece.output_rows.size() * logit_row_bytes_));
  }
  tasks_[slot][index].moment = part.lane->Now();
  return absl::OkStatus();
}

// Turn by turn every part takes the piece that the part before it had in the turn before.
absl::Status StepRunner::RunPieces() {
  for (size_t d = 0; d < lanes_.size(); ++d) CONCORD_RETURN_IF_ERROR(inputs_[d].Send(pieces_, lanes_[d].get()));
  for (size_t turn = 0; turn + 1 < pieces_.size() + parts_.size(); ++turn) {
    for (size_t part = 0; part < parts_.size() && part <= turn; ++part) {
      if (turn - part < pieces_.size()) CONCORD_RETURN_IF_ERROR(RunTask(turn - part, part));
    }
  }
  return absl::OkStatus();
}

absl::Status StepRunner::Arrived() {
  rows_.clear();
  for (size_t slot = 0; slot < pieces_.size(); ++slot) {
    const size_t rows = pieces_[slot]->output_rows.size();
    CONCORD_RETURN_IF_ERROR(FromDevice(logits_[slot]->Arrived(rows * logit_row_bytes_)));
    for (size_t row = 0; row < rows; ++row) {
      rows_.push_back(reinterpret_cast<float*>(logits_[slot]->data() + row * logit_row_bytes_));
    }
  }
  return absl::OkStatus();
}

absl::Status StepRunner::Run(const StepBatch& batch) {
  Divide(batch);
  absl::Status status = RunPieces();
  for (size_t slot = 0; slot < pieces_.size() && status.ok(); ++slot) status.Update(WaitFor(slot, parts_.size() - 1));
  // Also when a part was refused: what came before it still reads the inputs.
  for (const std::unique_ptr<Lane>& lane : lanes_) status.Update(Named(lane->WaitForAll(), *lane));
  if (status.ok()) return Arrived();
  BeginAnew();
  return status;
}

// The op that failed is counted within its program: the first on this lane that is not known to have ended.
absl::Status StepRunner::Named(absl::Status status, const Lane& lane) const {
  if (status.ok()) return status;
  const Part* failed = nullptr;
  for (size_t turn = 0; turn + 1 < pieces_.size() + parts_.size() && failed == nullptr; ++turn) {
    for (size_t part = 0; part < parts_.size() && part <= turn && failed == nullptr; ++part) {
      const size_t slot = turn - part;
      if (slot >= pieces_.size() || parts_[part].lane != &lane || tasks_[slot][part].ended) continue;
      failed = &parts_[part];
    }
  }
  if (failed == nullptr) return FromDevice(status);
  return FromDevice(hal::WithOpName(status, failed->loaded->lowered->desc()));
}

void StepRunner::BeginAnew() {
  for (const std::unique_ptr<Lane>& lane : lanes_) {
    (void)lane->BeginAnew();  // if that fails too, the device is gone, and the next step says so
  }
}

}  // namespace concord::exec

#include "backends/cpu/prepared.h"

#include <algorithm>
#include <utility>

#include "backends/cpu/op_rows.h"

namespace concord::cpu {
namespace {

constexpr uint64_t kAlign = 64;

uint64_t AlignUp(uint64_t bytes) { return (bytes + kAlign - 1) / kAlign * kAlign; }

// A stretch of memory that a step touches: of the workspace, or (by root value) of what is bound elsewhere.
struct Range {
  uint32_t space;  // 0 = workspace, else 1 + root value
  uint64_t begin, end;
  bool write;

  bool Conflicts(const Range& other) const {
    return space == other.space && (write || other.write) && begin < other.end && other.begin < end;
  }
};

}  // namespace

CpuPrepared::CpuPrepared(const sdk::Host* host, sdk::TraceSource* trace, std::shared_ptr<const sdk::GraphCopy> graph,
                         sdk::HostBindings bindings)
    : host_(host), trace_(trace), graph_(std::move(graph)), bindings_(std::move(bindings)) {}

sdk::Result<std::unique_ptr<sdk::Prepared>> CpuPrepared::Make(const sdk::Host* host, sdk::TraceSource* trace,
                                                              std::shared_ptr<const sdk::GraphCopy> graph,
                                                              const concord_prepare_args& args,
                                                              concord_prepare_result* result) {
  sdk::Result<sdk::HostBindings> bindings = sdk::HostBindings::Make(graph->graph(), args);
  if (!bindings.ok()) return bindings.status();
  std::unique_ptr<CpuPrepared> made(new CpuPrepared(host, trace, std::move(graph), std::move(*bindings)));
  sdk::Status status = made->Build();
  if (!status.ok()) return status;
  result->workspace_bytes = made->workspace_bytes_;
  result->workspace_align_bytes = kAlign;
  return std::unique_ptr<sdk::Prepared>(std::move(made));
}

sdk::Status CpuPrepared::Build() {
  StepBuilder builder(&bindings_, &kernels::Kernels(), host_->WorkerCount());
  const sdk::Graph& graph = graph_->graph();
  for (uint32_t i = 0; i < graph.n_ops(); ++i) {
    const sdk::Op op = graph.op(i);
    builder.BeginOp(op);
    sdk::Result<std::unique_ptr<Step>> step = Ops().Compile(op, builder);
    if (!step.ok()) {
      step.status().op_index = i;
      return step.status();
    }
    builder.EndOp(std::move(*step));
  }
  PlaceUnread(&builder);
  steps_ = std::move(builder.steps());
  floats_ = builder.TakeFloats();
  PlanScratch(builder);
  runner_ = std::make_unique<StepRunner>(Order(), host_->WorkerCount());
  op_events_.reserve(graph.n_ops());
  values_.resize(graph.n_values());
  frame_.bindings = &bindings_;
  frame_.values = values_.data();
  frame_.scratch_offsets = scratch_offsets_.data();
  return sdk::Ok();
}

void CpuPrepared::PlaceUnread(StepBuilder* builder) {
  const sdk::Graph& graph = graph_->graph();
  for (PlannedStep& step : builder->steps()) {
    const size_t count = step.accesses.size();
    for (size_t a = 0; a < count; ++a) {
      const Access access = step.accesses[a];
      if (access.scratch || !access.write) continue;
      const sdk::Value value = graph.value(access.index);
      const bool placed = value.desc.role != CONCORD_ROLE_WORKSPACE || value.desc.alias_of < graph.n_values() ||
                          bindings_.offset(access.index) != CONCORD_NO_OFFSET;
      if (placed) continue;
      const uint32_t scratch = builder->NewScratch(bindings_.capacity_bytes(access.index));
      unread_.emplace_back(access.index, scratch);
      step.accesses.push_back({true, scratch, true});
    }
  }
}

// First fit over the steps during which each scratch is alive.
void CpuPrepared::PlanScratch(const StepBuilder& builder) {
  scratch_bytes_ = builder.scratch_bytes();
  struct Life {
    size_t first = SIZE_MAX, last = 0;
  };
  std::vector<Life> lives(scratch_bytes_.size());
  for (size_t s = 0; s < steps_.size(); ++s) {
    for (const Access& access : steps_[s].accesses) {
      if (!access.scratch) continue;
      lives[access.index].first = std::min(lives[access.index].first, s);
      lives[access.index].last = s;
    }
  }
  scratch_offsets_.assign(scratch_bytes_.size(), 0);
  uint64_t total = 0;
  for (size_t i = 0; i < lives.size(); ++i) {
    std::vector<std::pair<uint64_t, uint64_t>> taken;
    for (size_t j = 0; j < i; ++j) {
      if (lives[j].first <= lives[i].last && lives[i].first <= lives[j].last) {
        taken.emplace_back(scratch_offsets_[j], scratch_offsets_[j] + AlignUp(scratch_bytes_[j]));
      }
    }
    std::sort(taken.begin(), taken.end());
    uint64_t at = 0;
    for (const auto& [begin, end] : taken) {
      if (at + AlignUp(scratch_bytes_[i]) <= begin) break;
      at = std::max(at, end);
    }
    scratch_offsets_[i] = at;
    total = std::max(total, at + AlignUp(scratch_bytes_[i]));
  }
  // What follows the planned bytes is aligned here, because the plan's size need not be.
  const uint64_t base = AlignUp(bindings_.planned_bytes()) - bindings_.planned_bytes();
  for (uint64_t& offset : scratch_offsets_) offset += base;
  frame_.worker_offset_bytes = base + total;
  frame_.worker_stride_bytes = AlignUp(builder.worker_bytes());
  workspace_bytes_ = bindings_.planned_bytes() + base + total + frame_.worker_stride_bytes * host_->WorkerCount();
}

// A step waits for the earlier ones that touch the same memory, where one of the two writes. Workers walk in order, so
// whatever an earlier step has waited for is complete already.
std::vector<StepRunner::Item> CpuPrepared::Order() const {
  const sdk::Graph& graph = graph_->graph();
  std::vector<std::vector<Range>> ranges(steps_.size());
  for (size_t s = 0; s < steps_.size(); ++s) {
    for (const Access& access : steps_[s].accesses) {
      if (access.scratch) {
        const uint64_t begin = bindings_.planned_bytes() + scratch_offsets_[access.index];
        ranges[s].push_back({0, begin, begin + scratch_bytes_[access.index], access.write});
        continue;
      }
      const uint32_t root = bindings_.root(access.index);
      const sdk::Value value = graph.value(root);
      if (value.desc.role == CONCORD_ROLE_CONSTANT) continue;
      if (value.desc.role != CONCORD_ROLE_WORKSPACE) {
        ranges[s].push_back({1 + root, 0, 1, access.write});
      } else if (bindings_.offset(root) != CONCORD_NO_OFFSET) {
        const uint64_t begin = bindings_.offset(root);
        ranges[s].push_back({0, begin, begin + bindings_.capacity_bytes(value.index), access.write});
      }
    }
  }
  std::vector<StepRunner::Item> items;
  std::vector<bool> complete(steps_.size());
  for (size_t s = 0; s < steps_.size(); ++s) {
    StepRunner::Item item{steps_[s].step.get(), {}};
    for (size_t before = s; before-- > 0;) {
      if (complete[before]) continue;
      bool conflict = false;
      for (const Range& mine : ranges[s]) {
        for (const Range& theirs : ranges[before]) conflict = conflict || mine.Conflicts(theirs);
      }
      if (!conflict) continue;
      item.waits.push_back(static_cast<uint32_t>(before));
      complete[before] = true;
    }
    items.push_back(std::move(item));
  }
  return items;
}

sdk::Status CpuPrepared::Execute(const sdk::Work& work) {
  bindings_.Begin(work);
  frame_.scratch = bindings_.scratch();
  for (uint32_t v = 0; v < values_.size(); ++v) values_[v] = bindings_.data(v);
  for (const auto& [value, scratch] : unread_) values_[value] = frame_.Scratch<char>(scratch);
  const bool traced = trace_->trace_enabled();
  runner_->Run(*host_, frame_, traced);
  if (traced) TraceOps();
  return sdk::Ok();
}

// An op is its own step and those before it that it was the first to need: together one event.
void CpuPrepared::TraceOps() {
  op_events_.clear();
  for (size_t s = 0; s < steps_.size(); ++s) {
    const StepRunner::Times& times = runner_->times(s);
    if (times.end_ns == 0) continue;  // nothing to do
    const uint32_t op = steps_[s].op_index;
    if (op_events_.empty() || op_events_.back().op_index != op) {
      op_events_.push_back(sdk::OpEvent(this, op, times.begin_ns, times.end_ns));
    } else {
      op_events_.back().end_ticks = times.end_ns;
    }
  }
  trace_->AddTraceEvents(op_events_.data(), op_events_.size());
}

}  // namespace concord::cpu

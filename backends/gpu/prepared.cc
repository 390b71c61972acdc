#include "backends/gpu/prepared.h"

#include <algorithm>
#include <utility>

#include "backends/gpu/op_rows.h"

namespace concord::gpu {
namespace {

// The largest alignment that an API asks of the place of a binding.
constexpr uint64_t kAlign = 256;

uint64_t AlignUp(uint64_t bytes, uint64_t align) { return (bytes + align - 1) / align * align; }

}  // namespace

sdk::Result<std::unique_ptr<sdk::Prepared>> Prepared::Make(Driver* driver, std::shared_ptr<const sdk::GraphCopy> graph,
                                                           const concord_prepare_args& args,
                                                           concord_prepare_result* result) {
  std::unique_ptr<Prepared> made(new Prepared(driver, std::move(graph), driver->limits()));
  sdk::Status status = made->Build(args);
  if (!status.ok()) return status;
  result->workspace_bytes = made->workspace_bytes_;
  result->workspace_align_bytes = kAlign;
  return std::unique_ptr<sdk::Prepared>(std::move(made));
}

sdk::Status Prepared::Build(const concord_prepare_args& args) {
  const sdk::Graph& graph = graph_->graph();
  sdk::Status status = bindings_.Init(graph, args);
  if (status.ok()) status = CheckSizes();
  if (!status.ok()) return status;
  for (uint32_t i = 0; i < graph.n_ops(); ++i) {
    builder_.BeginOp(i);
    sdk::Result<bool> added = Ops().Compile(graph.op(i), builder_);
    if (!added.ok()) {
      added.status().op_index = i;
      return added.status();
    }
  }
  PlaceScratch();
  return GetKernels();
}

std::string Prepared::OpLabel(uint32_t op_index) const {
  const sdk::Op op = graph_->graph().op(op_index);
  return sdk::Cat(op_index, " (", op.name(), op.scope().empty() ? "" : ", ", op.scope(), ")");
}

sdk::Status Prepared::CheckSizes() const {
  const sdk::Graph& graph = graph_->graph();
  for (uint32_t v = 0; v < graph.n_values(); ++v) {
    const sdk::Value value = graph.value(v);
    const uint64_t bytes = bindings_.capacity_bytes(v);
    if (value.desc.role == CONCORD_ROLE_CONSTANT || bytes <= driver_->limits().max_range_bytes) continue;
    return sdk::Error(CONCORD_OUT_OF_RANGE, "'", value.name(), "' has ", bytes,
                      " bytes at these capacities, and a kernel of this device reaches ",
                      driver_->limits().max_range_bytes, "; use a shorter context or a smaller batch");
  }
  return sdk::Ok();
}

// Scratch mostly lives for one op, so that of all ops shares one place; the barriers that this costs are those of the
// op's inputs.
void Prepared::PlaceScratch() {
  const uint64_t base = AlignUp(bindings_.planned_bytes(), kAlign);
  struct Taken {
    uint64_t begin, end;
    uint32_t last_op;
  };
  std::vector<Taken> taken;  // by their places
  uint64_t end = base;
  for (const LaunchBuilder::Scratch& scratch : builder_.scratch()) {
    taken.erase(std::remove_if(taken.begin(), taken.end(),
                               [&](const Taken& other) { return other.last_op < scratch.first_op; }),
                taken.end());
    const uint64_t size = AlignUp(static_cast<uint64_t>(Evaluate(scratch.bytes, true)), kAlign);
    uint64_t at = base;
    auto next = taken.begin();
    for (; next != taken.end() && next->begin < at + size; ++next) at = next->end;
    taken.insert(next, {at, at + size, scratch.last_op});
    scratch_offsets_.push_back(at);
    end = std::max(end, at + size);
  }
  unread_offset_ = end;
  uint64_t unread = 0;
  for (const Launch& launch : builder_.launches()) {
    for (const Arg& arg : launch.args) {
      if (arg.kind == Arg::Kind::kValue && Unplaced(arg.index)) {
        unread = std::max(unread, AlignUp(bindings_.capacity_bytes(arg.index), kAlign));
      }
    }
  }
  workspace_bytes_ = end == base && unread == 0 ? bindings_.planned_bytes() : end + unread;
}

// An output that nothing reads has no place in the host's plan, and its kernel writes it all the same.
bool Prepared::Unplaced(uint32_t value) const {
  const uint32_t root = bindings_.root(value);
  return graph_->graph().value(root).desc.role == CONCORD_ROLE_WORKSPACE && bindings_.offset(root) == CONCORD_NO_OFFSET;
}

sdk::Status Prepared::GetKernels() {
  size_t most_args = 0;
  for (const Launch& launch : builder_.launches()) {
    most_args = std::max(most_args, launch.args.size());
    if (!Holds(launch.when, true)) {
      kernels_.push_back(nullptr);
      continue;
    }
    sdk::Result<const Kernel*> kernel = driver_->GetKernel(launch.kernel, static_cast<uint32_t>(launch.args.size()),
                                                           static_cast<uint32_t>(launch.words.size()));
    if (!kernel.ok()) {
      kernel.status().op_index = launch.op_index;
      return kernel.status();
    }
    kernels_.push_back(*kernel);
  }
  dispatches_.resize(builder_.launches().size());
  since_barrier_.reserve(64);
  return sdk::Ok();
}

int64_t Prepared::Evaluate(const Size& size, bool at_capacity) const {
  int64_t product = size.factor;
  for (const concord_dim& dim : size.dims) product *= at_capacity ? bindings_.capacity(dim) : bindings_.extent(dim);
  return (product + size.divisor - 1) / size.divisor;
}

// At capacity: whether any step can meet the conditions, sizes being at most their capacities.
bool Prepared::Holds(const std::vector<Condition>& when, bool at_capacity) const {
  for (const Condition& condition : when) {
    const int64_t value = Evaluate(condition.size, at_capacity);
    if (value < condition.at_least || (!at_capacity && value > condition.at_most)) return false;
  }
  return true;
}

BoundRange Prepared::Bind(const Arg& arg) const {
  if (arg.kind == Arg::Kind::kWeights) {
    Buffer* part = bindings_.constant(arg.index)->part(arg.part);
    return {part, 0, part->size(), false};
  }
  const Bindings::Place& workspace = bindings_.workspace();
  if (arg.kind == Arg::Kind::kScratch) {
    const uint64_t bytes = static_cast<uint64_t>(Evaluate(builder_.scratch()[arg.index].bytes, true));
    return {workspace.buffer, workspace.offset_bytes + scratch_offsets_[arg.index], bytes, arg.write};
  }
  if (Unplaced(arg.index)) {
    return {workspace.buffer, workspace.offset_bytes + unread_offset_, bindings_.capacity_bytes(arg.index), arg.write};
  }
  const Bindings::Place& place = bindings_.place(arg.index);
  if (place.constant != nullptr) return {place.constant->part(0), 0, place.constant->part(0)->size(), false};
  // The capacity, so that what is bound does not change from step to step; less where the host has bound less.
  const uint64_t bytes = std::min(bindings_.capacity_bytes(arg.index), place.buffer->size() - place.offset_bytes);
  return {place.buffer, place.offset_bytes, bytes, arg.write};
}

bool Prepared::Hazard(const std::vector<BoundRange>& args) const {
  for (const BoundRange& earlier : since_barrier_) {
    for (const BoundRange& arg : args) {
      if ((arg.write || earlier.write) && arg.Overlaps(earlier)) return true;
    }
  }
  return false;
}

const std::vector<Dispatch>& Prepared::Resolve(const sdk::Work& work, size_t* count) {
  bindings_.Begin(work);
  since_barrier_.clear();
  size_t used = 0;
  for (size_t i = 0; i < builder_.launches().size(); ++i) {
    const Launch& launch = builder_.launches()[i];
    if (!Holds(launch.when, false)) continue;
    Dispatch& dispatch = dispatches_[used];
    dispatch.groups = static_cast<uint32_t>(Evaluate(launch.groups, false));
    dispatch.layers = static_cast<uint32_t>(Evaluate(launch.layers, false));
    if (dispatch.groups == 0 || dispatch.layers == 0) continue;
    ++used;
    dispatch.kernel = kernels_[i];
    dispatch.op_index = launch.op_index;
    dispatch.args.clear();
    for (const Arg& arg : launch.args) dispatch.args.push_back(Bind(arg));
    dispatch.words.clear();
    for (const Word& word : launch.words) {
      dispatch.words.push_back(word.varies ? static_cast<uint32_t>(Evaluate(word.size, false)) : word.bits);
    }
    dispatch.barrier = Hazard(dispatch.args);
    if (dispatch.barrier) since_barrier_.clear();
    since_barrier_.insert(since_barrier_.end(), dispatch.args.begin(), dispatch.args.end());
  }
  *count = used;
  return dispatches_;
}

}  // namespace concord::gpu

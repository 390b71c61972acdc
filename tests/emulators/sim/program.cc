#include "tests/emulators/sim/program.h"

#include <algorithm>
#include <cstring>

#include "tests/emulators/sim/layout.h"

namespace concord::sim {
namespace {

// Rows of block `n` of [n_blocks, a, b, d] to [n_blocks, b, a, d], in place.
void SwapWithinBlock(const ops::TensorView& state, int64_t n, int64_t a, int64_t b) {
  const auto row = static_cast<size_t>(state.row_bytes());
  std::vector<char> block(static_cast<size_t>(a * b) * row);
  char* const there = static_cast<char*>(state.data()) + static_cast<size_t>(n) * block.size();
  std::memcpy(block.data(), there, block.size());
  TransposeRows(block.data(), static_cast<size_t>(a), static_cast<size_t>(b), row, there);
}
void SwapWithinBlocks(const ops::TensorView& state, int64_t a, int64_t b) {
  for (int64_t n = 0; n < state.dim(0); ++n) SwapWithinBlock(state, n, a, b);
}

// What differs from the reference: state that lies in another order, outputs that are scaled.
class Deviation final : public reference::OpObserver {
 public:
  explicit Deviation(const DeviceConfig* config) : config_(*config) {}

  void Before(const ops::RefArgs& args) override {
    Swap(args, /*to_paged=*/true);
    SwapLaterBlocks(args, /*to_paged=*/false);
  }
  void After(const ops::RefArgs& args) override {
    SwapLaterBlocks(args, /*to_paged=*/true);
    Swap(args, /*to_paged=*/false);
    const auto found = config_.scale.find(args.op().name);
    if (found == config_.scale.end()) return;
    for (const ops::Slot& slot : args.op().outputs) {
      if (args.has(slot.name) && !slot.state) Scale(args[slot.name], found->second);
    }
  }

 private:
  void Swap(const ops::RefArgs& args, bool to_paged) const {
    if (!config_.own_layout()) return;
    for (const ops::Slot& slot : args.op().inputs) {
      if (!slot.state || !args.has(slot.name)) continue;
      const ops::TensorView& state = args[slot.name];
      const int64_t heads = state.dim(1), tokens = state.dim(2);
      to_paged ? SwapWithinBlocks(state, tokens, heads) : SwapWithinBlocks(state, heads, tokens);
    }
  }

  // The fault `border`: what is not the first block of a sequence is left as it lies.
  void SwapLaterBlocks(const ops::RefArgs& args, bool to_paged) const {
    if (config_.state_fault != "border" || args.op().name != "attention") return;
    const ops::TensorView& table = args["block_table"];
    for (const char* slot : {"k_cache", "v_cache"}) {
      const ops::TensorView& state = args[slot];
      const int64_t heads = state.dim(1), tokens = state.dim(2);
      for (int64_t i = 0; i < table.elems(); ++i) {
        if (i % table.dim(1) == 0 || table.Int(i) < 0) continue;
        to_paged ? SwapWithinBlock(state, table.Int(i), tokens, heads)
                 : SwapWithinBlock(state, table.Int(i), heads, tokens);
      }
    }
  }

  static void Scale(const ops::TensorView& view, double factor) {
    for (int64_t r = 0; r < view.rows(); ++r) {
      std::vector<double> row = view.Row(r);
      for (double& x : row) x *= factor;
      view.WriteRow(r, row.data());
    }
  }

  const DeviceConfig& config_;
};

Ns Seconds(double s) { return s * 1e9; }
double At(double amount, double per_second) { return per_second > 0 ? amount / per_second : 0; }

// The value in a named input slot of the op.
sdk::Value Input(const sdk::Op& op, absl::string_view slot) {
  const std::string_view name = op.name();
  const ops::OpDef& def = *ops::FindOp(absl::string_view(name.data(), name.size()));
  for (size_t i = 0; i < def.inputs.size(); ++i) {
    if (slot == def.inputs[i].name) return op.input(static_cast<uint32_t>(i));
  }
  return {};
}

}  // namespace

SimPrepared::SimPrepared(ProgramContext* context, std::shared_ptr<const sdk::GraphCopy> graph,
                         sdk::HostBindings bindings, std::unique_ptr<sdk::Prepared> reference)
    : context_(context), graph_(std::move(graph)), bindings_(std::move(bindings)), reference_(std::move(reference)) {}

sdk::Status SimPrepared::Check(const sdk::Work& work) {
  std::lock_guard<std::mutex> lock(check_mutex_);
  return reference().Check(work);
}

sdk::Status SimPrepared::Execute(const sdk::Work& work, Timing* timing) {
  std::lock_guard<std::mutex> lock(context_->memory_mutex);
  bindings_.Begin(work);
  const sdk::Graph& graph = graph_->graph();
  timing->before_ops = timing->total = Seconds(context_->config.submit);
  for (uint32_t i = 0; i < graph.n_ops(); ++i) {
    timing->ops.push_back(TimeOf(graph.op(i)));
    timing->total += timing->ops.back();
  }
  return reference().Execute(work);
}

std::vector<Sequence> SimPrepared::SequencesOf(const sdk::Op& op) const {
  const sdk::Value kv_len = Input(op, "kv_len"), q_start = Input(op, "q_start");
  std::vector<Sequence> sequences;
  if (kv_len.index == CONCORD_NONE || bindings_.data(kv_len.index) == nullptr) return sequences;
  const auto at = [this](const sdk::Value& value, int64_t i) {
    int32_t element = 0;
    std::memcpy(&element, bindings_.data(value.index) + i * static_cast<int64_t>(sizeof(element)), sizeof(element));
    return int64_t{element};
  };
  for (int64_t s = 0; s < bindings_.elems(kv_len.index); ++s) {
    const int64_t n_new = q_start.index == CONCORD_NONE ? 1 : at(q_start, s + 1) - at(q_start, s);
    sequences.push_back({n_new, at(kv_len, s)});
  }
  return sequences;
}

Ns SimPrepared::TimeOf(const sdk::Op& op) const {
  const DeviceConfig& config = context_->config;
  const OpCost cost = CostOf(
      op, [this](const concord_dim& dim) { return bindings_.extent(dim); }, SequencesOf(op));
  return Seconds(config.launch +
                 std::max(At(cost.bytes(), config.bandwidth), At(cost.flops, config.FlopsIn(op.arithmetic()))));
}

SimProgram::SimProgram(ProgramContext* context, const concord_program_desc& desc)
    : context_(context),
      graph_(std::make_shared<sdk::GraphCopy>(desc)),
      reference_(desc, std::make_shared<Deviation>(&context->config)) {}

sdk::Result<std::unique_ptr<sdk::Prepared>> SimProgram::Prepare(const concord_prepare_args& args,
                                                                concord_prepare_result* result) {
  sdk::Result<std::unique_ptr<sdk::Prepared>> reference = reference_.Prepare(args, result);
  if (!reference.ok()) return reference.status();
  sdk::Result<sdk::HostBindings> bindings = sdk::HostBindings::Make(graph_->graph(), args);
  if (!bindings.ok()) return bindings.status();
  return std::unique_ptr<sdk::Prepared>(
      std::make_unique<SimPrepared>(context_, graph_, std::move(*bindings), std::move(*reference)));
}

}  // namespace concord::sim

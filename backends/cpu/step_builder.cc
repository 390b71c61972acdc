#include "backends/cpu/step_builder.h"

#include "backends/cpu/expert_rows.h"
#include "runtime/base/packing/packing.h"

namespace concord::cpu {
namespace {

class ReadyRowsStep final : public Step {
 public:
  ReadyRowsStep(const kernels::LinearKernel& kernel, const Activation& x, int64_t k, uint32_t scratch)
      : kernel_(kernel), x_(x), k_(k), scratch_(scratch), rows_per_tile_(std::max<int64_t>(1, 16384 / k)) {}

  int64_t Tiles(const Frame& frame) const override { return CeilDiv(Rows(frame), rows_per_tile_); }
  void Run(const Frame& frame, int64_t tile, uint32_t) const override {
    const int64_t begin = tile * rows_per_tile_, end = std::min(begin + rows_per_tile_, Rows(frame));
    kernel_.make_rows(x_.data(frame) + begin * k_, k_, end - begin, k_,
                      frame.Scratch<char>(scratch_) + begin * kernel_.x_row_bytes(k_));
  }

 private:
  int64_t Rows(const Frame& frame) const { return frame.Extent(x_.n) * (x_.width() / k_); }

  const kernels::LinearKernel& kernel_;
  Activation x_;
  int64_t k_;
  uint32_t scratch_;
  int64_t rows_per_tile_;
};

class RopeTableStep final : public Step {
 public:
  RopeTableStep(const kernels::KernelTable& kernels, const sdk::Value& positions, FloatVector inv_freq, int64_t n_pairs,
                float attn_factor, uint32_t scratch)
      : kernels_(kernels),
        positions_(positions.index),
        n_(positions.dim(0)),
        inv_freq_(inv_freq),
        n_pairs_(n_pairs),
        attn_factor_(attn_factor),
        scratch_(scratch),
        rows_per_tile_(std::max<int64_t>(1, 2048 / std::max<int64_t>(1, n_pairs))) {}

  int64_t Tiles(const Frame& frame) const override { return CeilDiv(frame.Extent(n_), rows_per_tile_); }
  void Run(const Frame& frame, int64_t tile, uint32_t) const override {
    const int64_t begin = tile * rows_per_tile_, end = std::min(begin + rows_per_tile_, frame.Extent(n_));
    kernels::RopeTableArgs args;
    args.positions = frame.Data<int32_t>(positions_) + begin;
    args.n_tokens = end - begin;
    args.inv_freq = inv_freq_.at(frame);
    args.n_pairs = n_pairs_;
    args.attn_factor = attn_factor_;
    args.out = frame.Scratch<float>(scratch_) + begin * 2 * n_pairs_;
    kernels_.rope_table(args);
  }

 private:
  const kernels::KernelTable& kernels_;
  uint32_t positions_;
  concord_dim n_;
  FloatVector inv_freq_;
  int64_t n_pairs_;
  float attn_factor_;
  uint32_t scratch_;
  int64_t rows_per_tile_;
};

}  // namespace

void StepBuilder::BeginOp(const sdk::Op& op) {
  current_ = PlannedStep{};
  current_.op_index = op.index();
  for (uint32_t s = 0; s < op.n_inputs(); ++s) {
    if (op.has_input(s)) current_.accesses.push_back({false, op.input_index(s), false});
  }
  for (uint32_t s = 0; s < op.n_outputs(); ++s) {
    if (op.output_index(s) != CONCORD_NONE) current_.accesses.push_back({false, op.output_index(s), true});
  }
}

void StepBuilder::EndOp(std::unique_ptr<Step> step) {
  current_.step = std::move(step);
  steps_.push_back(std::move(current_));
}

void StepBuilder::AddShared(std::unique_ptr<Step> step, std::vector<Access> accesses) {
  steps_.push_back({std::move(step), std::move(accesses), current_.op_index});
}

sdk::Result<FloatVector> StepBuilder::Floats(const sdk::Value& value, int64_t elems) {
  FloatVector out;
  if (value.index == CONCORD_NONE) return out;
  out.value = value.index;
  const sdk::HostConstant* constant = bindings_->constant(value.index);
  if (constant == nullptr) return out;
  const packing::Packing* packing = packing::Find(std::string(value.packing()).c_str());
  const int64_t bytes = packing == nullptr ? -1 : packing->Bytes(elems);
  if (bytes < 0 || static_cast<uint64_t>(bytes) > constant->desc().host_size_bytes) {
    return sdk::Error(CONCORD_INVALID_ARGUMENT, "constant '", value.name(), "' has ", constant->desc().host_size_bytes,
                      " bytes of ", value.packing(), ", want ", elems, " elements");
  }
  const bool in_place = value.packing() == "f32" && reinterpret_cast<uintptr_t>(constant->data()) % alignof(float) == 0;
  if (in_place) {
    out.fixed = reinterpret_cast<const float*>(constant->data());
    return out;
  }
  floats_.push_back(std::make_unique<std::vector<float>>(static_cast<size_t>(std::max<int64_t>(elems, 1))));
  packing->decode(constant->data(), elems / packing->block_elems, floats_.back()->data());
  out.fixed = floats_.back()->data();
  return out;
}

uint32_t StepBuilder::NewScratch(uint64_t bytes) {
  scratch_bytes_.push_back(bytes);
  return static_cast<uint32_t>(scratch_bytes_.size() - 1);
}

uint32_t StepBuilder::ReadyRows(const Activation& x, int64_t k, const kernels::LinearKernel& kernel) {
  auto [entry, fresh] = ready_rows_.try_emplace({x.value, k, kernel.make_rows}, 0);
  if (fresh) {
    const int64_t rows = std::max<int64_t>(bindings_->capacity(x.n) * (x.width() / k), 1);
    entry->second = NewScratch(static_cast<uint64_t>(rows * kernel.x_row_bytes(k)));
    AddShared(std::make_unique<ReadyRowsStep>(kernel, x, k, entry->second),
              {{false, x.value, false}, {true, entry->second, true}});
  }
  current_.accesses.push_back({true, entry->second, false});
  return entry->second;
}

uint32_t StepBuilder::RopeTable(const sdk::Value& positions, const sdk::Value& inv_freq_value, FloatVector inv_freq,
                                int64_t n_pairs, float attn_factor) {
  auto [entry, fresh] = rope_tables_.try_emplace({positions.index, inv_freq_value.index, n_pairs, attn_factor}, 0);
  if (fresh) {
    const int64_t rows = std::max<int64_t>(bindings_->capacity(positions.dim(0)), 1);
    entry->second = NewScratch(static_cast<uint64_t>(rows * n_pairs) * 2 * sizeof(float));
    AddShared(std::make_unique<RopeTableStep>(*kernels_, positions, inv_freq, n_pairs, attn_factor, entry->second),
              {{false, positions.index, false}, {false, inv_freq_value.index, false}, {true, entry->second, true}});
  }
  current_.accesses.push_back({true, entry->second, false});
  return entry->second;
}

uint32_t StepBuilder::ExpertRows(const sdk::Value& ids, int64_t n_experts) {
  auto [entry, fresh] = expert_rows_.try_emplace({ids.index, n_experts}, 0);
  if (fresh) {
    const Activation shape = Activation::Of(ids);
    const cpu::ExpertRows rows(n_experts, std::max<int64_t>(bindings_->capacity(shape.n) * shape.cols, 1));
    entry->second = NewScratch(rows.bytes());
    AddShared(std::make_unique<ExpertRowsStep>(shape, n_experts, entry->second),
              {{false, ids.index, false}, {true, entry->second, true}});
  }
  current_.accesses.push_back({true, entry->second, false});
  return entry->second;
}

}  // namespace concord::cpu

#include "backends/cpu/checks.h"
#include "backends/cpu/op_rows.h"
#include "backends/sdk/op_checks.h"
#include "concord/ops.h"

namespace concord::cpu {
namespace {

class RopeStep final : public Step {
 public:
  RopeStep(const kernels::KernelTable& kernels, const sdk::Op& op, int64_t n_pairs, uint32_t table)
      : kernels_(kernels),
        x_(Activation::Of(op.input(CONCORD_ROPE_IN_X))),
        y_(op.output_index(CONCORD_ROPE_OUT_Y)),
        n_pairs_(n_pairs),
        first_dim_(op.attrs().Int(CONCORD_ROPE_ATTR_FIRST_DIM, CONCORD_ROPE_DEFAULT_FIRST_DIM)),
        neox_(op.attrs().String(CONCORD_ROPE_ATTR_KIND, CONCORD_ROPE_DEFAULT_KIND) == "neox"),
        table_(table),
        tokens_per_tile_(std::max<int64_t>(1, 16384 / std::max<int64_t>(1, x_.width()))) {}

  int64_t Tiles(const Frame& frame) const override { return CeilDiv(frame.Extent(x_.n), tokens_per_tile_); }
  void Run(const Frame& frame, int64_t tile, uint32_t) const override {
    const int64_t begin = tile * tokens_per_tile_;
    kernels::RopeArgs args;
    args.x = x_.data(frame) + begin * x_.width();
    args.y = frame.Data<float>(y_) + begin * x_.width();
    args.x_stride = args.y_stride = x_.width();
    args.n_tokens = std::min(tokens_per_tile_, frame.Extent(x_.n) - begin);
    args.n_heads = x_.mult;
    args.d_head = x_.cols;
    args.n_rot = 2 * n_pairs_;
    args.first_dim = first_dim_;
    args.neox = neox_;
    args.table = frame.Scratch<float>(table_) + begin * 2 * n_pairs_;
    kernels_.rope(args);
  }

 private:
  const kernels::KernelTable& kernels_;
  Activation x_;
  uint32_t y_;
  int64_t n_pairs_, first_dim_;
  bool neox_;
  uint32_t table_;
  int64_t tokens_per_tile_;
};

sdk::Support Query(const sdk::Op& op) {
  Checks checks(op);
  sdk::CheckRope(op, &checks);
  return checks.Answer();
}

sdk::Result<std::unique_ptr<Step>> Compile(const sdk::Op& op, StepBuilder& builder) {
  const sdk::Value inv_freq = op.input(CONCORD_ROPE_IN_INV_FREQ);
  const int64_t n_pairs = inv_freq.fixed(0);
  sdk::Result<FloatVector> frequencies = builder.Floats(inv_freq, n_pairs);
  if (!frequencies.ok()) return frequencies.status();
  const auto factor =
      static_cast<float>(op.attrs().Float(CONCORD_ROPE_ATTR_ATTN_FACTOR, CONCORD_ROPE_DEFAULT_ATTN_FACTOR));
  const uint32_t table =
      builder.RopeTable(op.input(CONCORD_ROPE_IN_POSITIONS), inv_freq, *frequencies, n_pairs, factor);
  return std::unique_ptr<Step>(std::make_unique<RopeStep>(builder.kernels(), op, n_pairs, table));
}

}  // namespace

CONCORD_CPU_OP(rope, CONCORD_OP_ROPE, CONCORD_OP_ROPE_VERSION, Query, Compile);

}  // namespace concord::cpu

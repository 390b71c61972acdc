#include "backends/cpu/op_rows.h"
#include "backends/cpu/ops/glu_args.h"
#include "backends/cpu/ops/linear_part.h"

namespace concord::cpu {
namespace {

// A tile computes the same rows of gate and up into the worker's scratch, and from there y.
class LinearGluStep final : public Step {
 public:
  LinearGluStep(const kernels::KernelTable& kernels, const LinearPart& gate, const LinearPart& up, const sdk::Op& op)
      : kernels_(kernels),
        gate_(gate),
        up_(up),
        args_(GluArgsOf(op)),
        y_(op.output_index(CONCORD_FUSED_LINEAR_GLU_OUT_Y)) {}

  int64_t Tiles(const Frame& frame) const override { return LinearTiling::Of(gate_, frame.Extent(gate_.x.n)).tiles; }

  void Run(const Frame& frame, int64_t tile, uint32_t worker) const override {
    const int64_t m = frame.Extent(gate_.x.n);
    const LinearTiling t = LinearTiling::Of(gate_, m);
    kernels::LinearTile rows = t.Rows(tile, m, gate_.n_out);
    const int64_t part = CeilDiv(t.m_tile * t.n_tile, 16) * 16;  // keeps what follows aligned to 64 bytes
    float* const gate = reinterpret_cast<float*>(frame.Worker(worker));
    float* const up = gate + part;
    rows.scratch = up + part;
    rows.y_stride = t.n_tile;
    // The kernels write result (m, n) at y[m * stride + n]; the buffers hold this tile alone.
    const int64_t shift = rows.m_begin * t.n_tile + rows.n_begin;
    rows.y = gate - shift;
    gate_.Run(frame, rows);
    rows.y = up - shift;
    up_.Run(frame, rows);
    kernels::GluArgs args = args_;
    args.gate = gate;
    args.up = up;
    args.gate_stride = args.up_stride = t.n_tile;
    args.y = frame.Data<float>(y_) + rows.m_begin * gate_.n_out + rows.n_begin;
    args.y_stride = gate_.n_out;
    args.n_rows = rows.m_end - rows.m_begin;
    args.width = rows.n_end - rows.n_begin;
    kernels_.glu(args);
  }

 private:
  const kernels::KernelTable& kernels_;
  LinearPart gate_, up_;
  kernels::GluArgs args_;
  uint32_t y_;
};

sdk::Support Query(const sdk::Op& op) {
  Checks checks(op);
  const sdk::Value x = op.input(CONCORD_FUSED_LINEAR_GLU_IN_X), gate = op.input(CONCORD_FUSED_LINEAR_GLU_IN_W_GATE),
                   up = op.input(CONCORD_FUSED_LINEAR_GLU_IN_W_UP);
  checks.Inputs({CONCORD_FUSED_LINEAR_GLU_IN_X}).Outputs({CONCORD_FUSED_LINEAR_GLU_OUT_Y});
  if (checks.ok()) LinearPart::Check(op, x, gate, &checks);
  if (checks.ok()) LinearPart::Check(op, x, up, &checks);
  if (checks.ok()) {
    checks.Same(gate, up).Need(gate.packing() == up.packing(), "weights of two packings");
    checks.Need(Activation::Of(op.output(CONCORD_FUSED_LINEAR_GLU_OUT_Y)).width() == gate.fixed(0),
                "a y whose width is not that of the weights");
    CheckGluAttributes(op, &checks);
    checks.Need(!IsRelu(op), "act relu in one");
  }
  return checks.Answer();
}

sdk::Result<std::unique_ptr<Step>> Compile(const sdk::Op& op, StepBuilder& builder) {
  const sdk::Value x = op.input(CONCORD_FUSED_LINEAR_GLU_IN_X);
  sdk::Result<LinearPart> gate = LinearPart::Make(op, x, op.input(CONCORD_FUSED_LINEAR_GLU_IN_W_GATE), builder);
  if (!gate.ok()) return gate.status();
  sdk::Result<LinearPart> up = LinearPart::Make(op, x, op.input(CONCORD_FUSED_LINEAR_GLU_IN_W_UP), builder);
  if (!up.ok()) return up.status();
  // The widest tile over all numbers of rows: it grows with the work, and fewer rows of x mean more rows of W.
  const int64_t capacity = std::max<int64_t>(builder.bindings().capacity(gate->x.n), 1);
  int64_t part = 0;
  for (int64_t m = 1; m <= capacity; ++m) {
    const LinearTiling t = LinearTiling::Of(*gate, m);
    part = std::max(part, t.m_tile * t.n_tile);
  }
  const int64_t kernel_bytes = gate->kernel->scratch_bytes(gate->k, std::min(capacity, LinearTiling::kMostRows));
  builder.NeedWorkerScratch(
      static_cast<uint64_t>(2 * (CeilDiv(part, 16) * 16) * int64_t{sizeof(float)} + kernel_bytes));
  return std::unique_ptr<Step>(std::make_unique<LinearGluStep>(builder.kernels(), *gate, *up, op));
}

}  // namespace

CONCORD_CPU_OP(fused_linear_glu, CONCORD_OP_FUSED_LINEAR_GLU, CONCORD_OP_FUSED_LINEAR_GLU_VERSION, Query, Compile);

}  // namespace concord::cpu

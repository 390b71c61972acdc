#include "backends/cpu/op_rows.h"
#include "backends/cpu/ops/experts_part.h"
#include "backends/cpu/ops/glu_args.h"

namespace concord::cpu {
namespace {

// A tile computes the same rows of an expert's gate and up into the worker's scratch, and from there y.
class LinearExpertsGluStep final : public Step {
 public:
  LinearExpertsGluStep(const kernels::KernelTable& kernels, const LinearPart& gate, const LinearPart& up,
                       const ExpertTiles& tiles, const sdk::Op& op)
      : kernels_(kernels),
        gate_(gate),
        up_(up),
        tiles_(tiles),
        args_(GluArgsOf(op)),
        y_(op.output_index(CONCORD_FUSED_LINEAR_EXPERTS_GLU_OUT_Y)) {}

  int64_t Tiles(const Frame& frame) const override { return tiles_.Of(gate_, frame).tiles; }

  void Run(const Frame& frame, int64_t tile, uint32_t worker) const override {
    const ExpertTiles::Cut cut = tiles_.Of(gate_, frame);
    const ExpertTiles::Tile at = tiles_.At(gate_, frame, cut, tile);
    kernels::LinearTile rows = at.rows;
    const int64_t m_rows = rows.m_end - rows.m_begin;
    const int64_t part = CeilDiv(m_rows * cut.n_tile, 16) * 16;  // keeps what follows aligned to 64 bytes
    float* const gate = reinterpret_cast<float*>(frame.Worker(worker));
    float* const up = gate + part;
    if (at.known) {
      rows.scratch = up + part;
      rows.y_stride = cut.n_tile;
      rows.y_rows = nullptr;
      // The kernels write result (m, n) at y[m * stride + n]; the buffers hold this tile alone.
      const int64_t shift = rows.m_begin * cut.n_tile + rows.n_begin;
      rows.y = gate - shift;
      gate_.Run(frame, rows, at.expert);
      rows.y = up - shift;
      up_.Run(frame, rows, at.expert);
    } else {
      std::fill(gate, gate + 2 * part, 0.0f);
    }
    for (int64_t m = 0; m < m_rows; ++m) {
      kernels::GluArgs args = args_;
      args.gate = gate + m * cut.n_tile;
      args.up = up + m * cut.n_tile;
      args.y = frame.Data<float>(y_) + at.rows.y_rows[rows.m_begin + m] * gate_.n_out + rows.n_begin;
      args.n_rows = 1;
      args.width = rows.n_end - rows.n_begin;
      kernels_.glu(args);
    }
  }

 private:
  const kernels::KernelTable& kernels_;
  LinearPart gate_, up_;
  ExpertTiles tiles_;
  kernels::GluArgs args_;
  uint32_t y_;
};

sdk::Support Query(const sdk::Op& op) {
  Checks checks(op);
  checks.Inputs({CONCORD_FUSED_LINEAR_EXPERTS_GLU_IN_X})
      .Int32({CONCORD_FUSED_LINEAR_EXPERTS_GLU_IN_IDS})
      .Outputs({CONCORD_FUSED_LINEAR_EXPERTS_GLU_OUT_Y});
  if (!checks.ok()) return checks.Answer();
  const sdk::Value gate = op.input(CONCORD_FUSED_LINEAR_EXPERTS_GLU_IN_W_GATE),
                   up = op.input(CONCORD_FUSED_LINEAR_EXPERTS_GLU_IN_W_UP);
  checks.Same(gate, up).Need(gate.packing() == up.packing(), "weights of two packings");
  CheckExperts(op, op.input(CONCORD_FUSED_LINEAR_EXPERTS_GLU_IN_X), gate,
               op.input(CONCORD_FUSED_LINEAR_EXPERTS_GLU_IN_IDS), op.output(CONCORD_FUSED_LINEAR_EXPERTS_GLU_OUT_Y),
               &checks);
  CheckGluAttributes(op, &checks);
  checks.Need(!IsRelu(op), "act relu in one");
  return checks.Answer();
}

sdk::Result<std::unique_ptr<Step>> Compile(const sdk::Op& op, StepBuilder& builder) {
  const sdk::Value x = op.input(CONCORD_FUSED_LINEAR_EXPERTS_GLU_IN_X),
                   w = op.input(CONCORD_FUSED_LINEAR_EXPERTS_GLU_IN_W_GATE);
  sdk::Result<LinearPart> gate = LinearPart::Make(op, x, w, builder);
  if (!gate.ok()) return gate.status();
  sdk::Result<LinearPart> up = LinearPart::Make(op, x, op.input(CONCORD_FUSED_LINEAR_EXPERTS_GLU_IN_W_UP), builder);
  if (!up.ok()) return up.status();
  const ExpertTiles tiles(op.input(CONCORD_FUSED_LINEAR_EXPERTS_GLU_IN_IDS), w, x.rank() == 3, builder);
  // The widest tile over all numbers of tokens: fewer rows of x mean more rows of W. All rows may be one expert's.
  const int64_t capacity = std::max<int64_t>(builder.bindings().capacity(gate->x.n), 1);
  int64_t part = 0;
  for (int64_t n = 1; n <= capacity; ++n) part = std::max(part, tiles.MostRows(n) * tiles.Of(*gate, n).n_tile);
  const int64_t kernel_bytes = gate->kernel->scratch_bytes(gate->k, tiles.MostRows(capacity));
  builder.NeedWorkerScratch(
      static_cast<uint64_t>(2 * (CeilDiv(part, 16) * 16) * int64_t{sizeof(float)} + kernel_bytes));
  return std::unique_ptr<Step>(std::make_unique<LinearExpertsGluStep>(builder.kernels(), *gate, *up, tiles, op));
}

}  // namespace

CONCORD_CPU_OP(fused_linear_experts_glu, CONCORD_OP_FUSED_LINEAR_EXPERTS_GLU,
               CONCORD_OP_FUSED_LINEAR_EXPERTS_GLU_VERSION, Query, Compile);

}  // namespace concord::cpu

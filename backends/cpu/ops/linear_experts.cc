#include "backends/cpu/op_rows.h"
#include "backends/cpu/ops/experts_part.h"
#include "concord/ops.h"

namespace concord::cpu {
namespace {

class LinearExpertsStep final : public Step {
 public:
  LinearExpertsStep(const LinearPart& part, const ExpertTiles& tiles, uint32_t y) : part_(part), tiles_(tiles), y_(y) {}

  int64_t Tiles(const Frame& frame) const override { return tiles_.Of(part_, frame).tiles; }
  void Run(const Frame& frame, int64_t tile, uint32_t worker) const override {
    ExpertTiles::Tile at = tiles_.At(part_, frame, tiles_.Of(part_, frame), tile);
    at.rows.y = frame.Data<float>(y_);
    at.rows.y_stride = part_.n_out;
    at.rows.scratch = frame.Worker(worker);
    if (at.known) return part_.Run(frame, at.rows, at.expert);
    for (int64_t m = at.rows.m_begin; m < at.rows.m_end; ++m) {
      float* const row = at.rows.y + at.rows.y_rows[m] * part_.n_out;
      std::fill(row + at.rows.n_begin, row + at.rows.n_end, 0.0f);
    }
  }

 private:
  LinearPart part_;
  ExpertTiles tiles_;
  uint32_t y_;
};

sdk::Support Query(const sdk::Op& op) {
  Checks checks(op);
  checks.Inputs({CONCORD_LINEAR_EXPERTS_IN_X})
      .Int32({CONCORD_LINEAR_EXPERTS_IN_IDS})
      .Outputs({CONCORD_LINEAR_EXPERTS_OUT_Y})
      .Attributes({});
  if (!checks.ok()) return checks.Answer();
  const sdk::Value w = op.input(CONCORD_LINEAR_EXPERTS_IN_W), bias = op.input(CONCORD_LINEAR_EXPERTS_IN_BIAS);
  CheckExperts(op, op.input(CONCORD_LINEAR_EXPERTS_IN_X), w, op.input(CONCORD_LINEAR_EXPERTS_IN_IDS),
               op.output(CONCORD_LINEAR_EXPERTS_OUT_Y), &checks);
  if (checks.ok() && op.has_input(CONCORD_LINEAR_EXPERTS_IN_BIAS)) {
    checks
        .Need(bias.rank() == 2 && bias.fixed(0) == w.fixed(0) && bias.fixed(1) == w.fixed(1),
              "a bias of another shape than a row an expert")
        .Need(bias.packing() == "f32", sdk::Cat("a bias of type ", bias.packing()));
  }
  return checks.Answer();
}

sdk::Result<std::unique_ptr<Step>> Compile(const sdk::Op& op, StepBuilder& builder) {
  const sdk::Value x = op.input(CONCORD_LINEAR_EXPERTS_IN_X), w = op.input(CONCORD_LINEAR_EXPERTS_IN_W);
  sdk::Result<LinearPart> part = LinearPart::Make(op, x, w, builder);
  if (!part.ok()) return part.status();
  const sdk::Value bias = op.input(CONCORD_LINEAR_EXPERTS_IN_BIAS);
  const sdk::HostConstant* constant = bias.index == CONCORD_NONE ? nullptr : builder.bindings().constant(bias.index);
  const auto dense = static_cast<uint64_t>(part->n_out) * sizeof(float);
  if (constant != nullptr && constant->desc().row_stride_bytes != 0 && constant->desc().row_stride_bytes != dense) {
    return sdk::Error(CONCORD_INVALID_ARGUMENT, "constant '", bias.name(), "' has rows of ",
                      constant->desc().row_stride_bytes, " bytes, want ", dense);
  }
  sdk::Result<FloatVector> floats = builder.Floats(bias, w.fixed(0) * part->n_out);
  if (!floats.ok()) return floats.status();
  part->bias = *floats;
  const ExpertTiles tiles(op.input(CONCORD_LINEAR_EXPERTS_IN_IDS), w, x.rank() == 3, builder);
  const int64_t most_rows = tiles.MostRows(builder.bindings().capacity(part->x.n));
  builder.NeedWorkerScratch(static_cast<uint64_t>(part->kernel->scratch_bytes(part->k, most_rows)));
  return std::unique_ptr<Step>(
      std::make_unique<LinearExpertsStep>(*part, tiles, op.output_index(CONCORD_LINEAR_EXPERTS_OUT_Y)));
}

}  // namespace

CONCORD_CPU_OP(linear_experts, CONCORD_OP_LINEAR_EXPERTS, CONCORD_OP_LINEAR_EXPERTS_VERSION, Query, Compile);

}  // namespace concord::cpu

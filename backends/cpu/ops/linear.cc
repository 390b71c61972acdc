#include "backends/cpu/op_rows.h"
#include "backends/cpu/ops/linear_part.h"
#include "concord/ops.h"

namespace concord::cpu {
namespace {

class LinearStep final : public Step {
 public:
  LinearStep(const LinearPart& part, uint32_t y) : part_(part), y_(y) {}

  int64_t Tiles(const Frame& frame) const override { return LinearTiling::Of(part_, frame.Extent(part_.x.n)).tiles; }
  void Run(const Frame& frame, int64_t tile, uint32_t worker) const override {
    const int64_t m = frame.Extent(part_.x.n);
    const LinearTiling t = LinearTiling::Of(part_, m);
    kernels::LinearTile rows = t.Rows(tile, m, part_.n_out);
    rows.y = frame.Data<float>(y_);
    rows.y_stride = part_.n_out;
    rows.scratch = frame.Worker(worker);
    part_.Run(frame, rows);
  }

 private:
  LinearPart part_;
  uint32_t y_;
};

sdk::Support Query(const sdk::Op& op) {
  Checks checks(op);
  const sdk::Value w = op.input(CONCORD_LINEAR_IN_W), y = op.output(CONCORD_LINEAR_OUT_Y);
  checks.Inputs({CONCORD_LINEAR_IN_X}).Outputs({CONCORD_LINEAR_OUT_Y}).Attributes({CONCORD_LINEAR_ATTR_HEADS});
  if (checks.ok()) LinearPart::Check(op, op.input(CONCORD_LINEAR_IN_X), w, &checks);
  if (checks.ok()) {
    checks.Vector(CONCORD_LINEAR_IN_BIAS, w.fixed(0))
        .Need(Activation::Of(y).width() == w.fixed(0), "a y whose width is not that of the weights");
  }
  return checks.Answer();
}

sdk::Result<std::unique_ptr<Step>> Compile(const sdk::Op& op, StepBuilder& builder) {
  sdk::Result<LinearPart> part =
      LinearPart::Make(op, op.input(CONCORD_LINEAR_IN_X), op.input(CONCORD_LINEAR_IN_W), builder);
  if (!part.ok()) return part.status();
  sdk::Result<FloatVector> bias = builder.Floats(op.input(CONCORD_LINEAR_IN_BIAS), part->n_out);
  if (!bias.ok()) return bias.status();
  part->bias = *bias;
  return std::unique_ptr<Step>(std::make_unique<LinearStep>(*part, op.output_index(CONCORD_LINEAR_OUT_Y)));
}

}  // namespace

CONCORD_CPU_OP(linear, CONCORD_OP_LINEAR, CONCORD_OP_LINEAR_VERSION, Query, Compile);

}  // namespace concord::cpu

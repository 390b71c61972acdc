#include "backends/gpu/op_rows.h"
#include "backends/gpu/ops/linear_launches.h"
#include "concord/ops.h"

namespace concord::gpu {
namespace {

sdk::Support Query(const sdk::Op& op) {
  Checks checks(op, {"f16", "f32", "int8/32"});
  checks.Inputs({CONCORD_FUSED_LINEAR_GLU_IN_X}).Outputs({CONCORD_FUSED_LINEAR_GLU_OUT_Y});
  for (uint32_t w : {CONCORD_FUSED_LINEAR_GLU_IN_W_GATE, CONCORD_FUSED_LINEAR_GLU_IN_W_UP}) {
    if (checks.ok()) LinearLaunches::Check(op, CONCORD_FUSED_LINEAR_GLU_IN_X, w, &checks);
  }
  if (checks.ok()) {
    const sdk::Value gate = op.input(CONCORD_FUSED_LINEAR_GLU_IN_W_GATE),
                     up = op.input(CONCORD_FUSED_LINEAR_GLU_IN_W_UP);
    checks.Same(gate, up)
        .Need(gate.packing() == up.packing(), "weights of two packings")
        .Need(Checks::Width(op.output(CONCORD_FUSED_LINEAR_GLU_OUT_Y)) == gate.fixed(0),
              "a y whose width is not that of the weights");
    GluAttrs::Check(op, &checks);
  }
  return checks.Answer();
}

sdk::Result<bool> Compile(const sdk::Op& op, LaunchBuilder& builder) {
  LinearLaunches(&builder, op, op.input(CONCORD_FUSED_LINEAR_GLU_IN_X))
      .Glu(op.input(CONCORD_FUSED_LINEAR_GLU_IN_W_GATE), op.input(CONCORD_FUSED_LINEAR_GLU_IN_W_UP), GluAttrs::Of(op),
           op.output(CONCORD_FUSED_LINEAR_GLU_OUT_Y));
  return true;
}

}  // namespace

CONCORD_GPU_OP(fused_linear_glu, CONCORD_OP_FUSED_LINEAR_GLU, CONCORD_OP_FUSED_LINEAR_GLU_VERSION, Query, Compile);

}  // namespace concord::gpu

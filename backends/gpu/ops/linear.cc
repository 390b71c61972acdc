#include "backends/gpu/op_rows.h"
#include "backends/gpu/ops/linear_launches.h"
#include "concord/ops.h"

namespace concord::gpu {
namespace {

sdk::Support Query(const sdk::Op& op) {
  Checks checks(op, {"f16", "f32", "int8/32"});
  checks.Inputs({CONCORD_LINEAR_IN_X}).Outputs({CONCORD_LINEAR_OUT_Y}).Attributes({CONCORD_LINEAR_ATTR_HEADS});
  if (checks.ok()) LinearLaunches::Check(op, CONCORD_LINEAR_IN_X, CONCORD_LINEAR_IN_W, &checks);
  if (checks.ok()) {
    const int64_t n_out = op.input(CONCORD_LINEAR_IN_W).fixed(0);
    checks.Vector(CONCORD_LINEAR_IN_BIAS, n_out)
        .Need(Checks::Width(op.output(CONCORD_LINEAR_OUT_Y)) == n_out, "a y whose width is not that of the weights");
  }
  return checks.Answer();
}

sdk::Result<bool> Compile(const sdk::Op& op, LaunchBuilder& builder) {
  LinearLaunches(&builder, op, op.input(CONCORD_LINEAR_IN_X))
      .Linear(op.input(CONCORD_LINEAR_IN_W), op.input_index(CONCORD_LINEAR_IN_BIAS),
              Arg::Out(op.output_index(CONCORD_LINEAR_OUT_Y)));
  return true;
}

}  // namespace

CONCORD_GPU_OP(linear, CONCORD_OP_LINEAR, CONCORD_OP_LINEAR_VERSION, Query, Compile);

}  // namespace concord::gpu

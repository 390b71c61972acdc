#include "backends/gpu/checks.h"
#include "backends/gpu/op_rows.h"
#include "backends/gpu/ops/norm_launch.h"
#include "concord/ops.h"

namespace concord::gpu {
namespace {

sdk::Support Query(const sdk::Op& op) {
  Checks checks(op);
  checks.Inputs({CONCORD_LAYER_NORM_IN_X})
      .Outputs({CONCORD_LAYER_NORM_OUT_Y})
      .Attributes({CONCORD_LAYER_NORM_ATTR_EPS});
  if (checks.ok()) {
    const sdk::Value x = op.input(CONCORD_LAYER_NORM_IN_X);
    checks.Same(x, op.output(CONCORD_LAYER_NORM_OUT_Y))
        .Vector(CONCORD_LAYER_NORM_IN_W, x.fixed(-1))
        .Vector(CONCORD_LAYER_NORM_IN_B, x.fixed(-1));
  }
  return checks.Answer();
}

sdk::Result<bool> Compile(const sdk::Op& op, LaunchBuilder& builder) {
  Norm norm{Norm::Kind::kLayer};
  norm.eps = op.attrs().Float(CONCORD_LAYER_NORM_ATTR_EPS, CONCORD_LAYER_NORM_DEFAULT_EPS);
  norm.weight = op.input_index(CONCORD_LAYER_NORM_IN_W);
  norm.bias = op.input_index(CONCORD_LAYER_NORM_IN_B);
  return norm.Add(builder, op.input(CONCORD_LAYER_NORM_IN_X), op.output_index(CONCORD_LAYER_NORM_OUT_Y));
}

}  // namespace

CONCORD_GPU_OP(layer_norm, CONCORD_OP_LAYER_NORM, CONCORD_OP_LAYER_NORM_VERSION, Query, Compile);

}  // namespace concord::gpu

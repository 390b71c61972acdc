#include "backends/gpu/checks.h"
#include "backends/gpu/op_rows.h"
#include "backends/gpu/ops/norm_launch.h"
#include "backends/sdk/op_checks.h"
#include "concord/ops.h"

namespace concord::gpu {
namespace {

sdk::Support Query(const sdk::Op& op) {
  Checks checks(op);
  sdk::CheckLayerNorm(op, &checks);
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

#include "backends/gpu/checks.h"
#include "backends/gpu/op_rows.h"
#include "backends/gpu/ops/norm_launch.h"
#include "backends/sdk/op_checks.h"
#include "concord/ops.h"

namespace concord::gpu {
namespace {

sdk::Support Query(const sdk::Op& op) {
  Checks checks(op);
  sdk::CheckAddRmsNorm(op, &checks);
  return checks.Answer();
}

sdk::Result<bool> Compile(const sdk::Op& op, LaunchBuilder& builder) {
  const sdk::Attrs& attrs = op.attrs();
  Norm norm{Norm::Kind::kRms};
  norm.eps = attrs.Float(CONCORD_FUSED_ADD_RMS_NORM_ATTR_EPS, CONCORD_FUSED_ADD_RMS_NORM_DEFAULT_EPS);
  norm.weight = op.input_index(CONCORD_FUSED_ADD_RMS_NORM_IN_W);
  norm.weight_offset =
      attrs.Int(CONCORD_FUSED_ADD_RMS_NORM_ATTR_ADD_ONE, CONCORD_FUSED_ADD_RMS_NORM_DEFAULT_ADD_ONE) != 0 ? 1 : 0;
  norm.addend = op.input_index(CONCORD_FUSED_ADD_RMS_NORM_IN_B);
  norm.sum = op.output_index(CONCORD_FUSED_ADD_RMS_NORM_OUT_SUM);
  return norm.Add(builder, op.input(CONCORD_FUSED_ADD_RMS_NORM_IN_A),
                  op.output_index(CONCORD_FUSED_ADD_RMS_NORM_OUT_Y));
}

}  // namespace

CONCORD_GPU_OP(fused_add_rms_norm, CONCORD_OP_FUSED_ADD_RMS_NORM, CONCORD_OP_FUSED_ADD_RMS_NORM_VERSION, Query,
               Compile);

}  // namespace concord::gpu

#include "backends/gpu/checks.h"
#include "backends/gpu/op_rows.h"
#include "backends/gpu/ops/norm_launch.h"
#include "backends/sdk/op_checks.h"
#include "concord/ops.h"

namespace concord::gpu {
namespace {

sdk::Support Query(const sdk::Op& op) {
  Checks checks(op);
  sdk::CheckRmsNorm(op, &checks);
  return checks.Answer();
}

sdk::Result<bool> Compile(const sdk::Op& op, LaunchBuilder& builder) {
  Norm norm{Norm::Kind::kRms};
  norm.eps = op.attrs().Float(CONCORD_RMS_NORM_ATTR_EPS, CONCORD_RMS_NORM_DEFAULT_EPS);
  norm.weight = op.input_index(CONCORD_RMS_NORM_IN_W);
  norm.weight_offset = op.attrs().Int(CONCORD_RMS_NORM_ATTR_ADD_ONE, CONCORD_RMS_NORM_DEFAULT_ADD_ONE) != 0 ? 1 : 0;
  return norm.Add(builder, op.input(CONCORD_RMS_NORM_IN_X), op.output_index(CONCORD_RMS_NORM_OUT_Y));
}

}  // namespace

CONCORD_GPU_OP(rms_norm, CONCORD_OP_RMS_NORM, CONCORD_OP_RMS_NORM_VERSION, Query, Compile);

}  // namespace concord::gpu

#include "backends/gpu/checks.h"
#include "backends/gpu/op_rows.h"
#include "backends/gpu/ops/norm_launch.h"
#include "backends/sdk/op_checks.h"
#include "concord/ops.h"

namespace concord::gpu {
namespace {

sdk::Support Query(const sdk::Op& op) {
  Checks checks(op);
  sdk::CheckL2Norm(op, &checks);
  return checks.Answer();
}

sdk::Result<bool> Compile(const sdk::Op& op, LaunchBuilder& builder) {
  Norm norm{Norm::Kind::kL2};
  norm.eps = op.attrs().Float(CONCORD_L2_NORM_ATTR_EPS, CONCORD_L2_NORM_DEFAULT_EPS);
  return norm.Add(builder, op.input(CONCORD_L2_NORM_IN_X), op.output_index(CONCORD_L2_NORM_OUT_Y));
}

}  // namespace

CONCORD_GPU_OP(l2_norm, CONCORD_OP_L2_NORM, CONCORD_OP_L2_NORM_VERSION, Query, Compile);

}  // namespace concord::gpu

#include "backends/gpu/checks.h"
#include "backends/gpu/op_rows.h"
#include "backends/gpu/ops/map_launch.h"
#include "backends/sdk/op_checks.h"
#include "concord/ops.h"

namespace concord::gpu {
namespace {

sdk::Support Query(const sdk::Op& op) {
  Checks checks(op);
  sdk::CheckScale(op, &checks);
  return checks.Answer();
}

sdk::Result<bool> Compile(const sdk::Op& op, LaunchBuilder& builder) {
  return AddMap(builder, Map::kScale, op.input(CONCORD_SCALE_IN_X), op.output_index(CONCORD_SCALE_OUT_Y),
                op.attrs().Float(CONCORD_SCALE_ATTR_FACTOR, CONCORD_SCALE_DEFAULT_FACTOR));
}

}  // namespace

CONCORD_GPU_OP(scale, CONCORD_OP_SCALE, CONCORD_OP_SCALE_VERSION, Query, Compile);

}  // namespace concord::gpu

#include "backends/gpu/checks.h"
#include "backends/gpu/op_rows.h"
#include "backends/gpu/ops/map_launch.h"
#include "backends/sdk/op_checks.h"
#include "concord/ops.h"

namespace concord::gpu {
namespace {

sdk::Support Query(const sdk::Op& op) {
  Checks checks(op);
  sdk::CheckLogitsPost(op, &checks);
  return checks.Answer();
}

sdk::Result<bool> Compile(const sdk::Op& op, LaunchBuilder& builder) {
  const double scale = op.attrs().Float(CONCORD_LOGITS_POST_ATTR_SCALE, CONCORD_LOGITS_POST_DEFAULT_SCALE);
  const double softcap = op.attrs().Float(CONCORD_LOGITS_POST_ATTR_SOFTCAP, CONCORD_LOGITS_POST_DEFAULT_SOFTCAP);
  return AddMap(builder, softcap > 0 ? Map::kSoftcap : Map::kScale, op.input(CONCORD_LOGITS_POST_IN_Z),
                op.output_index(CONCORD_LOGITS_POST_OUT_Y), scale, softcap);
}

}  // namespace

CONCORD_GPU_OP(logits_post, CONCORD_OP_LOGITS_POST, CONCORD_OP_LOGITS_POST_VERSION, Query, Compile);

}  // namespace concord::gpu

#include "backends/cpu/checks.h"
#include "backends/cpu/op_rows.h"
#include "backends/cpu/ops/map_step.h"
#include "backends/sdk/op_checks.h"
#include "concord/ops.h"

namespace concord::cpu {
namespace {

sdk::Support Query(const sdk::Op& op) {
  Checks checks(op);
  sdk::CheckLogitsPost(op, &checks);
  return checks.Answer();
}

sdk::Result<std::unique_ptr<Step>> Compile(const sdk::Op& op, StepBuilder& builder) {
  const auto scale =
      static_cast<float>(op.attrs().Float(CONCORD_LOGITS_POST_ATTR_SCALE, CONCORD_LOGITS_POST_DEFAULT_SCALE));
  const auto softcap =
      static_cast<float>(op.attrs().Float(CONCORD_LOGITS_POST_ATTR_SOFTCAP, CONCORD_LOGITS_POST_DEFAULT_SOFTCAP));
  return MakeMapStep(op.input(CONCORD_LOGITS_POST_IN_Z), op.output_index(CONCORD_LOGITS_POST_OUT_Y),
                     [post = builder.kernels().logits_post, scale, softcap](const float* x, float* y, int64_t n) {
                       post(x, scale, softcap, y, n);
                     });
}

}  // namespace

CONCORD_CPU_OP(logits_post, CONCORD_OP_LOGITS_POST, CONCORD_OP_LOGITS_POST_VERSION, Query, Compile);

}  // namespace concord::cpu

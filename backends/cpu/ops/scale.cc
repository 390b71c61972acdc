#include "backends/cpu/checks.h"
#include "backends/cpu/op_rows.h"
#include "backends/cpu/ops/map_step.h"
#include "backends/sdk/op_checks.h"
#include "concord/ops.h"

namespace concord::cpu {
namespace {

sdk::Support Query(const sdk::Op& op) {
  Checks checks(op);
  sdk::CheckScale(op, &checks);
  return checks.Answer();
}

sdk::Result<std::unique_ptr<Step>> Compile(const sdk::Op& op, StepBuilder& builder) {
  const auto factor = static_cast<float>(op.attrs().Float(CONCORD_SCALE_ATTR_FACTOR, CONCORD_SCALE_DEFAULT_FACTOR));
  return MakeMapStep(
      op.input(CONCORD_SCALE_IN_X), op.output_index(CONCORD_SCALE_OUT_Y),
      [scale = builder.kernels().scale, factor](const float* x, float* y, int64_t n) { scale(x, factor, y, n); });
}

}  // namespace

CONCORD_CPU_OP(scale, CONCORD_OP_SCALE, CONCORD_OP_SCALE_VERSION, Query, Compile);

}  // namespace concord::cpu

#include "backends/cpu/op_rows.h"
#include "backends/cpu/ops/norm_step.h"
#include "backends/sdk/op_checks.h"
#include "concord/ops.h"

namespace concord::cpu {
namespace {

sdk::Support Query(const sdk::Op& op) {
  Checks checks(op);
  sdk::CheckL2Norm(op, &checks);
  return checks.Answer();
}

sdk::Result<std::unique_ptr<Step>> Compile(const sdk::Op& op, StepBuilder& builder) {
  NormStep::Parameters p;
  p.eps = static_cast<float>(op.attrs().Float(CONCORD_L2_NORM_ATTR_EPS, CONCORD_L2_NORM_DEFAULT_EPS));
  return std::unique_ptr<Step>(std::make_unique<NormStep>(builder.kernels().l2_norm, op.input(CONCORD_L2_NORM_IN_X),
                                                          op.output_index(CONCORD_L2_NORM_OUT_Y), p));
}

}  // namespace

CONCORD_CPU_OP(l2_norm, CONCORD_OP_L2_NORM, CONCORD_OP_L2_NORM_VERSION, Query, Compile);

}  // namespace concord::cpu

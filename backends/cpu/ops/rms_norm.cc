#include "backends/cpu/op_rows.h"
#include "backends/cpu/ops/norm_step.h"
#include "backends/sdk/op_checks.h"
#include "concord/ops.h"

namespace concord::cpu {
namespace {

sdk::Support Query(const sdk::Op& op) {
  Checks checks(op);
  sdk::CheckRmsNorm(op, &checks);
  return checks.Answer();
}

sdk::Result<std::unique_ptr<Step>> Compile(const sdk::Op& op, StepBuilder& builder) {
  const sdk::Value x = op.input(CONCORD_RMS_NORM_IN_X);
  sdk::Result<FloatVector> weight = builder.Floats(op.input(CONCORD_RMS_NORM_IN_W), x.fixed(-1));
  if (!weight.ok()) return weight.status();
  NormStep::Parameters p;
  p.weight = *weight;
  p.weight_offset = op.attrs().Int(CONCORD_RMS_NORM_ATTR_ADD_ONE, CONCORD_RMS_NORM_DEFAULT_ADD_ONE) != 0 ? 1.0f : 0.0f;
  p.eps = static_cast<float>(op.attrs().Float(CONCORD_RMS_NORM_ATTR_EPS, CONCORD_RMS_NORM_DEFAULT_EPS));
  return std::unique_ptr<Step>(
      std::make_unique<NormStep>(builder.kernels().rms_norm, x, op.output_index(CONCORD_RMS_NORM_OUT_Y), p));
}

}  // namespace

CONCORD_CPU_OP(rms_norm, CONCORD_OP_RMS_NORM, CONCORD_OP_RMS_NORM_VERSION, Query, Compile);

}  // namespace concord::cpu

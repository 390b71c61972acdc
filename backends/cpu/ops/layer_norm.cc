#include "backends/cpu/op_rows.h"
#include "backends/cpu/ops/norm_step.h"
#include "backends/sdk/op_checks.h"
#include "concord/ops.h"

namespace concord::cpu {
namespace {

sdk::Support Query(const sdk::Op& op) {
  Checks checks(op);
  sdk::CheckLayerNorm(op, &checks);
  return checks.Answer();
}

sdk::Result<std::unique_ptr<Step>> Compile(const sdk::Op& op, StepBuilder& builder) {
  const sdk::Value x = op.input(CONCORD_LAYER_NORM_IN_X);
  sdk::Result<FloatVector> weight = builder.Floats(op.input(CONCORD_LAYER_NORM_IN_W), x.fixed(-1));
  if (!weight.ok()) return weight.status();
  sdk::Result<FloatVector> bias = builder.Floats(op.input(CONCORD_LAYER_NORM_IN_B), x.fixed(-1));
  if (!bias.ok()) return bias.status();
  NormStep::Parameters p;
  p.weight = *weight;
  p.bias = *bias;
  p.eps = static_cast<float>(op.attrs().Float(CONCORD_LAYER_NORM_ATTR_EPS, CONCORD_LAYER_NORM_DEFAULT_EPS));
  return std::unique_ptr<Step>(
      std::make_unique<NormStep>(builder.kernels().layer_norm, x, op.output_index(CONCORD_LAYER_NORM_OUT_Y), p));
}

}  // namespace

CONCORD_CPU_OP(layer_norm, CONCORD_OP_LAYER_NORM, CONCORD_OP_LAYER_NORM_VERSION, Query, Compile);

}  // namespace concord::cpu

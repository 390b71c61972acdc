#include "backends/gpu/op_rows.h"
#include "backends/gpu/ops/glu_attrs.h"
#include "backends/gpu/ops/launches.h"
#include "backends/sdk/op_checks.h"

namespace concord::gpu {
namespace {

sdk::Support Query(const sdk::Op& op) {
  Checks checks(op);
  sdk::CheckGlu(op, &checks);
  GluAttrs::Check(op, &checks);
  return checks.Answer();
}

sdk::Result<bool> Compile(const sdk::Op& op, LaunchBuilder& builder) {
  const GluAttrs attrs = GluAttrs::Of(op);
  const sdk::Value gate = op.input(CONCORD_GLU_IN_GATE);
  builder.Add(FlatLaunch(
      builder, "glu", attrs.constants(),
      {Arg::In(gate.index), Arg::In(op.input_index(CONCORD_GLU_IN_UP)), Arg::Out(op.output_index(CONCORD_GLU_OUT_Y))},
      Size::Elems(gate), attrs.words()));
  return true;
}

}  // namespace

CONCORD_GPU_OP(glu, CONCORD_OP_GLU, CONCORD_OP_GLU_VERSION, Query, Compile);

}  // namespace concord::gpu

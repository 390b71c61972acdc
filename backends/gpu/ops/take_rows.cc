#include "backends/gpu/checks.h"
#include "backends/gpu/op_rows.h"
#include "backends/gpu/ops/launches.h"
#include "backends/sdk/op_checks.h"
#include "concord/ops.h"

namespace concord::gpu {
namespace {

sdk::Support Query(const sdk::Op& op) {
  Checks checks(op);
  sdk::CheckTakeRows(op, &checks);
  return checks.Answer();
}

sdk::Result<bool> Compile(const sdk::Op& op, LaunchBuilder& builder) {
  const sdk::Value x = op.input(CONCORD_TAKE_ROWS_IN_X), y = op.output(CONCORD_TAKE_ROWS_OUT_Y);
  builder.Add(FlatLaunch(builder, "take_rows", {},
                         {Arg::In(x.index), Arg::In(op.input_index(CONCORD_TAKE_ROWS_IN_ROWS)), Arg::Out(y.index)},
                         Size::Elems(y), {Word::Of(Size::Elems(x, 0, 1)), Word::U(Checks::Width(x))}));
  return true;
}

}  // namespace

CONCORD_GPU_OP(take_rows, CONCORD_OP_TAKE_ROWS, CONCORD_OP_TAKE_ROWS_VERSION, Query, Compile);

}  // namespace concord::gpu

#include "backends/gpu/checks.h"
#include "backends/gpu/op_rows.h"
#include "backends/gpu/ops/launches.h"
#include "backends/sdk/op_checks.h"
#include "concord/ops.h"

namespace concord::gpu {
namespace {

sdk::Support Query(const sdk::Op& op) {
  Checks checks(op);
  sdk::CheckRope(op, &checks);
  return checks.Answer();
}

sdk::Result<bool> Compile(const sdk::Op& op, LaunchBuilder& builder) {
  const sdk::Value x = op.input(CONCORD_ROPE_IN_X);
  const int64_t pairs = op.input(CONCORD_ROPE_IN_INV_FREQ).fixed(0), d = x.fixed(2);
  const bool neox = op.attrs().String(CONCORD_ROPE_ATTR_KIND, CONCORD_ROPE_DEFAULT_KIND) == "neox";
  // A pair or an element that passes through.
  const Size items = Size::Elems(x, 0, 2).Times(d - pairs);
  builder.Add(
      FlatLaunch(builder, "rope", {{"NEOX", neox}},
                 {Arg::In(x.index), Arg::In(op.input_index(CONCORD_ROPE_IN_POSITIONS)),
                  Arg::In(op.input_index(CONCORD_ROPE_IN_INV_FREQ)), Arg::Out(op.output_index(CONCORD_ROPE_OUT_Y))},
                 items,
                 {Word::U(x.fixed(1)), Word::U(d), Word::U(pairs),
                  Word::U(op.attrs().Int(CONCORD_ROPE_ATTR_FIRST_DIM, CONCORD_ROPE_DEFAULT_FIRST_DIM)),
                  Word::F(op.attrs().Float(CONCORD_ROPE_ATTR_ATTN_FACTOR, CONCORD_ROPE_DEFAULT_ATTN_FACTOR))}));
  return true;
}

}  // namespace

CONCORD_GPU_OP(rope, CONCORD_OP_ROPE, CONCORD_OP_ROPE_VERSION, Query, Compile);

}  // namespace concord::gpu

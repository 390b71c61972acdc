#include "backends/gpu/checks.h"
#include "backends/gpu/op_rows.h"
#include "backends/gpu/ops/launches.h"
#include "concord/ops.h"

namespace concord::gpu {
namespace {

sdk::Support Query(const sdk::Op& op) {
  Checks checks(op);
  const sdk::Value x = op.input(CONCORD_ROPE_IN_X), inv_freq = op.input(CONCORD_ROPE_IN_INV_FREQ),
                   positions = op.input(CONCORD_ROPE_IN_POSITIONS);
  const std::string_view kind = op.attrs().String(CONCORD_ROPE_ATTR_KIND, CONCORD_ROPE_DEFAULT_KIND);
  const int64_t first = op.attrs().Int(CONCORD_ROPE_ATTR_FIRST_DIM, CONCORD_ROPE_DEFAULT_FIRST_DIM);
  checks.Inputs({CONCORD_ROPE_IN_X})
      .Outputs({CONCORD_ROPE_OUT_Y})
      .Int32({CONCORD_ROPE_IN_POSITIONS})
      .Attributes({CONCORD_ROPE_ATTR_KIND, CONCORD_ROPE_ATTR_FIRST_DIM, CONCORD_ROPE_ATTR_ATTN_FACTOR})
      .Need(kind == "neox" || kind == "norm", sdk::Cat("kind ", kind))
      .Need(x.rank() == 3 && inv_freq.rank() == 1 && positions.rank() == 1 && inv_freq.fixed(0) >= 0, "these ranks");
  if (checks.ok()) {
    checks.Same(x, op.output(CONCORD_ROPE_OUT_Y))
        .Vector(CONCORD_ROPE_IN_INV_FREQ, inv_freq.fixed(0))
        .Need(Checks::SameDim(positions.dim(0), x.dim(0)), "other positions than one a token")
        .Need(first >= 0 && first + 2 * inv_freq.fixed(0) <= x.fixed(2), "rotary dims beyond the head");
  }
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

#include "backends/gpu/checks.h"
#include "backends/gpu/op_rows.h"
#include "backends/gpu/ops/launches.h"
#include "concord/ops.h"

namespace concord::gpu {
namespace {

sdk::Support Query(const sdk::Op& op) {
  Checks checks(op);
  const sdk::Value table = op.input(CONCORD_EMBED_IN_TABLE), ids = op.input(CONCORD_EMBED_IN_IDS);
  checks.Weights(CONCORD_EMBED_IN_TABLE);
  checks.Int32({CONCORD_EMBED_IN_IDS})
      .Outputs({CONCORD_EMBED_OUT_Y})
      .Attributes({})
      .Need(ids.rank() == 1, "ids that are no vector");
  if (checks.ok()) {
    const sdk::Value y = op.output(CONCORD_EMBED_OUT_Y);
    checks.Need(y.rank() == 2 && y.fixed(1) == table.fixed(1) && Checks::SameDim(y.dim(0), ids.dim(0)),
                "a y of another shape than [n, d]");
  }
  return checks.Answer();
}

sdk::Result<bool> Compile(const sdk::Op& op, LaunchBuilder& builder) {
  const sdk::Value table = op.input(CONCORD_EMBED_IN_TABLE), ids = op.input(CONCORD_EMBED_IN_IDS);
  const WeightLayout layout = builder.Layout(table);
  for (uint32_t p = 0; p < layout.parts.size(); ++p) {
    const WeightLayout::Part& part = layout.parts[p];
    Launch launch;
    launch.kernel = {sdk::Cat("embed.", table.packing()),
                     {{"WG", WorkgroupFor(builder.limits(), layout.row_units, 128)}}};
    launch.args = {Arg::In(ids.index), Arg::Weights(table.index, p), Arg::Weights(table.index, p),
                   Arg::Out(op.output_index(CONCORD_EMBED_OUT_Y))};
    launch.words = {Word::Of(Size::Elems(ids)),
                    Word::U(layout.cols),
                    Word::U(layout.row_units),
                    Word::U(part.row_begin),
                    Word::U(part.rows),
                    Word::U(layout.rows),
                    Word::U(static_cast<int64_t>(part.scales_word)),
                    Word::U(static_cast<int64_t>(part.supers_word))};
    launch.groups = Size::Elems(ids);
    builder.Add(std::move(launch));
  }
  return true;
}

}  // namespace

CONCORD_GPU_OP(embed, CONCORD_OP_EMBED, CONCORD_OP_EMBED_VERSION, Query, Compile);

}  // namespace concord::gpu

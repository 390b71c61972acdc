#pragma once

#include "backends/gpu/checks.h"
#include "backends/gpu/ops/launches.h"

namespace concord::gpu {

// y = a ∘ b, where b has a's shape, or is one row for all, or (mul) one factor a row.
struct BinaryOp {
  enum class Form { kSame, kRow, kFactor };

  uint32_t a, b, y;  // slots
  bool is_mul;

  static Form FormOf(const sdk::Value& a, const sdk::Value& b) {
    if (b.rank() == 1 && a.rank() > 1) return Form::kRow;
    return b.rank() == a.rank() && b.fixed(-1) == 1 && a.fixed(-1) != 1 ? Form::kFactor : Form::kSame;
  }

  sdk::Support Query(const sdk::Op& op) const {
    Checks checks(op);
    checks.Inputs({a}).Outputs({y}).Attributes({});
    if (!checks.ok()) return checks.Answer();
    const sdk::Value va = op.input(a), vb = op.input(b);
    checks.Same(va, op.output(y)).Need(vb.index != CONCORD_NONE, "a missing b");
    switch (FormOf(va, vb)) {
      case Form::kRow:
        checks.Vector(b, va.fixed(-1));
        break;
      case Form::kSame:
        checks.Inputs({b}).Same(va, vb);
        break;
      case Form::kFactor:
        checks.Need(is_mul, "one summand a row")
            .Inputs({b})
            .Need(Checks::SameDim(va.dim(0), vb.dim(0)) && Checks::Width(vb) * va.fixed(-1) == Checks::Width(va),
                  "factors for other rows than a has");
        break;
    }
    return checks.Answer();
  }

  sdk::Result<bool> Compile(const sdk::Op& op, LaunchBuilder& builder) const {
    const sdk::Value va = op.input(a), vb = op.input(b);
    const Form form = FormOf(va, vb);
    builder.Add(FlatLaunch(
        builder, "binary", {{"IS_MUL", is_mul}}, {Arg::In(va.index), Arg::In(vb.index), Arg::Out(op.output_index(y))},
        Size::Elems(va),
        {Word::U(form == Form::kRow ? va.fixed(-1) : 0), Word::U(form == Form::kFactor ? va.fixed(-1) : 1)}));
    return true;
  }
};

}  // namespace concord::gpu

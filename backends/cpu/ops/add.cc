#include "backends/cpu/op_rows.h"
#include "backends/cpu/ops/binary_step.h"
#include "concord/ops.h"

namespace concord::cpu {
namespace {

sdk::Support Query(const sdk::Op& op) {
  Checks checks(op);
  checks.Inputs({CONCORD_ADD_IN_A}).Outputs({CONCORD_ADD_OUT_Y}).Attributes({});
  if (!checks.ok()) return checks.Answer();
  const sdk::Value a = op.input(CONCORD_ADD_IN_A), b = op.input(CONCORD_ADD_IN_B);
  checks.Same(a, op.output(CONCORD_ADD_OUT_Y)).Need(b.index != CONCORD_NONE, "a missing b");
  switch (BinaryStep::FormOf(a, b)) {
    case BinaryStep::Form::kRow:
      checks.Vector(CONCORD_ADD_IN_B, a.fixed(-1));
      break;
    case BinaryStep::Form::kSame:
      checks.Inputs({CONCORD_ADD_IN_B}).Same(a, b);
      break;
    case BinaryStep::Form::kFactor:
      checks.Need(false, "one summand a row");
      break;
  }
  return checks.Answer();
}

sdk::Result<std::unique_ptr<Step>> Compile(const sdk::Op& op, StepBuilder& builder) {
  const sdk::Value a = op.input(CONCORD_ADD_IN_A), b = op.input(CONCORD_ADD_IN_B);
  const BinaryStep::Form form = BinaryStep::FormOf(a, b);
  FloatVector operand;
  operand.value = b.index;
  if (form == BinaryStep::Form::kRow) {
    sdk::Result<FloatVector> row = builder.Floats(b, a.fixed(-1));
    if (!row.ok()) return row.status();
    operand = *row;
  }
  return std::unique_ptr<Step>(std::make_unique<BinaryStep>(builder.kernels(), builder.kernels().add, form, a, operand,
                                                            op.output_index(CONCORD_ADD_OUT_Y)));
}

}  // namespace

CONCORD_CPU_OP(add, CONCORD_OP_ADD, CONCORD_OP_ADD_VERSION, Query, Compile);

}  // namespace concord::cpu

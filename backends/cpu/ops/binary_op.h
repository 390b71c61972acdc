#pragma once

#include <memory>

#include "backends/cpu/ops/binary_step.h"

namespace concord::cpu {

// Where the operands of add and mul stand in their signatures.
struct BinarySlots {
  uint32_t a, b, y;
};

// `factors`: whether b may have one value a row, Form::kFactor.
inline sdk::Support QueryBinary(const sdk::Op& op, BinarySlots slots, bool factors) {
  Checks checks(op);
  checks.Inputs({slots.a}).Outputs({slots.y}).Attributes({});
  if (!checks.ok()) return checks.Answer();
  const sdk::Value a = op.input(slots.a), b = op.input(slots.b);
  checks.Same(a, op.output(slots.y)).Need(b.index != CONCORD_NONE, "a missing b");
  switch (BinaryStep::FormOf(a, b)) {
    case BinaryStep::Form::kRow:
      checks.Vector(slots.b, a.fixed(-1));
      break;
    case BinaryStep::Form::kSame:
      checks.Inputs({slots.b}).Same(a, b);
      break;
    case BinaryStep::Form::kFactor:
      checks.Need(factors, "one summand a row")
          .Inputs({slots.b})
          .Need(b.dim(0).symbol == a.dim(0).symbol && b.dim(0).value == a.dim(0).value &&
                    Activation::Of(b).mult == Activation::Of(a).mult,
                "factors for other rows than a has");
      break;
  }
  return checks.Answer();
}

inline sdk::Result<std::unique_ptr<Step>> CompileBinary(const sdk::Op& op, BinarySlots slots, BinaryStep::Kernel kernel,
                                                        StepBuilder& builder) {
  const sdk::Value a = op.input(slots.a), b = op.input(slots.b);
  const BinaryStep::Form form = BinaryStep::FormOf(a, b);
  FloatVector operand;
  operand.value = b.index;
  if (form == BinaryStep::Form::kRow) {
    sdk::Result<FloatVector> row = builder.Floats(b, a.fixed(-1));
    if (!row.ok()) return row.status();
    operand = *row;
  }
  return std::unique_ptr<Step>(
      std::make_unique<BinaryStep>(builder.kernels(), kernel, form, a, operand, op.output_index(slots.y)));
}

}  // namespace concord::cpu

#include "backends/cpu/op_rows.h"
#include "backends/cpu/ops/binary_op.h"
#include "concord/ops.h"

namespace concord::cpu {
namespace {

constexpr BinarySlots kSlots = {CONCORD_MUL_IN_A, CONCORD_MUL_IN_B, CONCORD_MUL_OUT_Y};

sdk::Support Query(const sdk::Op& op) { return QueryBinary(op, kSlots, true); }

sdk::Result<std::unique_ptr<Step>> Compile(const sdk::Op& op, StepBuilder& builder) {
  return CompileBinary(op, kSlots, builder.kernels().mul, builder);
}

}  // namespace

CONCORD_CPU_OP(mul, CONCORD_OP_MUL, CONCORD_OP_MUL_VERSION, Query, Compile);

}  // namespace concord::cpu

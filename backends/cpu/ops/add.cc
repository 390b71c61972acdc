#include "backends/cpu/op_rows.h"
#include "backends/cpu/ops/binary_op.h"
#include "concord/ops.h"

namespace concord::cpu {
namespace {

constexpr BinarySlots kSlots = {CONCORD_ADD_IN_A, CONCORD_ADD_IN_B, CONCORD_ADD_OUT_Y};

sdk::Support Query(const sdk::Op& op) { return QueryBinary(op, kSlots, false); }

sdk::Result<std::unique_ptr<Step>> Compile(const sdk::Op& op, StepBuilder& builder) {
  return CompileBinary(op, kSlots, builder.kernels().add, builder);
}

}  // namespace

CONCORD_CPU_OP(add, CONCORD_OP_ADD, CONCORD_OP_ADD_VERSION, Query, Compile);

}  // namespace concord::cpu

#include "backends/gpu/op_rows.h"
#include "backends/gpu/ops/binary_launch.h"
#include "concord/ops.h"

namespace concord::gpu {
namespace {

constexpr BinaryOp kOp = {CONCORD_ADD_IN_A, CONCORD_ADD_IN_B, CONCORD_ADD_OUT_Y, false};

sdk::Support Query(const sdk::Op& op) { return kOp.Query(op); }

sdk::Result<bool> Compile(const sdk::Op& op, LaunchBuilder& builder) { return kOp.Compile(op, builder); }

}  // namespace

CONCORD_GPU_OP(add, CONCORD_OP_ADD, CONCORD_OP_ADD_VERSION, Query, Compile);

}  // namespace concord::gpu

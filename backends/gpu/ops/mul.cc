#include "backends/gpu/op_rows.h"
#include "backends/gpu/ops/binary_launch.h"
#include "concord/ops.h"

namespace concord::gpu {
namespace {

constexpr BinaryOp kOp = {CONCORD_MUL_IN_A, CONCORD_MUL_IN_B, CONCORD_MUL_OUT_Y, true};

sdk::Support Query(const sdk::Op& op) { return kOp.Query(op); }

sdk::Result<bool> Compile(const sdk::Op& op, LaunchBuilder& builder) { return kOp.Compile(op, builder); }

}  // namespace

CONCORD_GPU_OP(mul, CONCORD_OP_MUL, CONCORD_OP_MUL_VERSION, Query, Compile);

}  // namespace concord::gpu

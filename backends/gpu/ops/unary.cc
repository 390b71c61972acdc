#include <optional>

#include "backends/gpu/checks.h"
#include "backends/gpu/op_rows.h"
#include "backends/gpu/ops/map_launch.h"
#include "backends/sdk/op_checks.h"
#include "concord/ops.h"

namespace concord::gpu {
namespace {

std::optional<Map> KindOf(const sdk::Op& op) {
  constexpr std::pair<std::string_view, Map> kKinds[] = {
      {"exp", Map::kExp},   {"gelu_tanh", Map::kGeluTanh}, {"relu", Map::kRelu}, {"sigmoid", Map::kSigmoid},
      {"silu", Map::kSilu}, {"softplus", Map::kSoftplus},  {"sqrt", Map::kSqrt}, {"tanh", Map::kTanh},
  };
  const std::string_view wanted = op.attrs().String(CONCORD_UNARY_ATTR_KIND, CONCORD_UNARY_DEFAULT_KIND);
  for (const auto& [name, kind] : kKinds) {
    if (name == wanted) return kind;
  }
  return std::nullopt;
}

sdk::Support Query(const sdk::Op& op) {
  Checks checks(op);
  sdk::CheckUnary(op, &checks).Need(KindOf(op).has_value(), "this kind of function");
  return checks.Answer();
}

sdk::Result<bool> Compile(const sdk::Op& op, LaunchBuilder& builder) {
  return AddMap(builder, *KindOf(op), op.input(CONCORD_UNARY_IN_X), op.output_index(CONCORD_UNARY_OUT_Y));
}

}  // namespace

CONCORD_GPU_OP(unary, CONCORD_OP_UNARY, CONCORD_OP_UNARY_VERSION, Query, Compile);

}  // namespace concord::gpu

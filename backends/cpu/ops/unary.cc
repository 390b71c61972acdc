#include <optional>

#include "backends/cpu/checks.h"
#include "backends/cpu/op_rows.h"
#include "backends/cpu/ops/map_step.h"
#include "backends/sdk/op_checks.h"
#include "concord/ops.h"

namespace concord::cpu {
namespace {

std::optional<kernels::Unary> KindOf(const sdk::Op& op) {
  constexpr std::pair<std::string_view, kernels::Unary> kKinds[] = {
      {"silu", kernels::Unary::kSilu},
      {"sigmoid", kernels::Unary::kSigmoid},
      {"gelu_tanh", kernels::Unary::kGeluTanh},
      {"softplus", kernels::Unary::kSoftplus},
      {"relu", kernels::Unary::kRelu},
      {"tanh", kernels::Unary::kTanh},
      {"exp", kernels::Unary::kExp},
      {"sqrt", kernels::Unary::kSqrt},
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

sdk::Result<std::unique_ptr<Step>> Compile(const sdk::Op& op, StepBuilder& builder) {
  return MakeMapStep(op.input(CONCORD_UNARY_IN_X), op.output_index(CONCORD_UNARY_OUT_Y),
                     [unary = builder.kernels().unary, kind = *KindOf(op)](const float* x, float* y, int64_t n) {
                       unary(kind, x, y, n);
                     });
}

}  // namespace

CONCORD_CPU_OP(unary, CONCORD_OP_UNARY, CONCORD_OP_UNARY_VERSION, Query, Compile);

}  // namespace concord::cpu

#pragma once

#include <string_view>

#include "backends/cpu/checks.h"
#include "concord/ops.h"
#include "kernels/cpu/row_ops.h"

namespace concord::cpu {

// relu has no kernel of its own; without clamps it is two others, one after the other.
inline bool IsRelu(const sdk::Op& op) {
  return op.attrs().String(CONCORD_GLU_ATTR_ACT, CONCORD_GLU_DEFAULT_ACT) == "relu" &&
         op.attrs().String(CONCORD_GLU_ATTR_CLAMP, CONCORD_GLU_DEFAULT_CLAMP) == "none" &&
         op.attrs().Int(CONCORD_GLU_ATTR_PLUS_ONE, CONCORD_GLU_DEFAULT_PLUS_ONE) == 0;
}

// The attributes of glu, which fused_linear_glu has too under the same keys.
inline void CheckGluAttributes(const sdk::Op& op, Checks* checks) {
  const std::string_view act = op.attrs().String(CONCORD_GLU_ATTR_ACT, CONCORD_GLU_DEFAULT_ACT);
  const std::string_view clamp = op.attrs().String(CONCORD_GLU_ATTR_CLAMP, CONCORD_GLU_DEFAULT_CLAMP);
  checks
      ->Attributes({CONCORD_GLU_ATTR_ACT, CONCORD_GLU_ATTR_CLAMP, CONCORD_GLU_ATTR_ALPHA, CONCORD_GLU_ATTR_LIMIT,
                    CONCORD_GLU_ATTR_PLUS_ONE})
      .Need(act == "silu" || act == "gelu_tanh" || IsRelu(op), sdk::Cat("act ", act, " with these clamps"))
      .Need(clamp == "none" || clamp == "before" || clamp == "after", sdk::Cat("clamp ", clamp));
}

inline kernels::GluArgs GluArgsOf(const sdk::Op& op) {
  const sdk::Attrs& attrs = op.attrs();
  kernels::GluArgs args;
  args.alpha = static_cast<float>(attrs.Float(CONCORD_GLU_ATTR_ALPHA, CONCORD_GLU_DEFAULT_ALPHA));
  args.limit = static_cast<float>(attrs.Float(CONCORD_GLU_ATTR_LIMIT, CONCORD_GLU_DEFAULT_LIMIT));
  args.plus_one = attrs.Int(CONCORD_GLU_ATTR_PLUS_ONE, CONCORD_GLU_DEFAULT_PLUS_ONE) != 0 ? 1.0f : 0.0f;
  const std::string_view clamp = attrs.String(CONCORD_GLU_ATTR_CLAMP, CONCORD_GLU_DEFAULT_CLAMP);
  args.clamp = clamp == "before"  ? kernels::GluClamp::kBefore
               : clamp == "after" ? kernels::GluClamp::kAfter
                                  : kernels::GluClamp::kNone;
  const bool silu = attrs.String(CONCORD_GLU_ATTR_ACT, CONCORD_GLU_DEFAULT_ACT) == "silu";
  args.act = !silu ? kernels::GluAct::kGeluTanh : args.alpha != 1.0f ? kernels::GluAct::kOai : kernels::GluAct::kSilu;
  return args;
}

}  // namespace concord::cpu

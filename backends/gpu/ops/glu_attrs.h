#pragma once

#include <string_view>
#include <vector>

#include "backends/gpu/checks.h"
#include "backends/gpu/launch.h"
#include "concord/ops.h"

namespace concord::gpu {

// The attributes of glu, which fused_linear_glu has too under the same keys, as the kernels have them: the constants
// ACT and CLAMP, the parameters alpha, limit, plus.
struct GluAttrs {
  uint32_t act = 0, clamp = 0;  // kernels/gpu/math.inc
  float alpha = 0, limit = 0, plus = 0;

  static void Check(const sdk::Op& op, Checks* checks) {
    checks
        ->Attributes({CONCORD_GLU_ATTR_ACT, CONCORD_GLU_ATTR_CLAMP, CONCORD_GLU_ATTR_ALPHA, CONCORD_GLU_ATTR_LIMIT,
                      CONCORD_GLU_ATTR_PLUS_ONE})
        .Need(ActOf(op) < std::size(kActs), "this act")
        .Need(ClampOf(op) < std::size(kClamps), "this clamp");
  }
  static GluAttrs Of(const sdk::Op& op) {
    const sdk::Attrs& attrs = op.attrs();
    GluAttrs made;
    made.act = ActOf(op);
    made.clamp = ClampOf(op);
    made.alpha = static_cast<float>(attrs.Float(CONCORD_GLU_ATTR_ALPHA, CONCORD_GLU_DEFAULT_ALPHA));
    made.limit = static_cast<float>(attrs.Float(CONCORD_GLU_ATTR_LIMIT, CONCORD_GLU_DEFAULT_LIMIT));
    made.plus = attrs.Int(CONCORD_GLU_ATTR_PLUS_ONE, CONCORD_GLU_DEFAULT_PLUS_ONE) != 0 ? 1.0f : 0.0f;
    return made;
  }
  std::vector<KernelKey::Constant> constants() const { return {{"ACT", act}, {"CLAMP", clamp}}; }
  std::vector<Word> words() const { return {Word::F(alpha), Word::F(limit), Word::F(plus)}; }

 private:
  static constexpr std::string_view kActs[] = {"silu", "gelu_tanh", "relu"};
  static constexpr std::string_view kClamps[] = {"none", "before", "after"};

  template <size_t kCount>
  static uint32_t Find(const std::string_view (&names)[kCount], std::string_view name) {
    uint32_t i = 0;
    while (i < kCount && names[i] != name) ++i;
    return i;
  }
  static uint32_t ActOf(const sdk::Op& op) {
    return Find(kActs, op.attrs().String(CONCORD_GLU_ATTR_ACT, CONCORD_GLU_DEFAULT_ACT));
  }
  static uint32_t ClampOf(const sdk::Op& op) {
    return Find(kClamps, op.attrs().String(CONCORD_GLU_ATTR_CLAMP, CONCORD_GLU_DEFAULT_CLAMP));
  }
};

}  // namespace concord::gpu

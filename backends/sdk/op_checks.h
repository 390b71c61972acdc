#pragma once

#include "backends/sdk/checks.h"
#include "concord/ops.h"

// What kernels ask of the ops that meet paged state, whichever device they run on; types and widths of the state are
// the device's own to check.
namespace concord::sdk {
inline namespace v0 {

inline Checks& CheckRope(const Op& op, Checks* checks) {
  const Value x = op.input(CONCORD_ROPE_IN_X), inv_freq = op.input(CONCORD_ROPE_IN_INV_FREQ),
              positions = op.input(CONCORD_ROPE_IN_POSITIONS);
  const std::string_view kind = op.attrs().String(CONCORD_ROPE_ATTR_KIND, CONCORD_ROPE_DEFAULT_KIND);
  const int64_t first = op.attrs().Int(CONCORD_ROPE_ATTR_FIRST_DIM, CONCORD_ROPE_DEFAULT_FIRST_DIM);
  checks->Inputs({CONCORD_ROPE_IN_X})
      .Outputs({CONCORD_ROPE_OUT_Y})
      .Int32({CONCORD_ROPE_IN_POSITIONS})
      .Attributes({CONCORD_ROPE_ATTR_KIND, CONCORD_ROPE_ATTR_FIRST_DIM, CONCORD_ROPE_ATTR_ATTN_FACTOR})
      .Need(kind == "neox" || kind == "norm", Cat("kind ", kind))
      .Need(x.rank() == 3 && inv_freq.rank() == 1 && positions.rank() == 1 && inv_freq.fixed(0) >= 0, "these ranks");
  if (checks->ok()) {
    checks->Same(x, op.output(CONCORD_ROPE_OUT_Y))
        .Vector(CONCORD_ROPE_IN_INV_FREQ, inv_freq.fixed(0))
        .Need(Checks::SameDim(positions.dim(0), x.dim(0)), "other positions than one a token")
        .Need(first >= 0 && first + 2 * inv_freq.fixed(0) <= x.fixed(2), "rotary dims beyond the head");
  }
  return *checks;
}

inline Checks& CheckLayerNorm(const Op& op, Checks* checks) {
  checks->Inputs({CONCORD_LAYER_NORM_IN_X})
      .Outputs({CONCORD_LAYER_NORM_OUT_Y})
      .Attributes({CONCORD_LAYER_NORM_ATTR_EPS});
  if (checks->ok()) {
    const Value x = op.input(CONCORD_LAYER_NORM_IN_X);
    checks->Same(x, op.output(CONCORD_LAYER_NORM_OUT_Y))
        .Vector(CONCORD_LAYER_NORM_IN_W, x.fixed(-1))
        .Vector(CONCORD_LAYER_NORM_IN_B, x.fixed(-1));
  }
  return *checks;
}

inline Checks& CheckAddRmsNorm(const Op& op, Checks* checks) {
  checks->Inputs({CONCORD_FUSED_ADD_RMS_NORM_IN_A, CONCORD_FUSED_ADD_RMS_NORM_IN_B})
      .Outputs({CONCORD_FUSED_ADD_RMS_NORM_OUT_SUM, CONCORD_FUSED_ADD_RMS_NORM_OUT_Y})
      .Attributes({CONCORD_FUSED_ADD_RMS_NORM_ATTR_EPS, CONCORD_FUSED_ADD_RMS_NORM_ATTR_ADD_ONE});
  if (checks->ok()) {
    const Value a = op.input(CONCORD_FUSED_ADD_RMS_NORM_IN_A);
    checks->Same(a, op.input(CONCORD_FUSED_ADD_RMS_NORM_IN_B))
        .Same(a, op.output(CONCORD_FUSED_ADD_RMS_NORM_OUT_SUM))
        .Same(a, op.output(CONCORD_FUSED_ADD_RMS_NORM_OUT_Y))
        .Vector(CONCORD_FUSED_ADD_RMS_NORM_IN_W, a.fixed(-1));
  }
  return *checks;
}

inline Checks& CheckRmsNorm(const Op& op, Checks* checks) {
  checks->Inputs({CONCORD_RMS_NORM_IN_X})
      .Outputs({CONCORD_RMS_NORM_OUT_Y})
      .Attributes({CONCORD_RMS_NORM_ATTR_EPS, CONCORD_RMS_NORM_ATTR_ADD_ONE});
  if (checks->ok()) {
    const Value x = op.input(CONCORD_RMS_NORM_IN_X);
    checks->Same(x, op.output(CONCORD_RMS_NORM_OUT_Y)).Vector(CONCORD_RMS_NORM_IN_W, x.fixed(-1));
  }
  return *checks;
}

inline Checks& CheckLogitsPost(const Op& op, Checks* checks) {
  checks->Inputs({CONCORD_LOGITS_POST_IN_Z})
      .Outputs({CONCORD_LOGITS_POST_OUT_Y})
      .Attributes({CONCORD_LOGITS_POST_ATTR_SCALE, CONCORD_LOGITS_POST_ATTR_SOFTCAP});
  if (checks->ok()) checks->Same(op.input(CONCORD_LOGITS_POST_IN_Z), op.output(CONCORD_LOGITS_POST_OUT_Y));
  return *checks;
}

inline Checks& CheckTakeRows(const Op& op, Checks* checks) {
  checks->Inputs({CONCORD_TAKE_ROWS_IN_X})
      .Outputs({CONCORD_TAKE_ROWS_OUT_Y})
      .Int32({CONCORD_TAKE_ROWS_IN_ROWS})
      .Attributes({});
  if (checks->ok()) {
    const Value x = op.input(CONCORD_TAKE_ROWS_IN_X), y = op.output(CONCORD_TAKE_ROWS_OUT_Y);
    checks->Need(x.rank() >= 2 && y.rank() == x.rank() && Checks::Width(x) == Checks::Width(y),
                 "rows of differing shapes");
  }
  return *checks;
}

inline Checks& CheckL2Norm(const Op& op, Checks* checks) {
  checks->Inputs({CONCORD_L2_NORM_IN_X}).Outputs({CONCORD_L2_NORM_OUT_Y}).Attributes({CONCORD_L2_NORM_ATTR_EPS});
  if (checks->ok()) checks->Same(op.input(CONCORD_L2_NORM_IN_X), op.output(CONCORD_L2_NORM_OUT_Y));
  return *checks;
}

inline Checks& CheckScale(const Op& op, Checks* checks) {
  checks->Inputs({CONCORD_SCALE_IN_X}).Outputs({CONCORD_SCALE_OUT_Y}).Attributes({CONCORD_SCALE_ATTR_FACTOR});
  if (checks->ok()) checks->Same(op.input(CONCORD_SCALE_IN_X), op.output(CONCORD_SCALE_OUT_Y));
  return *checks;
}

inline Checks& CheckUnary(const Op& op, Checks* checks) {
  checks->Inputs({CONCORD_UNARY_IN_X}).Outputs({CONCORD_UNARY_OUT_Y}).Attributes({CONCORD_UNARY_ATTR_KIND});
  if (checks->ok()) checks->Same(op.input(CONCORD_UNARY_IN_X), op.output(CONCORD_UNARY_OUT_Y));
  return *checks;
}

inline Checks& CheckGlu(const Op& op, Checks* checks) {
  checks->Inputs({CONCORD_GLU_IN_GATE, CONCORD_GLU_IN_UP}).Outputs({CONCORD_GLU_OUT_Y});
  if (checks->ok()) {
    const Value gate = op.input(CONCORD_GLU_IN_GATE);
    checks->Same(gate, op.input(CONCORD_GLU_IN_UP)).Same(gate, op.output(CONCORD_GLU_OUT_Y));
  }
  return *checks;
}

inline Checks& CheckMoeRoute(const Op& op, Checks* checks) {
  const std::string_view func = op.attrs().String(CONCORD_MOE_ROUTE_ATTR_FUNC, CONCORD_MOE_ROUTE_DEFAULT_FUNC),
                         score = op.attrs().String(CONCORD_MOE_ROUTE_ATTR_GROUP_SCORE,
                                                   CONCORD_MOE_ROUTE_DEFAULT_GROUP_SCORE);
  const int64_t k = op.attrs().Int(CONCORD_MOE_ROUTE_ATTR_K, CONCORD_MOE_ROUTE_DEFAULT_K);
  checks->Inputs({CONCORD_MOE_ROUTE_IN_LOGITS})
      .Outputs({CONCORD_MOE_ROUTE_OUT_WEIGHTS})
      .Attributes({CONCORD_MOE_ROUTE_ATTR_FUNC, CONCORD_MOE_ROUTE_ATTR_K, CONCORD_MOE_ROUTE_ATTR_GROUPS,
                   CONCORD_MOE_ROUTE_ATTR_TOPK_GROUP, CONCORD_MOE_ROUTE_ATTR_GROUP_SCORE,
                   CONCORD_MOE_ROUTE_ATTR_NORMALISE, CONCORD_MOE_ROUTE_ATTR_SCALE})
      .Need(func == "softmax" || func == "sigmoid" || func == "softmax_after" || func == "sqrt_softplus",
            Cat("func ", func))
      .Need(score == "max" || score == "top2", Cat("group_score ", score));
  if (!checks->ok()) return *checks;
  const Value logits = op.input(CONCORD_MOE_ROUTE_IN_LOGITS), ids = op.output(CONCORD_MOE_ROUTE_OUT_IDS);
  checks->Need(logits.rank() == 2 && logits.fixed(1) >= k && k > 0, "fewer experts than k")
      .Same(ids, op.output(CONCORD_MOE_ROUTE_OUT_WEIGHTS))
      .Need(
          ids.packing() == "i32" && ids.rank() == 2 && ids.fixed(1) == k && Checks::SameDim(ids.dim(0), logits.dim(0)),
          "ids of another shape than k a token")
      .Vector(CONCORD_MOE_ROUTE_IN_BIAS, logits.fixed(1));
  if (checks->ok() && op.has_input(CONCORD_MOE_ROUTE_IN_FORCED_IDS)) {
    checks->Int32({CONCORD_MOE_ROUTE_IN_FORCED_IDS}).Same(op.input(CONCORD_MOE_ROUTE_IN_FORCED_IDS), ids);
  }
  return *checks;
}

inline Checks& CheckWeightedSum(const Op& op, Checks* checks) {
  checks->Inputs({CONCORD_WEIGHTED_SUM_IN_X, CONCORD_WEIGHTED_SUM_IN_W})
      .Outputs({CONCORD_WEIGHTED_SUM_OUT_Y})
      .Attributes({});
  if (!checks->ok()) return *checks;
  const Value x = op.input(CONCORD_WEIGHTED_SUM_IN_X), w = op.input(CONCORD_WEIGHTED_SUM_IN_W),
              y = op.output(CONCORD_WEIGHTED_SUM_OUT_Y);
  return checks->Need(x.rank() == 3 && w.rank() == 2 && y.rank() == 2, "these ranks")
      .Need(x.fixed(1) == w.fixed(1) && x.fixed(2) == y.fixed(1) && Checks::SameDim(x.dim(0), w.dim(0)) &&
                Checks::SameDim(x.dim(0), y.dim(0)),
            "operands that do not fit");
}

inline Checks& CheckKvAppend(const Op& op, Checks* checks) {
  const Value k = op.input(CONCORD_KV_APPEND_IN_K), v = op.input(CONCORD_KV_APPEND_IN_V),
              k_cache = op.input(CONCORD_KV_APPEND_IN_K_CACHE), v_cache = op.input(CONCORD_KV_APPEND_IN_V_CACHE);
  checks->Inputs({CONCORD_KV_APPEND_IN_K, CONCORD_KV_APPEND_IN_V})
      .Int32({CONCORD_KV_APPEND_IN_SLOTS})
      .Attributes({})
      .PagedState(k_cache)
      .PagedState(v_cache);
  if (!checks->ok()) return *checks;
  return checks->Need(k.rank() == 3 && v.rank() == 3 && k.fixed(1) == k_cache.fixed(1) &&
                          k.fixed(2) == k_cache.fixed(3) && v.fixed(1) == v_cache.fixed(1) &&
                          v.fixed(2) == v_cache.fixed(3) && k.fixed(1) == v.fixed(1) &&
                          k_cache.fixed(2) == v_cache.fixed(2),
                      "keys and values that do not fit the state");
}

inline Checks& CheckAttention(const Op& op, Checks* checks) {
  const Value q = op.input(CONCORD_ATTENTION_IN_Q), k = op.input(CONCORD_ATTENTION_IN_K_CACHE),
              v = op.input(CONCORD_ATTENTION_IN_V_CACHE), table = op.input(CONCORD_ATTENTION_IN_BLOCK_TABLE),
              y = op.output(CONCORD_ATTENTION_OUT_Y);
  checks->Inputs({CONCORD_ATTENTION_IN_Q})
      .Outputs({CONCORD_ATTENTION_OUT_Y})
      .Int32({CONCORD_ATTENTION_IN_BLOCK_TABLE, CONCORD_ATTENTION_IN_Q_START, CONCORD_ATTENTION_IN_KV_LEN})
      .Attributes({CONCORD_ATTENTION_ATTR_SCALE, CONCORD_ATTENTION_ATTR_SOFTCAP, CONCORD_ATTENTION_ATTR_WINDOW,
                   CONCORD_ATTENTION_ATTR_CHUNK})
      .PagedState(k)
      .PagedState(v)
      .Need(q.rank() == 3 && y.rank() == 3 && table.rank() == 2, "these ranks");
  if (!checks->ok()) return *checks;
  return checks
      ->Need(q.fixed(2) == k.fixed(3) && y.fixed(1) == q.fixed(1) && y.fixed(2) == v.fixed(3) &&
                 q.fixed(1) % k.fixed(1) == 0 && v.fixed(1) == k.fixed(1) && v.fixed(2) == k.fixed(2),
             "queries, keys and values that do not fit")
      .Vector(CONCORD_ATTENTION_IN_SINKS, q.fixed(1));
}

}  // namespace v0
}  // namespace concord::sdk

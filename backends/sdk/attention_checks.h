#pragma once

#include "backends/sdk/checks.h"
#include "concord/ops.h"

// What kernels ask of the ops that meet paged state, whichever device they run on; types and widths of the state are
// the device's own to check.
namespace concord::sdk {
inline namespace v0 {

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

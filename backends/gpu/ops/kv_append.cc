#include <utility>

#include "backends/gpu/op_rows.h"
#include "backends/gpu/ops/kv_state.h"
#include "backends/gpu/ops/launches.h"
#include "concord/ops.h"

namespace concord::gpu {
namespace {

// Elements an invocation: a word; two blocks of q8_0 where rows have them in pairs, because one ends in mid-word.
int64_t ElemsOf(const sdk::Value& cache) {
  const uint32_t type = KvState::TypeOf(cache);
  if (type == KvState::kQ8_0) return cache.fixed(3) % 64 == 0 ? 64 : 32;
  return type == 0 ? 1 : 2;
}

sdk::Support Query(const sdk::Op& op) {
  Checks checks(op);
  if (sdk::CheckKvAppend(op, &checks).ok()) {
    KvState::Check(op.input(CONCORD_KV_APPEND_IN_K_CACHE), &checks);
    KvState::Check(op.input(CONCORD_KV_APPEND_IN_V_CACHE), &checks);
  }
  return checks.Answer();
}

sdk::Result<bool> Compile(const sdk::Op& op, LaunchBuilder& builder) {
  for (const auto& [in, state] : {std::pair(CONCORD_KV_APPEND_IN_K, CONCORD_KV_APPEND_IN_K_CACHE),
                                  std::pair(CONCORD_KV_APPEND_IN_V, CONCORD_KV_APPEND_IN_V_CACHE)}) {
    const sdk::Value x = op.input(in), cache = op.input(state);
    const int64_t elems = ElemsOf(cache);
    builder.Add(
        FlatLaunch(builder, "kv_append", {{"KV_TYPE", KvState::TypeOf(cache)}, {"ELEMS", static_cast<uint32_t>(elems)}},
                   {Arg::In(x.index), Arg::In(op.input_index(CONCORD_KV_APPEND_IN_SLOTS)), Arg::Out(cache.index)},
                   Size::Elems(x, 0, 2).Times(x.fixed(2) / elems),
                   {Word::U(x.fixed(1)), Word::U(x.fixed(2)), Word::U(cache.fixed(2)),
                    Word::Of(Size::Elems(cache, 0, 1).Times(cache.fixed(2)))}));
  }
  return true;
}

}  // namespace

CONCORD_GPU_OP(kv_append, CONCORD_OP_KV_APPEND, CONCORD_OP_KV_APPEND_VERSION, Query, Compile);

}  // namespace concord::gpu

#include <algorithm>

#include "backends/cpu/op_rows.h"
#include "backends/cpu/ops/kv_cache.h"
#include "concord/ops.h"

namespace concord::cpu {
namespace {

// Tokens a tile; their slots are widened on the stack.
constexpr int64_t kTokens = 16;

class KvAppendStep final : public Step {
 public:
  KvAppendStep(const kernels::KernelTable& kernels, const sdk::Op& op)
      : kernels_(kernels),
        k_(Activation::Of(op.input(CONCORD_KV_APPEND_IN_K))),
        v_(Activation::Of(op.input(CONCORD_KV_APPEND_IN_V))),
        k_state_(KvState::Of(op.input(CONCORD_KV_APPEND_IN_K_CACHE))),
        v_state_(KvState::Of(op.input(CONCORD_KV_APPEND_IN_V_CACHE))),
        slots_(op.input_index(CONCORD_KV_APPEND_IN_SLOTS)) {}

  int64_t Tiles(const Frame& frame) const override { return CeilDiv(frame.Extent(k_.n), kTokens); }
  void Run(const Frame& frame, int64_t tile, uint32_t) const override {
    const int64_t begin = tile * kTokens, end = std::min(begin + kTokens, frame.Extent(k_.n));
    const int32_t* const given = frame.Data<int32_t>(slots_);
    const int64_t pool =
        std::min(frame.Extent(k_state_.n_blocks), frame.Extent(v_state_.n_blocks)) * k_state_.cache.block_tokens;
    int64_t slots[kTokens];
    for (int64_t t = begin; t < end; ++t) slots[t - begin] = given[t] < pool ? given[t] : -1;
    for (const auto& [x, state] : {std::pair(&k_, &k_state_), std::pair(&v_, &v_state_)}) {
      kernels::KvAppendArgs args;
      args.x = x->data(frame) + begin * x->width();
      args.x_stride = x->width();
      args.slots = slots;
      args.n_tokens = end - begin;
      args.cache = state->At(frame);
      kernels_.kv_append(args);
    }
  }

 private:
  const kernels::KernelTable& kernels_;
  Activation k_, v_;
  KvState k_state_, v_state_;
  uint32_t slots_;
};

sdk::Support Query(const sdk::Op& op) {
  Checks checks(op);
  if (sdk::CheckKvAppend(op, &checks).ok()) {
    KvState::Check(op.input(CONCORD_KV_APPEND_IN_K_CACHE), &checks);
    KvState::Check(op.input(CONCORD_KV_APPEND_IN_V_CACHE), &checks);
  }
  return checks.Answer();
}

sdk::Result<std::unique_ptr<Step>> Compile(const sdk::Op& op, StepBuilder& builder) {
  return std::unique_ptr<Step>(std::make_unique<KvAppendStep>(builder.kernels(), op));
}

}  // namespace

CONCORD_CPU_OP(kv_append, CONCORD_OP_KV_APPEND, CONCORD_OP_KV_APPEND_VERSION, Query, Compile);

}  // namespace concord::cpu

#include "runtime/exec/capacities.h"

#include <algorithm>

#include "runtime/base/status.h"

namespace concord::exec {
namespace {

int64_t Blocks(int64_t tokens, int64_t block_tokens) { return (tokens + block_tokens - 1) / block_tokens; }

}  // namespace

graph::SymbolValues StepCapacities::symbols() const {
  return {{ops::kNTokens, n_tokens},
          {ops::kNSeqs, n_seqs},
          {ops::kNOutputs, n_outputs},
          {ops::kNBlocks, n_blocks},
          {ops::kMaxBlocks, max_blocks}};
}

absl::StatusOr<StepCapacities> CapacitiesFor(const EngineOptions& options, int64_t context_tokens,
                                             int64_t block_tokens) {
  if (options.max_tokens_in_flight < 1 || options.max_sequences < 1 || options.kv_tokens < 0) {
    return absl::InvalidArgumentError(absl::StrCat("engine: max_tokens_in_flight is ", options.max_tokens_in_flight,
                                                   ", max_sequences ", options.max_sequences, ", kv_tokens ",
                                                   options.kv_tokens, "; want at least 1, 1 and 0"));
  }
  StepCapacities c;
  c.n_seqs = options.max_sequences;
  c.n_tokens = std::max(std::min(options.max_tokens_in_flight, std::max(context_tokens, c.n_seqs)), c.n_seqs);
  c.n_outputs = std::max(c.n_seqs, std::min(kScoreRows, c.n_tokens));
  c.max_blocks = Blocks(context_tokens, block_tokens);
  const int64_t pool_tokens = std::max(options.kv_tokens, context_tokens);
  if (pool_tokens > INT32_MAX - block_tokens) {  // slots are i32
    return absl::InvalidArgumentError(
        absl::StrCat("engine: ", pool_tokens, " KV tokens; at most ", INT32_MAX - block_tokens, " are possible"));
  }
  c.n_blocks = Blocks(pool_tokens, block_tokens);
  return c;
}

absl::StatusOr<int64_t> ContextFor(int64_t asked, int64_t max_context) {
  if (asked == 0) return max_context > 0 ? std::min(max_context, kDefaultContext) : kDefaultContext;
  if (max_context > 0 && asked > max_context) {
    return absl::OutOfRangeError(absl::StrCat("a context of ", asked,
                                              " tokens is asked for, but this model was made for ", max_context,
                                              "; ask for at most that"));
  }
  return asked;
}

}  // namespace concord::exec

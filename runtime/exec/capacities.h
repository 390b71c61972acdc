#pragma once

#include <cstdint>

#include "concord/concord.h"
#include "runtime/graph/sizes.h"

namespace concord::exec {

// A context that nobody asked for should not cost gigabytes: models of today are made for 128k tokens and more.
inline constexpr int64_t kDefaultContext = 8192;
// Tokens a KV block: a block of one head of 64 in f16 is then 4 KiB, a page.
inline constexpr int64_t kBlockTokens = 32;
inline constexpr int64_t kMaxBlockTokens = 1024;
// Rows whose logits Engine::Score asks for at once: they must fit the memory for logits.
inline constexpr int64_t kScoreRows = 32;

inline int64_t BlockTokensOf(const LoadOptions& options) {
  return options.kv_block_tokens > 0 ? options.kv_block_tokens : kBlockTokens;
}

// The most that any step of an engine uses; what its program is prepared for.
struct StepCapacities {
  int64_t n_tokens = 1;
  int64_t n_seqs = 1;
  int64_t n_outputs = 1;
  int64_t n_blocks = 1;    // KV blocks of the pool
  int64_t max_blocks = 1;  // KV blocks a sequence

  graph::SymbolValues symbols() const;
};

// What an engine with `options` on a model loaded for `context_tokens` is prepared for. A step has room for one token
// of every sequence, the pool for one whole context. InvalidArgument for options out of range.
absl::StatusOr<StepCapacities> CapacitiesFor(const EngineOptions& options, int64_t context_tokens,
                                             int64_t block_tokens = kBlockTokens);

// What a sequence may hold when `asked` (0: choose) is wanted of a model made for `max_context` (0: any). OutOfRange
// for more than that, also where a rope scaling could go on (dynamic). Rope tables are chosen for the result: models.
absl::StatusOr<int64_t> ContextFor(int64_t asked, int64_t max_context);

}  // namespace concord::exec

#pragma once

#include "runtime/exec/probe_program.h"
#include "runtime/graph/module.h"

namespace concord::exec {

// What a probe times: short programs of the ops of a language model, one after the other as they are there.

// `pairs` times: to `ff` and back to `width`, normed. All inputs and weights apart.
absl::StatusOr<graph::Module> LinearChain(int64_t width, int64_t ff, const char* packing, int64_t pairs);

// Decoder layers, unfused, of a width at which the ops do next to nothing.
absl::StatusOr<graph::Module> TinyLayers(int64_t layers);

struct HeadShape {
  int64_t n_heads = 32, n_kv_heads = 8, d_head = 64;  // of Llama 3.2 1B
};
// An attention over a cache of its own, with the append before it.
absl::StatusOr<graph::Module> AttentionLayer(const char* kv_packing, const HeadShape& shape);
// One sequence that has `kv_len` tokens, of which the step computes the last `n_tokens`.
graph::SymbolValues AttentionSizes(int64_t n_tokens, int64_t kv_len);
ProbeProgram::Integers AttentionInputs(int64_t n_tokens, int64_t kv_len);

// Sums and norms of rows of `width`, in turn.
absl::StatusOr<graph::Module> RowChain(int64_t width, int64_t pairs);

}  // namespace concord::exec

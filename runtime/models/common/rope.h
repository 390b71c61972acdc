#pragma once

#include <vector>

#include "runtime/models/model.h"

namespace concord::models {

// What the op `rope` needs, whatever the scaling: made once, at load.
struct RopeTable {
  std::vector<float> inv_freq;  // [n_rot / 2], radians a position
  double attn_factor = 1;       // on cos and sin
};

// The table for `n_rot` rotary dims from the file's settings: base frequency and scaling (none, linear, dynamic,
// llama3, yarn, longrope), in GGUF also the tensors rope_freqs and rope_factors_*. `context_tokens` chooses where a
// scaling depends on the length of the sequence: it is made for that length, shorter ones use the same table.
// Source: YaRN arXiv:2309.00071; LongRoPE arXiv:2402.13753.
absl::StatusOr<RopeTable> MakeRopeTable(const loader::ModelSource& source, int64_t n_rot, double default_base,
                                        int64_t context_tokens);

}  // namespace concord::models

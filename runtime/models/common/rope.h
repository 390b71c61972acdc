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
// llama3, yarn, longrope). In GGUF the tensors rope_freqs, rope_factors_short and rope_factors_long divide the
// frequencies whatever the type says, and attn_factor multiplies the attention factor that the type gives.
//
// `context_tokens` is the longest sequence that the table is made for. Where a scaling depends on the length, shorter
// sequences use the same table, so that every key in a cache is turned like the queries that meet it:
//   dynamic   above the trained length the base grows with context_tokens; up to it, nothing is scaled
//   longrope  long factors above the original length (that before the context was extended), short ones up to it
// All others give one table for every length. InvalidArgument for settings that contradict themselves or lack a part.
// Source: YaRN arXiv:2309.00071; LongRoPE arXiv:2402.13753.
absl::StatusOr<RopeTable> MakeRopeTable(const loader::ModelSource& source, int64_t n_rot, double default_base,
                                        int64_t context_tokens);

}  // namespace concord::models

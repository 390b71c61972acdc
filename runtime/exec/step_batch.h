#pragma once

#include <cstdint>
#include <vector>

namespace concord::exec {

// The inputs of one step: tokens of several sequences, one after the other (DESIGN D4). Capacities are reserved once;
// building a step allocates nothing.
struct StepBatch {
  std::vector<int32_t> tokens;       // [n_tokens]
  std::vector<int32_t> positions;    // [n_tokens]
  std::vector<int32_t> slots;        // [n_tokens]: where keys and values go
  std::vector<int32_t> q_start;      // [n_seqs + 1]
  std::vector<int32_t> kv_len;       // [n_seqs]: keys after this step
  std::vector<int32_t> block_table;  // [n_seqs, max_blocks], unused entries -1
  std::vector<int32_t> output_rows;  // [n_outputs]: rows of `tokens` whose logits are wanted
  int64_t max_blocks = 0;

  int64_t n_seqs() const { return static_cast<int64_t>(kv_len.size()); }

  void Reserve(int64_t max_tokens, int64_t max_seqs, int64_t max_outputs, int64_t table_width) {
    max_blocks = table_width;
    for (auto* v : {&tokens, &positions, &slots}) v->reserve(max_tokens);
    q_start.reserve(max_seqs + 1);
    kv_len.reserve(max_seqs);
    block_table.reserve(max_seqs * table_width);
    output_rows.reserve(max_outputs);
    Clear();
  }
  void Clear() {
    for (auto* v : {&tokens, &positions, &slots, &q_start, &kv_len, &block_table, &output_rows}) v->clear();
    q_start.push_back(0);
  }

  // Adds tokens [first, first + count) of a sequence whose KV blocks are `blocks`.
  void Add(const int32_t* sequence, int64_t first, int64_t count, const std::vector<int32_t>& blocks,
           int64_t block_tokens) {
    for (int64_t p = first; p < first + count; ++p) {
      tokens.push_back(sequence[p]);
      positions.push_back(static_cast<int32_t>(p));
      slots.push_back(static_cast<int32_t>(blocks[p / block_tokens] * block_tokens + p % block_tokens));
    }
    q_start.push_back(static_cast<int32_t>(tokens.size()));
    kv_len.push_back(static_cast<int32_t>(first + count));
    for (int64_t b = 0; b < max_blocks; ++b) {
      block_table.push_back(b < static_cast<int64_t>(blocks.size()) ? blocks[b] : -1);
    }
  }
};

}  // namespace concord::exec

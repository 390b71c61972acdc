#include "runtime/exec/micro_batch.h"

namespace concord::exec {

void SliceBatch(const StepBatch& whole, int64_t first, int64_t count, StepBatch* piece) {
  piece->Clear();
  piece->max_blocks = whole.max_blocks;
  const int64_t end = first + count;
  const auto take = [&](const std::vector<int32_t>& from, std::vector<int32_t>* to) {
    to->insert(to->end(), from.begin() + first, from.begin() + end);
  };
  take(whole.tokens, &piece->tokens);
  take(whole.positions, &piece->positions);
  take(whole.slots, &piece->slots);
  for (int64_t s = 0; s < whole.n_seqs(); ++s) {
    const int64_t begin = std::max<int64_t>(first, whole.q_start[s]);
    const int64_t stop = std::min<int64_t>(end, whole.q_start[s + 1]);
    if (begin >= stop) continue;
    piece->q_start.push_back(static_cast<int32_t>(stop - first));
    piece->kv_len.push_back(static_cast<int32_t>(whole.kv_len[s] - (whole.q_start[s + 1] - stop)));
    const auto row = whole.block_table.begin() + s * whole.max_blocks;
    piece->block_table.insert(piece->block_table.end(), row, row + whole.max_blocks);
  }
  for (const int32_t row : whole.output_rows) {
    if (row >= first && row < end) piece->output_rows.push_back(static_cast<int32_t>(row - first));
  }
}

}  // namespace concord::exec

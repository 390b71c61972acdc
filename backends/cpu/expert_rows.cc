#include "backends/cpu/expert_rows.h"

namespace concord::cpu {

// A counting sort keeps the pairs of an expert in the order of tokens, so that rows of x are met in memory's order.
void ExpertRowsStep::Run(const Frame& frame, int64_t, uint32_t) const {
  const int64_t k = ids_.cols, n_pairs = ids_.rows(frame) * k;
  const int32_t* const ids = frame.Data<int32_t>(ids_.value);
  const ExpertRows rows(n_experts_, n_pairs);
  char* const scratch = frame.Scratch<char>(scratch_);
  const auto bucket = [&](int64_t p) { return ids[p] >= 0 && ids[p] < n_experts_ ? ids[p] : n_experts_; };

  int32_t* const next = rows.next(scratch);
  std::fill(next, next + n_experts_ + 1, 0);
  for (int64_t p = 0; p < n_pairs; ++p) ++next[bucket(p)];
  ExpertPiece* const pieces = rows.pieces(scratch);
  int32_t n_pieces = 0, begin = 0;
  for (int64_t e = 0; e <= n_experts_; ++e) {
    const int32_t end = begin + next[e];
    next[e] = begin;
    for (; begin < end; begin = pieces[n_pieces++].end) {
      pieces[n_pieces] = {static_cast<int32_t>(e), begin, std::min<int32_t>(end, begin + ExpertRows::kMostRows)};
    }
  }
  for (int64_t p = 0; p < n_pairs; ++p) {
    const int32_t at = next[bucket(p)]++;
    rows.pairs(scratch)[at] = static_cast<int32_t>(p);
    rows.tokens(scratch)[at] = static_cast<int32_t>(p / k);
  }
  *rows.n_pieces(scratch) = n_pieces;
}

}  // namespace concord::cpu

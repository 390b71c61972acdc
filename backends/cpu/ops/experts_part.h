#pragma once

#include "backends/cpu/expert_rows.h"
#include "backends/cpu/ops/linear_part.h"

namespace concord::cpu {

// What linear_experts and the ops that fuse it have in common: which tile of which expert's matrix a tile of the step
// is.
class ExpertTiles {
 public:
  ExpertTiles() = default;
  ExpertTiles(const sdk::Value& ids, const sdk::Value& w, bool row_a_pair, StepBuilder& builder);

  struct Cut {
    int64_t n_pairs, n_tile, n_tiles, tiles;
  };
  Cut Of(const LinearPart& part, int64_t n_tokens) const;
  Cut Of(const LinearPart& part, const Frame& frame) const { return Of(part, frame.Extent(ids_.n)); }

  struct Tile {
    int64_t expert = 0;
    bool known = false;        // else its rows of y, n_begin to n_end, are zeros
    kernels::LinearTile rows;  // of which m, n, x_rows and y_rows are set; m_begin = m_end: nothing to do
  };
  Tile At(const LinearPart& part, const Frame& frame, const Cut& cut, int64_t tile) const;

  // The most rows that a piece can have: all tokens may go to one expert.
  int64_t MostRows(int64_t n_tokens) const {
    return std::clamp<int64_t>(n_tokens * ids_.cols, 1, ExpertRows::kMostRows);
  }

 private:
  Activation ids_;
  int64_t n_experts_ = 0;
  bool row_a_pair_ = false;
  uint32_t rows_ = CONCORD_NONE;
};

// w [E, n_out, k], ids [n, K], x [n, k] or [n, K, k], y [n, K, n_out].
void CheckExperts(const sdk::Op& op, const sdk::Value& x, const sdk::Value& w, const sdk::Value& ids,
                  const sdk::Value& y, Checks* checks);

}  // namespace concord::cpu

#pragma once

#include <algorithm>
#include <string>

#include "backends/cpu/checks.h"
#include "backends/cpu/step.h"
#include "backends/cpu/step_builder.h"
#include "kernels/cpu/linear.h"

namespace concord::cpu {

// One weight matrix times x, or one of several that lie one after the other (experts): what linear and the ops that
// fuse it have in common.
struct LinearPart {
  const kernels::LinearKernel* kernel = nullptr;
  const packing::Packing* packing = nullptr;
  const char* fixed_weights = nullptr;  // of a constant; null: where the submission binds `weights_value`
  uint32_t weights_value = CONCORD_NONE;
  int64_t row_stride_bytes = 0;
  int64_t n_out = 0;
  int64_t k = 0;
  int64_t workers = 1;
  Activation x;
  uint32_t ready_rows = CONCORD_NONE;  // scratch id of the rows that the kernel wants; CONCORD_NONE: x itself
  FloatVector bias;

  static void Check(const sdk::Op& op, const sdk::Value& x, const sdk::Value& w, Checks* checks);
  // What kernels ask of the weights alone.
  static void CheckWeights(const sdk::Op& op, const sdk::Value& w, Checks* checks);
  // `w` [n_out, k] or [matrices, n_out, k]; the rows of x are k wide.
  static sdk::Result<LinearPart> Make(const sdk::Op& op, const sdk::Value& x, const sdk::Value& w,
                                      StepBuilder& builder);

  // y[m, n] for the rows of x and of W that `tile` names; result (m, n) goes to tile.y[m * tile.y_stride + n]. The
  // caller sets those and the scratch memory, the rest is filled in here.
  void Run(const Frame& frame, kernels::LinearTile tile, int64_t matrix = 0) const;
};

// How m rows of x and n_out rows of W are cut.
struct LinearTiling {
  int64_t m_tile, n_tile, n_tiles, tiles;

  // Rows of x together: the decoded panel of W serves all of them, and 256 rounded rows of k = 4096 stay within L2.
  static constexpr int64_t kMostRows = 256;
  static constexpr int64_t kFewRows = 8;       // rows of x up to which reading W costs more than multiplying
  static constexpr int64_t kShortestRun = 32;  // rows of W, however long they are
  static constexpr int64_t kStreamBytes = 128 << 10;
  // Products of a tile that is bound by arithmetic. The larger it is, the more often a kernel uses what it has fetched;
  // but each worker should find four, to even out a busy neighbour with. The least is 0.1 ms, the most 512 rows of W at
  // k = 2048, beyond which the kernels' sums leave L2.
  static constexpr int64_t kLeastTileProducts = int64_t{64} << 20, kMostTileProducts = int64_t{256} << 20;

  // Rows of W of a tile that is bound by memory. Workers take neighbouring tiles, so what a kernel has asked for behind
  // its own is seldom lost, and small ones let all end together. Measured on 2 Zen 4 cores, 1B model at q4_k_m, medians
  // of tokens/s, of at least 64 rows: a quarter of W 35.5, 512 KB 35.8, 256 KB 36.5, 128 KB 36.2, 64 KB 36.8.
  static int64_t StreamTile(const LinearPart& part) {
    const int64_t rows = std::max(kShortestRun, kStreamBytes / std::max<int64_t>(1, part.row_stride_bytes));
    return std::min(rows, CeilDiv(part.n_out, 2 * part.workers));  // of a small matrix two a worker
  }

  static LinearTiling Of(const LinearPart& part, int64_t m) {
    LinearTiling t;
    t.m_tile = std::clamp<int64_t>(m, 1, kMostRows);
    const int64_t unit = std::max<int64_t>(1, part.kernel->row_tile);
    if (m <= kFewRows) {
      t.n_tile = StreamTile(part);
    } else {
      const int64_t share = part.k * part.n_out * m / (4 * part.workers);
      t.n_tile = std::clamp(share, kLeastTileProducts, kMostTileProducts) / std::max<int64_t>(1, part.k * t.m_tile);
      // Of little work two tiles a worker, however small they are.
      t.n_tile = std::min(t.n_tile, CeilDiv(part.n_out, CeilDiv(2 * part.workers, CeilDiv(m, t.m_tile))));
    }
    t.n_tile = std::max(unit, CeilDiv(t.n_tile, unit) * unit);
    t.n_tiles = CeilDiv(part.n_out, t.n_tile);
    t.tiles = m == 0 ? 0 : CeilDiv(m, t.m_tile) * t.n_tiles;
    return t;
  }

  // The rows of tile number `tile`. Those of W vary fastest: one block of x stays in cache while W streams past it.
  kernels::LinearTile Rows(int64_t tile, int64_t m, int64_t n_out) const {
    kernels::LinearTile rows;
    rows.m_begin = tile / n_tiles * m_tile;
    rows.m_end = std::min(m, rows.m_begin + m_tile);
    rows.n_begin = tile % n_tiles * n_tile;
    rows.n_end = std::min(n_out, rows.n_begin + n_tile);
    return rows;
  }
};

}  // namespace concord::cpu

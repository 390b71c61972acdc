#pragma once

#include <algorithm>
#include <string>

#include "backends/cpu/checks.h"
#include "backends/cpu/step.h"
#include "backends/cpu/step_builder.h"
#include "kernels/cpu/linear.h"
#include "kernels/cpu/quantized_rows.h"

namespace concord::cpu {

// One weight matrix times x: what linear and the ops that fuse it have in common.
struct LinearPart {
  const kernels::LinearKernel* kernel = nullptr;
  const packing::Packing* packing = nullptr;
  const char* fixed_weights = nullptr;  // of a constant; null: where the submission binds `weights_value`
  uint32_t weights_value = CONCORD_NONE;
  int64_t row_stride_bytes = 0;
  int64_t n_out = 0;
  int64_t k = 0;
  Activation x;
  uint32_t quantized = CONCORD_NONE;  // scratch id of the rounded rows; CONCORD_NONE: x itself
  FloatVector bias;

  static void Check(const sdk::Op& op, const sdk::Value& x, const sdk::Value& w, Checks* checks);
  static sdk::Result<LinearPart> Make(const sdk::Op& op, const sdk::Value& x, const sdk::Value& w, StepBuilder& builder);

  // y[m, n] for the given rows of x and of W; y points to where y[0, n_begin] of this tile's own numbering would be:
  // result (m, n) goes to y[m * y_stride + n].
  void Run(const Frame& frame, int64_t m_begin, int64_t m_end, int64_t n_begin, int64_t n_end, float* y, int64_t y_stride,
           char* scratch) const;
};

// How m rows of x and n_out rows of W are cut.
struct LinearTiling {
  int64_t m_tile, n_tile, n_tiles, tiles;

  // Rows of x together: the decoded panel of W serves all of them, and 256 rounded rows of k = 4096 stay within L2.
  static constexpr int64_t kMostRows = 256;

  static LinearTiling Of(const LinearPart& part, int64_t m) {
    LinearTiling t;
    t.m_tile = std::clamp<int64_t>(m, 1, kMostRows);
    // About 64 KB of weights a tile (3 us of reading at 25 GB/s) or 8M products (about 40 us), whichever is less: long
    // against claiming a tile (0.1 us), short against a step.
    const int64_t by_bytes = 65536 / std::max<int64_t>(1, part.row_stride_bytes);
    const int64_t by_work = (int64_t{8} << 20) / std::max<int64_t>(1, part.k * t.m_tile);
    const int64_t unit = std::max<int64_t>(1, part.kernel->row_tile);
    t.n_tile = std::max(unit, std::min(by_bytes, by_work) / unit * unit);
    t.n_tiles = CeilDiv(part.n_out, t.n_tile);
    t.tiles = m == 0 ? 0 : CeilDiv(m, t.m_tile) * t.n_tiles;
    return t;
  }
};

}  // namespace concord::cpu

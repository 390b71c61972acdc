#include <cstring>

#include "backends/cpu/checks.h"
#include "backends/cpu/op_rows.h"
#include "backends/sdk/op_checks.h"
#include "concord/ops.h"

namespace concord::cpu {
namespace {

class TakeRowsStep final : public Step {
 public:
  explicit TakeRowsStep(const sdk::Op& op)
      : x_(Activation::Of(op.input(CONCORD_TAKE_ROWS_IN_X))),
        y_(Activation::Of(op.output(CONCORD_TAKE_ROWS_OUT_Y))),
        rows_(op.input_index(CONCORD_TAKE_ROWS_IN_ROWS)),
        rows_per_tile_(std::max<int64_t>(1, 16384 / std::max<int64_t>(1, x_.width()))) {}

  int64_t Tiles(const Frame& frame) const override { return CeilDiv(frame.Extent(y_.n), rows_per_tile_); }
  void Run(const Frame& frame, int64_t tile, uint32_t) const override {
    const int64_t begin = tile * rows_per_tile_, end = std::min(begin + rows_per_tile_, frame.Extent(y_.n));
    const int64_t width = x_.width(), n = frame.Extent(x_.n);
    const int32_t* const rows = frame.Data<int32_t>(rows_);
    for (int64_t i = begin; i < end; ++i) {
      float* const y = y_.data(frame) + i * width;
      if (rows[i] < 0 || rows[i] >= n) {
        std::memset(y, 0, static_cast<size_t>(width) * sizeof(float));
      } else {
        std::memcpy(y, x_.data(frame) + rows[i] * width, static_cast<size_t>(width) * sizeof(float));
      }
    }
  }

 private:
  Activation x_, y_;
  uint32_t rows_;
  int64_t rows_per_tile_;
};

sdk::Support Query(const sdk::Op& op) {
  Checks checks(op);
  sdk::CheckTakeRows(op, &checks);
  return checks.Answer();
}

sdk::Result<std::unique_ptr<Step>> Compile(const sdk::Op& op, StepBuilder&) {
  return std::unique_ptr<Step>(std::make_unique<TakeRowsStep>(op));
}

}  // namespace

CONCORD_CPU_OP(take_rows, CONCORD_OP_TAKE_ROWS, CONCORD_OP_TAKE_ROWS_VERSION, Query, Compile);

}  // namespace concord::cpu

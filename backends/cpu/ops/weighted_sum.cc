#include "backends/cpu/checks.h"
#include "backends/cpu/op_rows.h"
#include "backends/sdk/op_checks.h"
#include "concord/ops.h"

namespace concord::cpu {
namespace {

class WeightedSumStep final : public RowStep {
 public:
  WeightedSumStep(const kernels::KernelTable& kernels, const sdk::Op& op)
      : RowStep(Activation::Of(op.output(CONCORD_WEIGHTED_SUM_OUT_Y))),
        kernels_(kernels),
        x_(op.input_index(CONCORD_WEIGHTED_SUM_IN_X)),
        w_(op.input_index(CONCORD_WEIGHTED_SUM_IN_W)),
        k_(op.input(CONCORD_WEIGHTED_SUM_IN_W).fixed(1)) {}

 private:
  void RunRows(const Frame& frame, int64_t begin, int64_t end) const override {
    const int64_t width = shape().cols;
    kernels::WeightedSumArgs args;
    args.x_stride = args.width = width;
    args.k = k_;
    for (int64_t t = begin; t < end; ++t) {
      args.x = frame.Data<float>(x_) + t * k_ * width;
      args.weights = frame.Data<float>(w_) + t * k_;
      args.y = shape().data(frame) + t * width;
      kernels_.weighted_sum(args);
    }
  }

  const kernels::KernelTable& kernels_;
  uint32_t x_, w_;
  int64_t k_;
};

sdk::Support Query(const sdk::Op& op) {
  Checks checks(op);
  sdk::CheckWeightedSum(op, &checks);
  return checks.Answer();
}

sdk::Result<std::unique_ptr<Step>> Compile(const sdk::Op& op, StepBuilder& builder) {
  return std::unique_ptr<Step>(std::make_unique<WeightedSumStep>(builder.kernels(), op));
}

}  // namespace

CONCORD_CPU_OP(weighted_sum, CONCORD_OP_WEIGHTED_SUM, CONCORD_OP_WEIGHTED_SUM_VERSION, Query, Compile);

}  // namespace concord::cpu

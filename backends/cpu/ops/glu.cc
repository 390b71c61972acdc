#include "backends/cpu/op_rows.h"
#include "backends/cpu/ops/glu_args.h"
#include "backends/sdk/op_checks.h"

namespace concord::cpu {
namespace {

class GluStep final : public RowStep {
 public:
  GluStep(const kernels::KernelTable& kernels, const sdk::Op& op)
      : RowStep(Activation::Of(op.input(CONCORD_GLU_IN_GATE))),
        kernels_(kernels),
        args_(GluArgsOf(op)),
        up_(op.input_index(CONCORD_GLU_IN_UP)),
        y_(op.output_index(CONCORD_GLU_OUT_Y)) {}

 private:
  void RunRows(const Frame& frame, int64_t begin, int64_t end) const override {
    const int64_t cols = shape().cols;
    kernels::GluArgs args = args_;
    args.gate = shape().data(frame) + begin * cols;
    args.up = frame.Data<float>(up_) + begin * cols;
    args.y = frame.Data<float>(y_) + begin * cols;
    args.gate_stride = args.up_stride = args.y_stride = args.width = cols;
    args.n_rows = end - begin;
    kernels_.glu(args);
  }

  const kernels::KernelTable& kernels_;
  kernels::GluArgs args_;
  uint32_t up_, y_;
};

class ReluGluStep final : public RowStep {
 public:
  ReluGluStep(const kernels::KernelTable& kernels, const sdk::Op& op)
      : RowStep(Activation::Of(op.input(CONCORD_GLU_IN_GATE))),
        kernels_(kernels),
        up_(op.input_index(CONCORD_GLU_IN_UP)),
        y_(op.output_index(CONCORD_GLU_OUT_Y)) {}

 private:
  void RunRows(const Frame& frame, int64_t begin, int64_t end) const override {
    // Through the stack, because y may be the memory of up.
    constexpr int64_t kRun = 512;
    float positive[kRun];
    for (int64_t i = begin * shape().cols; i < end * shape().cols; i += kRun) {
      const int64_t n = std::min(kRun, end * shape().cols - i);
      kernels_.unary(kernels::Unary::kRelu, shape().data(frame) + i, positive, n);
      kernels_.mul(positive, frame.Data<float>(up_) + i, frame.Data<float>(y_) + i, n);
    }
  }

  const kernels::KernelTable& kernels_;
  uint32_t up_, y_;
};

sdk::Support Query(const sdk::Op& op) {
  Checks checks(op);
  sdk::CheckGlu(op, &checks);
  CheckGluAttributes(op, &checks);
  return checks.Answer();
}

sdk::Result<std::unique_ptr<Step>> Compile(const sdk::Op& op, StepBuilder& builder) {
  if (IsRelu(op)) return std::unique_ptr<Step>(std::make_unique<ReluGluStep>(builder.kernels(), op));
  return std::unique_ptr<Step>(std::make_unique<GluStep>(builder.kernels(), op));
}

}  // namespace

CONCORD_CPU_OP(glu, CONCORD_OP_GLU, CONCORD_OP_GLU_VERSION, Query, Compile);

}  // namespace concord::cpu

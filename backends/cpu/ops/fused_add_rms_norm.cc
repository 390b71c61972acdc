#include "backends/cpu/checks.h"
#include "backends/cpu/op_rows.h"
#include "backends/sdk/op_checks.h"
#include "concord/ops.h"

namespace concord::cpu {
namespace {

// The sum of a few rows is still in cache when their norm reads it.
class AddRmsNormStep final : public RowStep {
 public:
  AddRmsNormStep(const kernels::KernelTable& kernels, const sdk::Op& op, FloatVector weight)
      : RowStep(Activation::Of(op.input(CONCORD_FUSED_ADD_RMS_NORM_IN_A))),
        kernels_(kernels),
        b_(op.input_index(CONCORD_FUSED_ADD_RMS_NORM_IN_B)),
        sum_(op.output_index(CONCORD_FUSED_ADD_RMS_NORM_OUT_SUM)),
        y_(op.output_index(CONCORD_FUSED_ADD_RMS_NORM_OUT_Y)),
        weight_(weight),
        eps_(static_cast<float>(
            op.attrs().Float(CONCORD_FUSED_ADD_RMS_NORM_ATTR_EPS, CONCORD_FUSED_ADD_RMS_NORM_DEFAULT_EPS))),
        add_one_(op.attrs().Int(CONCORD_FUSED_ADD_RMS_NORM_ATTR_ADD_ONE, CONCORD_FUSED_ADD_RMS_NORM_DEFAULT_ADD_ONE) !=
                 0) {}

 private:
  void RunRows(const Frame& frame, int64_t begin, int64_t end) const override {
    const int64_t cols = shape().cols, at = begin * cols;
    float* const sum = frame.Data<float>(sum_) + at;
    kernels_.add(shape().data(frame) + at, frame.Data<float>(b_) + at, sum, (end - begin) * cols);
    kernels::NormArgs args;
    args.x = sum;
    args.y = frame.Data<float>(y_) + at;
    args.width = args.x_stride = args.y_stride = cols;
    args.n_rows = end - begin;
    args.weight = weight_.at(frame);
    args.weight_offset = add_one_ && args.weight != nullptr ? 1.0f : 0.0f;
    args.eps = eps_;
    kernels_.rms_norm(args);
  }

  const kernels::KernelTable& kernels_;
  uint32_t b_, sum_, y_;
  FloatVector weight_;
  float eps_;
  bool add_one_;
};

sdk::Support Query(const sdk::Op& op) {
  Checks checks(op);
  sdk::CheckAddRmsNorm(op, &checks);
  return checks.Answer();
}

sdk::Result<std::unique_ptr<Step>> Compile(const sdk::Op& op, StepBuilder& builder) {
  sdk::Result<FloatVector> weight =
      builder.Floats(op.input(CONCORD_FUSED_ADD_RMS_NORM_IN_W), op.input(CONCORD_FUSED_ADD_RMS_NORM_IN_A).fixed(-1));
  if (!weight.ok()) return weight.status();
  return std::unique_ptr<Step>(std::make_unique<AddRmsNormStep>(builder.kernels(), op, *weight));
}

}  // namespace

CONCORD_CPU_OP(fused_add_rms_norm, CONCORD_OP_FUSED_ADD_RMS_NORM, CONCORD_OP_FUSED_ADD_RMS_NORM_VERSION, Query,
               Compile);

}  // namespace concord::cpu

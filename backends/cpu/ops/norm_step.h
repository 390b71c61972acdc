#pragma once

#include <memory>

#include "backends/cpu/checks.h"
#include "backends/cpu/step.h"
#include "backends/cpu/step_builder.h"
#include "kernels/cpu/kernel_table.h"

namespace concord::cpu {

// A norm of rows: x → y by one of the kernels that take NormArgs.
class NormStep final : public RowStep {
 public:
  struct Parameters {
    FloatVector weight, bias;
    float weight_offset = 0;
    float eps = 0;
  };
  NormStep(void (*kernel)(const kernels::NormArgs&), const sdk::Value& x, uint32_t y, const Parameters& parameters)
      : RowStep(Activation::Of(x)), kernel_(kernel), y_(y), parameters_(parameters) {}

 private:
  void RunRows(const Frame& frame, int64_t begin, int64_t end) const override {
    kernels::NormArgs args;
    args.width = args.x_stride = args.y_stride = shape().cols;
    args.x = shape().data(frame) + begin * shape().cols;
    args.y = frame.Data<float>(y_) + begin * shape().cols;
    args.n_rows = end - begin;
    args.weight = parameters_.weight.at(frame);
    args.bias = parameters_.bias.at(frame);
    args.weight_offset = args.weight == nullptr ? 0.0f : parameters_.weight_offset;
    args.eps = parameters_.eps;
    kernel_(args);
  }

  void (*kernel_)(const kernels::NormArgs&);
  uint32_t y_;
  Parameters parameters_;
};

}  // namespace concord::cpu

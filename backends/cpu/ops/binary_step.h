#pragma once

#include <memory>

#include "backends/cpu/checks.h"
#include "backends/cpu/step.h"
#include "backends/cpu/step_builder.h"
#include "kernels/cpu/kernel_table.h"

namespace concord::cpu {

// y = a ∘ b, where b has a's shape, or is one row for all, or (mul) one factor a row.
class BinaryStep final : public RowStep {
 public:
  using Kernel = void (*)(const float* a, const float* b, float* y, int64_t n);
  enum class Form { kSame, kRow, kFactor };

  BinaryStep(const kernels::KernelTable& kernels, Kernel kernel, Form form, const sdk::Value& a, FloatVector b,
             uint32_t y)
      : RowStep(Activation::Of(a)), kernels_(kernels), kernel_(kernel), form_(form), b_(b), y_(y) {}

  static Form FormOf(const sdk::Value& a, const sdk::Value& b) {
    if (b.rank() == 1 && a.rank() > 1) return Form::kRow;
    return b.rank() == a.rank() && b.fixed(-1) == 1 && a.fixed(-1) != 1 ? Form::kFactor : Form::kSame;
  }

 private:
  void RunRows(const Frame& frame, int64_t begin, int64_t end) const override {
    const int64_t cols = shape().cols;
    const float* const a = shape().data(frame);
    const float* const b = b_.at(frame);
    float* const y = frame.Data<float>(y_);
    if (form_ == Form::kSame) {
      kernel_(a + begin * cols, b + begin * cols, y + begin * cols, (end - begin) * cols);
      return;
    }
    for (int64_t r = begin; r < end; ++r) {
      if (form_ == Form::kRow) {
        kernel_(a + r * cols, b, y + r * cols, cols);
      } else {
        kernels_.scale(a + r * cols, b[r], y + r * cols, cols);
      }
    }
  }

  const kernels::KernelTable& kernels_;
  Kernel kernel_;
  Form form_;
  FloatVector b_;
  uint32_t y_;
};

}  // namespace concord::cpu

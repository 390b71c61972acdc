#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "backends/cpu/step.h"

namespace concord::cpu {

// y = f(x) element by element: rows of a dense tensor are one run of memory. `Function` is (x, y, n) → void.
template <typename Function>
class MapStep final : public RowStep {
 public:
  MapStep(const sdk::Value& x, uint32_t y, Function function)
      : RowStep(Activation::Of(x)), y_(y), function_(std::move(function)) {}

 private:
  void RunRows(const Frame& frame, int64_t begin, int64_t end) const override {
    const int64_t cols = shape().cols;
    function_(shape().data(frame) + begin * cols, frame.Data<float>(y_) + begin * cols, (end - begin) * cols);
  }

  uint32_t y_;
  Function function_;
};

template <typename Function>
std::unique_ptr<Step> MakeMapStep(const sdk::Value& x, uint32_t y, Function function) {
  return std::make_unique<MapStep<Function>>(x, y, std::move(function));
}

}  // namespace concord::cpu

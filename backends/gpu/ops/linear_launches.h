#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "backends/gpu/checks.h"
#include "backends/gpu/launch_builder.h"
#include "backends/gpu/ops/glu_attrs.h"

namespace concord::gpu {

// Rows of x times constant matrices: what linear and the ops that fuse it have in common.
class LinearLaunches {
 public:
  // Whether x and the weights of slot `w` fit, after Inputs has accepted x.
  static void Check(const sdk::Op& op, uint32_t x, uint32_t w, Checks* checks);

  // Rounds x where the arithmetic of the op says so.
  LinearLaunches(LaunchBuilder* builder, const sdk::Op& op, const sdk::Value& x);

  // y = W x + bias, for any number of rows of x; `bias` may be CONCORD_NONE.
  void Linear(const sdk::Value& w, uint32_t bias, const Arg& y) const {
    Few(w, nullptr, bias, {}, y);
    Many(w, bias, y);
  }
  // y = act(gate x) · (up x); the two matrices are of the same shape and packing.
  void Glu(const sdk::Value& gate, const sdk::Value& up, const GluAttrs& attrs, const sdk::Value& y) const;

 private:
  static constexpr int64_t kFew = 8;  // rows of x up to which reading W costs more than multiplying

  void Few(const sdk::Value& w, const sdk::Value* up, uint32_t bias, const GluAttrs& attrs, const Arg& y) const;
  void Many(const sdk::Value& w, uint32_t bias, const Arg& y) const;
  void Tiles(const sdk::Value& w, uint32_t bias, const Arg& y, uint32_t bm, uint32_t bn, Condition when) const;

  // Of the kernels: their names, their buffers and their first parameters.
  std::string Kernel(std::string_view shape, const sdk::Value& w) const;
  static std::vector<Arg> XThen(const std::vector<Arg>& x, std::vector<Arg> others);
  std::vector<Word> Words(const WeightLayout& layout, const WeightLayout::Part& part) const;

  LaunchBuilder& builder_;
  sdk::Value x_;
  bool int8_, f16_;
  std::vector<Arg> x_args_, many_x_args_;  // in Few and in Many
  Size n_;                                 // rows of x
};

}  // namespace concord::gpu

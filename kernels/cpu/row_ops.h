#pragma once

#include <cstdint>

// Arguments of the kernels that work row by row on f32. Strides count floats; rows are contiguous. Output may be the
// same memory as an input (same row, same place) unless a comment says otherwise.
namespace concord::kernels {

struct NormArgs {
  const float* x = nullptr;
  int64_t x_stride = 0;
  float* y = nullptr;
  int64_t y_stride = 0;
  int64_t n_rows = 0;
  int64_t width = 0;
  const float* weight = nullptr;  // [width]; null: 1
  const float* bias = nullptr;    // [width], layer_norm only; null: 0
  float weight_offset = 0.0f;     // 1 for norms whose scale is (1 + weight)
  float eps = 0.0f;
};

enum class Unary { kSilu, kSigmoid, kGeluTanh, kSoftplus, kRelu, kTanh, kExp, kSqrt };

enum class GluAct { kSilu, kGeluTanh, kOai };  // kOai: g * sigmoid(alpha * g)
enum class GluClamp { kNone, kBefore, kAfter };

// y = act(gate) * (up + plus_one). kBefore: gate = min(gate, limit), up = clamp(up, -limit, limit) before;
// kAfter: act(gate) = min(act(gate), limit) and up clamped likewise.
struct GluArgs {
  const float* gate = nullptr;
  int64_t gate_stride = 0;
  const float* up = nullptr;
  int64_t up_stride = 0;
  float* y = nullptr;
  int64_t y_stride = 0;
  int64_t n_rows = 0;
  int64_t width = 0;
  GluAct act = GluAct::kSilu;
  GluClamp clamp = GluClamp::kNone;
  float limit = 0.0f;
  float alpha = 1.0f;
  float plus_one = 0.0f;  // 1 adds one to up
};

// y = sum of the k rows of x, row j times weights[j], from j = 0 on.
struct WeightedSumArgs {
  const float* x = nullptr;
  int64_t x_stride = 0;
  const float* weights = nullptr;  // [k]
  int64_t k = 0;
  float* y = nullptr;  // no row of x
  int64_t width = 0;
};

}  // namespace concord::kernels

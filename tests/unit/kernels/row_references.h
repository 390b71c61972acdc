#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/cpu/rope.h"
#include "kernels/cpu/row_ops.h"

// The functions of row_ops.h and rope.h in float64.
namespace concord::kernels {

inline double SigmoidRef(double x) { return 1 / (1 + std::exp(-x)); }
inline double GeluRef(double x) { return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x))); }

struct UnaryCase {
  Unary op;
  double (*reference)(double);
  double from, to;
  double relative;
};

inline std::vector<UnaryCase> UnaryCases() {
  return {
      {Unary::kExp, [](double x) { return std::exp(x); }, -103, 88.7, 3e-7},
      {Unary::kSigmoid, SigmoidRef, -80, 80, 5e-7},
      {Unary::kSilu, [](double x) { return x * SigmoidRef(x); }, -80, 80, 5e-7},
      {Unary::kGeluTanh, GeluRef, -5, 20, 4e-6},  // below, the reference itself cancels
      {Unary::kTanh, [](double x) { return std::tanh(x); }, -30, 30, 4e-7},
      {Unary::kSoftplus, [](double x) { return std::log1p(std::exp(x)); }, -80, 80, 5e-7},
      {Unary::kRelu, [](double x) { return std::max(x, 0.0); }, -3, 3, 0},
      {Unary::kSqrt, [](double x) { return std::sqrt(x); }, 0, 1e6, 1.2e-7},
  };
}

inline double GluRef(const GluArgs& a, double g, double u) {
  if (a.clamp == GluClamp::kBefore) g = std::min<double>(g, a.limit);
  if (a.clamp != GluClamp::kNone) u = std::clamp<double>(u, -a.limit, a.limit);
  double h = a.act == GluAct::kGeluTanh ? GeluRef(g) : g * SigmoidRef(a.act == GluAct::kOai ? a.alpha * g : g);
  if (a.clamp == GluClamp::kAfter) h = std::min<double>(h, a.limit);
  return h * (u + a.plus_one);
}

// Row r of a norm: of values less their mean or not, by the mean of their squares or the sum.
inline std::vector<double> NormRef(const NormArgs& a, int64_t r, bool centred, bool mean_of_squares) {
  const float* x = a.x + r * a.x_stride;
  const auto width = static_cast<double>(a.width);
  double mean = 0, squares = 0;
  for (int64_t i = 0; centred && i < a.width; ++i) mean += x[i] / width;
  for (int64_t i = 0; i < a.width; ++i) squares += std::pow(x[i] - mean, 2);
  const double factor = 1 / std::sqrt(squares / (mean_of_squares ? width : 1.0) + double{a.eps});
  std::vector<double> y;
  for (int64_t i = 0; i < a.width; ++i) {
    const double weight = a.weight != nullptr ? double{a.weight[i]} + a.weight_offset : 1.0;
    y.push_back((x[i] - mean) * factor * weight + (a.bias != nullptr ? a.bias[i] : 0.0f));
  }
  return y;
}

// Head h of token t.
inline std::vector<double> RopeRef(const RopeArgs& a, int64_t t, int64_t h) {
  const float* x = a.x + t * a.x_stride + h * a.d_head;
  const int64_t half = a.n_rot / 2;
  std::vector<double> y(x, x + a.d_head);
  for (int64_t i = 0; i < half; ++i) {
    const int64_t first = a.first_dim + (a.neox ? i : 2 * i);
    const int64_t second = a.first_dim + (a.neox ? i + half : 2 * i + 1);
    const double c = a.table[t * a.n_rot + i], s = a.table[t * a.n_rot + half + i];
    y[static_cast<size_t>(first)] = x[first] * c - x[second] * s;
    y[static_cast<size_t>(second)] = x[first] * s + x[second] * c;
  }
  return y;
}

}  // namespace concord::kernels

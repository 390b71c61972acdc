#pragma once

#include <cmath>
#include <cstdint>

// Searches used by the encoders: scales (and minima) that minimise a weighted squared error over one block.
namespace concord::packing {

// The value of largest magnitude, with its sign; the first one on ties; 0 when all are zero.
inline float SignedExtreme(const float* x, int count) {
  float extreme = 0;
  for (int i = 0; i < count; ++i) {
    if (std::fabs(x[i]) > std::fabs(extreme)) extreme = x[i];
  }
  return extreme;
}

// The integer of [low, high] nearest to `value`, halves up.
inline int NearestIn(float value, int low, int high) {
  const float lowest = static_cast<float>(low);
  const float highest = static_cast<float>(high);
  float clamped = value > lowest ? value : lowest;  // maximum and minimum as vector units have them
  clamped = clamped < highest ? clamped : highest;
  // Never negative, so that truncation rounds; lround would keep the loops around this one from becoming vectors.
  return static_cast<int>(clamped - lowest + 0.5f) + low;  // NOLINT(bugprone-incorrect-roundings)
}

// Limits between which the searches below neither overflow nor underflow: above kLargest no format of a half times
// small integers can follow; below kSmallest all of them round to zero, their smallest non-zero magnitude being
// 2^-24.
inline constexpr float kLargestEncodable = 1e9f;
inline constexpr float kSmallestEncodable = 0x1p-25f;
// A sub-block this much smaller than its block gets no scale: it rounds to zero anyway, and 1/x stays finite.
inline constexpr float kNegligible = 0x1p-20f;

// Weights of the squared errors of one block: large elements weigh more, since they carry most of a dot product, but
// the mean square as a floor keeps small ones from being given up. Relative to the largest square, so always in (0,
// 2]. `magnitude` is the largest magnitude of x, between the limits above.
inline void ErrorWeights(const float* x, int count, float magnitude, float* weights) {
  const float inverse = 1 / magnitude;
  float sum = 0;
  for (int i = 0; i < count; ++i) {
    weights[i] = x[i] * inverse * (x[i] * inverse);
    sum += weights[i];
  }
  const float mean = sum / static_cast<float>(count);
  for (int i = 0; i < count; ++i) weights[i] += mean;
}

// Sums over one trial quantisation q of a block, each kept in lanes so that compilers may use vectors.
struct TrialSums {
  float wq = 0;   // of w q
  float wqq = 0;  // of w q^2
  float wqx = 0;  // of w q x
};

// The sums for q = level(x[i] * inverse). `count` is a multiple of 16.
template <typename Level>
TrialSums SumTrial(const float* x, const float* weights, int count, float inverse, Level level) {
  constexpr int kLanes = 16;
  float wq[kLanes] = {}, wqq[kLanes] = {}, wqx[kLanes] = {};
  for (int i = 0; i < count; i += kLanes) {
    for (int lane = 0; lane < kLanes; ++lane) {
      const float q = level(x[i + lane] * inverse);
      const float weighted = weights[i + lane] * q;
      wq[lane] += weighted;
      wqq[lane] += weighted * q;
      wqx[lane] += weighted * x[i + lane];
    }
  }
  TrialSums sums;
  for (int lane = 0; lane < kLanes; ++lane) {
    sums.wq += wq[lane];
    sums.wqq += wqq[lane];
    sums.wqx += wqx[lane];
  }
  return sums;
}

// Trial scales a search looks at on each side of the obvious one. Twice as many lower the error by less than 2 %.
inline constexpr int kTrials = 5;

// The scale s minimising the sum of w (x - s q)^2 where q = level(x / s') for trial scales s' around the one that
// maps the extreme value to `top`. For fixed q the best s is wqx / wqq, which lowers the sum by wqx^2 / wqq. 0 when
// |x| < floor.
template <typename Level>
float FitScale(const float* x, const float* weights, int count, float top, float floor, Level level) {
  constexpr float kStep = 0.01f;  // of top
  const float extreme = SignedExtreme(x, count);
  if (std::fabs(extreme) < floor) return 0;
  float best_gain = 0;
  float best_scale = 0;
  for (int trial = -kTrials; trial <= kTrials; ++trial) {
    const float inverse = top * (1 + kStep * static_cast<float>(trial)) / extreme;
    const TrialSums sums = SumTrial(x, weights, count, inverse, level);
    if (sums.wqx * sums.wqx > best_gain * sums.wqq) {
      best_gain = sums.wqx * sums.wqx / sums.wqq;
      best_scale = sums.wqx / sums.wqq;
    }
  }
  return best_scale;
}

struct AffineFit {
  float scale;    // >= 0
  float minimum;  // >= 0, subtracted
};

// The scale and minimum minimising the sum of w (x - (scale q - minimum))^2 with q of 0..top, among the least squares
// solutions for the q of trial scales around range / top. A range below `floor` gives scale 0. count is 16, 32, 48 or
// 64.
inline AffineFit FitAffine(const float* x, const float* weights, int count, int top, float floor) {
  constexpr float kStep = 0.25f;  // levels
  const float levels = static_cast<float>(top);
  float low = 0, high = x[0];
  for (int i = 0; i < count; ++i) {
    low = x[i] < low ? x[i] : low;
    high = x[i] > high ? x[i] : high;
  }
  if (high - low < floor) return {0, -low};
  float y[64];  // x - low: sums of x itself would lose a small range beside a large mean
  float w = 0, wy = 0;
  for (int i = 0; i < count; ++i) {
    y[i] = x[i] - low;
    w += weights[i];
    wy += weights[i] * y[i];
  }
  AffineFit best = {(high - low) / levels, -low};
  float best_gain = 0;
  for (int trial = -kTrials; trial <= kTrials; ++trial) {
    const float inverse = (levels + kStep * static_cast<float>(trial)) / (high - low);
    const TrialSums sums = SumTrial(y, weights, count, inverse,
                                    [top](float value) { return static_cast<float>(NearestIn(value, 0, top)); });
    const float determinant = w * sums.wqq - sums.wq * sums.wq;
    if (determinant <= 0) continue;
    float scale = (w * sums.wqx - wy * sums.wq) / determinant;
    float shift = (sums.wqq * wy - sums.wq * sums.wqx) / determinant;
    if (low + shift > 0) {  // the minimum is stored unsigned: take none, and the best scale for that
      shift = -low;
      scale = (sums.wqx - shift * sums.wq) / sums.wqq;
    }
    // By how much this lowers the sum below that of y^2: y ~ scale q + shift.
    const float gain = scale * (2 * sums.wqx - scale * sums.wqq - 2 * shift * sums.wq) + shift * (2 * wy - shift * w);
    if (scale > 0 && gain > best_gain) {
      best_gain = gain;
      best = {scale, -(low + shift)};
    }
  }
  return best;
}

// Sum of w (x - (scale q - minimum))^2 for the best q of 0..top; stores those q.
inline float QuantizeAffine(const float* x, const float* weights, int count, int top, AffineFit fit, uint8_t* q) {
  const float inverse = fit.scale > 0 ? 1 / fit.scale : 0;
  float error = 0;
  for (int i = 0; i < count; ++i) {
    const int level = NearestIn((x[i] + fit.minimum) * inverse, 0, top);
    const float difference = x[i] - (fit.scale * static_cast<float>(level) - fit.minimum);
    q[i] = static_cast<uint8_t>(level);
    error += weights[i] * difference * difference;
  }
  return error;
}

}  // namespace concord::packing

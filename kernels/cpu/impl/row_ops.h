#pragma once

#include "kernels/cpu/impl/math.h"
#include "kernels/cpu/row_ops.h"
#include "runtime/base/packing/packing.h"

namespace concord::kernels::CONCORD_ISA_NAMESPACE {

// y[i] = f(lanes of the inputs at i); every element is computed by the same instructions, wherever a row is cut.
template <typename F>
CONCORD_INLINE void ForLanes(int64_t n, F f) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) f(i, kLanes);
  if (i < n) f(i, n - i);
}
CONCORD_INLINE VecF LoadN(const float* p, int64_t n) { return n == kLanes ? Load(p) : LoadPart(p, n); }
CONCORD_INLINE void StoreN(float* p, VecF v, int64_t n) {
  if (n == kLanes) return Store(p, v);
  StorePart(p, v, n);
}

template <typename F>
CONCORD_INLINE void MapLanes(const float* x, float* y, int64_t n, F f) {
  ForLanes(n, [&](int64_t i, int64_t lanes) { StoreN(y + i, f(LoadN(x + i, lanes)), lanes); });
}

CONCORD_INLINE float SumOfSquares(const float* x, int64_t n) {
  VecF a = {};
  VecF b = {};
  int64_t i = 0;
  for (; i + 2 * kLanes <= n; i += 2 * kLanes) {
    const VecF u = Load(x + i);
    const VecF v = Load(x + i + kLanes);
    a = MulAdd(u, u, a);
    b = MulAdd(v, v, b);
  }
  ForLanes(n - i, [&](int64_t j, int64_t lanes) {
    const VecF u = LoadN(x + i + j, lanes);
    a = MulAdd(u, u, a);
  });
  return Sum(a + b);
}

CONCORD_INLINE VecF WeightAt(const NormArgs& args, int64_t i, int64_t lanes) {
  if (args.weight == nullptr) return Set(1.0f);
  return LoadN(args.weight + i, lanes) + Set(args.weight_offset);
}

CONCORD_INLINE void NormRow(const NormArgs& args, const float* x, float* y, float factor) {
  ForLanes(args.width, [&](int64_t i, int64_t lanes) {
    StoreN(y + i, LoadN(x + i, lanes) * Set(factor) * WeightAt(args, i, lanes), lanes);
  });
}

static void RmsNorm(const NormArgs& args) {
  for (int64_t r = 0; r < args.n_rows; ++r) {
    const float* x = args.x + r * args.x_stride;
    const float mean = SumOfSquares(x, args.width) / static_cast<float>(args.width);
    NormRow(args, x, args.y + r * args.y_stride, 1.0f / __builtin_sqrtf(mean + args.eps));
  }
}

static void L2Norm(const NormArgs& args) {
  for (int64_t r = 0; r < args.n_rows; ++r) {
    const float* x = args.x + r * args.x_stride;
    NormRow(args, x, args.y + r * args.y_stride, 1.0f / __builtin_sqrtf(SumOfSquares(x, args.width) + args.eps));
  }
}

static void LayerNorm(const NormArgs& args) {
  const float width = static_cast<float>(args.width);
  for (int64_t r = 0; r < args.n_rows; ++r) {
    const float* x = args.x + r * args.x_stride;
    float* y = args.y + r * args.y_stride;
    VecF sum = {};
    ForLanes(args.width, [&](int64_t i, int64_t lanes) { sum += LoadN(x + i, lanes); });
    const VecF mean = Set(Sum(sum) / width);
    VecF squares = {};
    ForLanes(args.width, [&](int64_t i, int64_t lanes) {
      const VecI live = (VecI)(Iota() < SetI(static_cast<int32_t>(lanes)));
      const VecF d = Select(live, LoadN(x + i, lanes) - mean, VecF{});
      squares = MulAdd(d, d, squares);
    });
    const VecF factor = Set(1.0f / __builtin_sqrtf(Sum(squares) / width + args.eps));
    ForLanes(args.width, [&](int64_t i, int64_t lanes) {
      VecF v = (LoadN(x + i, lanes) - mean) * factor * WeightAt(args, i, lanes);
      if (args.bias != nullptr) v += LoadN(args.bias + i, lanes);
      StoreN(y + i, v, lanes);
    });
  }
}

static void Softmax(const float* x, float* y, int64_t n) {
  if (n <= 0) return;
  VecF top = Set(x[0]);
  ForLanes(n, [&](int64_t i, int64_t lanes) {
    const VecI live = (VecI)(Iota() < SetI(static_cast<int32_t>(lanes)));
    top = MaxV(top, Select(live, LoadN(x + i, lanes), top));
  });
  const VecF largest = Set(MaxLane(top));
  VecF sum = {};
  ForLanes(n, [&](int64_t i, int64_t lanes) {
    const VecI live = (VecI)(Iota() < SetI(static_cast<int32_t>(lanes)));
    const VecF e = Select(live, Exp(LoadN(x + i, lanes) - largest), VecF{});
    sum += e;
    StoreN(y + i, e, lanes);
  });
  const VecF factor = Set(1.0f / Sum(sum));
  MapLanes(y, y, n, [&](VecF v) { return v * factor; });
}

static void WeightedSum(const WeightedSumArgs& args) {
  ForLanes(args.width, [&](int64_t i, int64_t lanes) {
    VecF sum = {};
    for (int64_t j = 0; j < args.k; ++j) {
      sum = MulAdd(Set(args.weights[j]), LoadN(args.x + j * args.x_stride + i, lanes), sum);
    }
    StoreN(args.y + i, sum, lanes);
  });
}

CONCORD_INLINE VecF GluAt(const GluArgs& args, VecF g, VecF u) {
  const VecF limit = Set(args.limit);
  if (args.clamp == GluClamp::kBefore) g = MinV(limit, g);
  if (args.clamp != GluClamp::kNone) u = MaxV(-limit, MinV(limit, u));
  VecF a;
  if (args.act == GluAct::kGeluTanh) {
    a = GeluTanh(g);
  } else if (args.act == GluAct::kOai) {
    a = g / (Set(1.0f) + Exp(g * Set(-args.alpha)));
  } else {
    a = Silu(g);
  }
  if (args.clamp == GluClamp::kAfter) a = MinV(limit, a);
  return a * (u + Set(args.plus_one));
}

static void Glu(const GluArgs& args) {
  for (int64_t r = 0; r < args.n_rows; ++r) {
    const float* gate = args.gate + r * args.gate_stride;
    const float* up = args.up + r * args.up_stride;
    float* y = args.y + r * args.y_stride;
    ForLanes(args.width, [&](int64_t i, int64_t lanes) {
      StoreN(y + i, GluAt(args, LoadN(gate + i, lanes), LoadN(up + i, lanes)), lanes);
    });
  }
}

static void UnaryRow(Unary op, const float* x, float* y, int64_t n) {
  switch (op) {
    case Unary::kSilu:
      return MapLanes(x, y, n, [](VecF v) { return Silu(v); });
    case Unary::kSigmoid:
      return MapLanes(x, y, n, [](VecF v) { return Sigmoid(v); });
    case Unary::kGeluTanh:
      return MapLanes(x, y, n, [](VecF v) { return GeluTanh(v); });
    case Unary::kSoftplus:
      return MapLanes(x, y, n, [](VecF v) { return Softplus(v); });
    case Unary::kRelu:
      return MapLanes(x, y, n, [](VecF v) { return MaxV(VecF{}, v); });
    case Unary::kTanh:
      return MapLanes(x, y, n, [](VecF v) { return Tanh(v); });
    case Unary::kExp:
      return MapLanes(x, y, n, [](VecF v) { return Exp(v); });
    case Unary::kSqrt:
      return MapLanes(x, y, n, [](VecF v) { return Sqrt(v); });
  }
}

static void AddRow(const float* a, const float* b, float* y, int64_t n) {
  ForLanes(n, [&](int64_t i, int64_t lanes) { StoreN(y + i, LoadN(a + i, lanes) + LoadN(b + i, lanes), lanes); });
}

static void MulRow(const float* a, const float* b, float* y, int64_t n) {
  ForLanes(n, [&](int64_t i, int64_t lanes) { StoreN(y + i, LoadN(a + i, lanes) * LoadN(b + i, lanes), lanes); });
}

static void ScaleRow(const float* x, float factor, float* y, int64_t n) {
  MapLanes(x, y, n, [&](VecF v) { return v * Set(factor); });
}

static void LogitsPost(const float* x, float factor, float softcap, float* y, int64_t n) {
  if (softcap == 0.0f) return ScaleRow(x, factor, y, n);
  MapLanes(x, y, n, [&](VecF v) { return Set(softcap) * Tanh(v * Set(factor) / Set(softcap)); });
}

// NaN is never greater, so it falls out of the comparisons.
static int64_t ArgMax(const float* x, int64_t n) {
  constexpr int64_t kBlock = 2048;
  const float lowest = -__builtin_inff();
  float best = lowest;
  int64_t begin = 0;
  int64_t end = n;
  for (int64_t b = 0; b < n; b += kBlock) {
    const int64_t stop = Min(n, b + kBlock);
    VecF top[4] = {Set(lowest), Set(lowest), Set(lowest), Set(lowest)};
    int64_t i = b;
    for (; i + 4 * kLanes <= stop; i += 4 * kLanes) {
      for (int v = 0; v < 4; ++v) top[v] = MaxV(Load(x + i + v * kLanes), top[v]);
    }
    float largest = MaxLane(MaxV(MaxV(top[0], top[1]), MaxV(top[2], top[3])));
    for (; i < stop; ++i) largest = x[i] > largest ? x[i] : largest;
    if (largest > best) {
      best = largest;
      begin = b;
      end = stop;
    }
  }
  for (int64_t i = begin; i < end; ++i) {
    if (x[i] == best) return i;
  }
  return -1;
}

static void DecodeRow(const packing::Packing& packing, const void* row, int64_t k, float* out) {
  constexpr int32_t kGgufF32 = 0, kGgufF16 = 1, kGgufBf16 = 30;
  if (packing.gguf_type == kGgufF32) {
    __builtin_memcpy(out, row, static_cast<size_t>(k) * 4);
  } else if (packing.gguf_type == kGgufF16 || packing.gguf_type == kGgufBf16) {
    const bool f16 = packing.gguf_type == kGgufF16;
    ForLanes(k, [&](int64_t i, int64_t lanes) {
      VecH h = {};
      __builtin_memcpy(&h, static_cast<const uint8_t*>(row) + 2 * i, static_cast<size_t>(lanes) * 2);
      StoreN(out + i, f16 ? FromF16(h) : FromBf16(h), lanes);
    });
  } else {
    packing.decode(row, k / packing.block_elems, out);
  }
}

}  // namespace concord::kernels::CONCORD_ISA_NAMESPACE

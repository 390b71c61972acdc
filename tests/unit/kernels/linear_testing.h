#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "kernels/cpu/kernel_table.h"
#include "kernels/cpu/linear.h"
#include "runtime/base/packing/int8_rows.h"
#include "tests/unit/kernels/kernel_testing.h"

namespace concord::kernels {

constexpr float kGuard = 12345.0f;

struct Exact {
  double value, size;  // size: the sum of the magnitudes of the terms
};

// A product of random operands, whole, with strides and weights at an odd address.
struct Problem {
  Problem(uint32_t seed, const char* packing_name, const char* arithmetic_name, int64_t n_rows, int64_t n_cols,
          int64_t m_rows)
      : packing(packing::Find(packing_name)), arithmetic(arithmetic_name), n(n_rows), k(n_cols), m(m_rows) {
    std::mt19937 rng(seed);
    row_bytes = packing->Bytes(k);
    row_stride = row_bytes + 3 * static_cast<int64_t>(rng() % 2);
    weights.resize(static_cast<size_t>(n * row_stride + 1));
    decoded.resize(static_cast<size_t>(n * k));
    for (int64_t i = 0; i < n; ++i) {
      const std::vector<uint8_t> row = RandomBlocks(rng, *packing, k);
      std::memcpy(weights.data() + 1 + i * row_stride, row.data(), row.size());
    }
    x = RandomFloats(rng, m * k);
    bias = RandomFloats(rng, n);
    Refresh();
  }

  // What follows from weights and x.
  void Refresh() {
    for (int64_t i = 0; i < n; ++i) {
      packing->decode(weights.data() + 1 + i * row_stride, k / packing->block_elems, decoded.data() + i * k);
    }
    x_f32 = x;
    if (Int8()) {
      const int64_t group = packing::Int8GroupOf(arithmetic), bytes = RecordBytes();
      records.resize(static_cast<size_t>(m * bytes));
      FindLinear(packing->name, arithmetic, Isa::kPortable)->make_rows(x.data(), k, m, k, records.data());
      for (int64_t i = 0; i < m * k; ++i) {  // what the products are made of; scales follow q in both kinds of record
        const uint8_t* record = records.data() + i / k * bytes;
        float scale;
        std::memcpy(&scale, record + k + i % k / group * 4, 4);
        x_f32[static_cast<size_t>(i)] = scale * static_cast<float>(static_cast<int8_t>(record[i % k]));
      }
    }
  }

  // The largest sums there are: rows of W whose bytes are all the same beside their scales, rows of x of one size.
  void MakeLargest() {
    const uint8_t bytes[] = {0xff, 0x00, 0x80, 0x7f};
    for (int64_t i = 0; i < n * k / packing->block_elems; ++i) {
      const int64_t row = i / (k / packing->block_elems), block = i % (k / packing->block_elems);
      uint8_t* at = weights.data() + 1 + row * row_stride + block * packing->block_bytes;
      const std::vector<uint8_t> before(at, at + packing->block_bytes);
      const auto keep = [&](int from, int count) { std::copy_n(before.begin() + from, count, at + from); };
      std::fill_n(at, packing->block_bytes, bytes[row % 4]);
      if (std::string(packing->name) == "mxfp4") keep(0, 1);
      for (int half : HalfOffsets(packing->name)) keep(half, 2);
    }
    for (int64_t i = 0; i < m * k; ++i) {
      float& v = x[static_cast<size_t>(i)];
      v = i / k % 3 == 0 ? 1.5f : i / k % 3 == 1 ? -1.5f : std::copysign(1.5f, v);
    }
    Refresh();
  }

  // y[row, col] in float64, of W as decoded and x as its records have it.
  Exact ExactOf(int64_t row, int64_t col) const {
    Exact exact = {};
    for (int64_t c = 0; c < k; ++c) {
      const double term = double{decoded[static_cast<size_t>(col * k + c)]} * x_f32[static_cast<size_t>(row * k + c)];
      exact.value += term, exact.size += std::fabs(term);
    }
    return exact;
  }

  bool Int8() const { return packing::Int8GroupOf(arithmetic) > 0; }
  int64_t RecordBytes() const { return FindLinear(packing->name, arithmetic, Isa::kPortable)->x_row_bytes(k); }

  LinearTile Tile(std::vector<float>* y) const {
    LinearTile tile;
    tile.packing = packing;
    tile.weights = weights.data() + 1;
    tile.row_stride_bytes = row_stride;
    tile.n_end = n;
    tile.k = k;
    tile.x = Int8() ? static_cast<const void*>(records.data()) : x.data();
    tile.x_stride_bytes = Int8() ? RecordBytes() : k * 4;
    tile.m_end = m;
    tile.y_stride = n + 5;
    y->assign(static_cast<size_t>(m * tile.y_stride), kGuard);
    tile.y = y->data();
    return tile;
  }

  void Run(Isa isa, LinearTile tile) const {
    const LinearKernel* kernel = FindLinear(packing->name, arithmetic, isa);
    if (kernel == nullptr) return;  // y keeps its guards
    Scratch scratch(kernel->scratch_bytes(k, tile.m_end - tile.m_begin));
    tile.scratch = scratch.get();
    kernel->run(tile);
  }

  std::vector<float> RunWhole(Isa isa, bool with_bias) const {
    std::vector<float> y;
    LinearTile tile = Tile(&y);
    if (with_bias) tile.bias = bias.data();
    Run(isa, tile);
    return y;
  }

  const packing::Packing* packing;
  const char* arithmetic;
  int64_t n, k, m;
  int64_t row_bytes = 0, row_stride = 0;
  std::vector<uint8_t> weights, records;
  std::vector<float> decoded, x, x_f32, bias;
};

struct Case {
  std::string packing;
  const char* arithmetic;
};

inline std::vector<Case> Int8Cases() {
  int32_t count = 0;
  const LinearKernel* kernels = LinearKernels(Isa::kPortable, &count);
  std::vector<Case> cases;
  for (int32_t i = 0; i < count; ++i) {
    if (packing::Int8GroupOf(kernels[i].arithmetic) > 0) cases.push_back({kernels[i].packing, kernels[i].arithmetic});
  }
  return cases;
}

inline std::vector<Case> Cases() {
  std::vector<Case> cases = Int8Cases();
  for (const Case& c : Int8Cases()) cases.push_back({c.packing, "f32"});
  for (const char* name : {"f32", "f16", "bf16"}) cases.push_back({name, "f32"});
  return cases;
}

}  // namespace concord::kernels

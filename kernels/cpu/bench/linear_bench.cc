#include <benchmark/benchmark.h>

#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "kernels/cpu/bench/machine_limits.h"
#include "kernels/cpu/kernel_table.h"
#include "kernels/cpu/linear.h"

// One core. Matrix-vector: weights larger than the caches stream from memory; GB/s of weights, and what share that is
// of what the core reads. Matrix-matrix: 512 rows of x; GOPS (a multiply-add is 2), and what share that is of the peak
// of the instruction that the arithmetic is made of. Random codes, scales of 1e-3: the values do not matter, the bits
// of each field do.
namespace concord::kernels {
namespace {

constexpr int64_t kK = 2048;
constexpr int64_t kTileRows = 512;  // of W: as a backend cuts it

struct Operands {
  Operands(const packing::Packing& p, const LinearKernel& kernel, int64_t n_rows, int64_t m_rows)
      : packing(p), n(n_rows), m(m_rows) {
    std::mt19937_64 rng(1);
    weights.resize(static_cast<size_t>(n * p.Bytes(kK)));
    // Bytes below 0x1c never make a half or a float that is infinite or NaN.
    for (size_t i = 0; i + 8 <= weights.size(); i += 8) {
      const uint64_t bits = rng() & 0x1b1b1b1b1b1b1b1bu;
      std::memcpy(weights.data() + i, &bits, 8);
    }
    // Where a byte is all or most of an exponent, small ones would make every sum a subnormal number.
    for (size_t i = 0; std::strcmp(p.name, "mxfp4") == 0 && i < weights.size(); i += 17) weights[i] = 120;
    for (size_t i = 1; std::strcmp(p.name, "bf16") == 0 && i < weights.size(); i += 2) weights[i] = 0x3c;
    std::vector<float> f(static_cast<size_t>(m * kK));
    for (float& v : f) v = static_cast<float>(static_cast<int64_t>(rng())) * 1e-19f;
    if (kernel.make_rows != nullptr) {
      x.resize(static_cast<size_t>(m * kernel.x_row_bytes(kK)));
      kernel.make_rows(f.data(), kK, m, kK, x.data());
    } else {
      x.resize(f.size() * 4);
      std::memcpy(x.data(), f.data(), x.size());
    }
    y.resize(static_cast<size_t>(m * n));
    tile.packing = &packing;
    tile.weights = weights.data();
    tile.row_stride_bytes = p.Bytes(kK);
    tile.n_end = n;
    tile.k = kK;
    tile.x = x.data();
    tile.x_stride_bytes = kernel.make_rows != nullptr ? kernel.x_row_bytes(kK) : kK * 4;
    tile.m_end = m;
    tile.y = y.data();
    tile.y_stride = n;
  }
  const packing::Packing& packing;
  int64_t n, m;
  std::vector<uint8_t> weights, x;
  std::vector<float> y;
  LinearTile tile;
};

// Of the arithmetic: int8 products, products of halves (bf16 where the machine has them), or f32.
const Peak& PeakOf(const LinearKernel& kernel) {
  const MachineLimits& limits = OneThreadLimits();
  const std::string arithmetic = kernel.arithmetic;
  return arithmetic == "f32" ? limits.f32 : arithmetic.substr(0, 4) == "int8" ? limits.int8 : limits.floats;
}

void RunLinear(benchmark::State& state, const LinearKernel* kernel, const packing::Packing* packing, int64_t n,
               int64_t m) {
  Operands operands(*packing, *kernel, n, m);
  std::vector<uint8_t> scratch(static_cast<size_t>(kernel->scratch_bytes(kK, m)) + 64);
  operands.tile.scratch = scratch.data() + (64 - reinterpret_cast<uintptr_t>(scratch.data()) % 64);
  for (auto _ : state) {
    // Tiles as a backend cuts them, so that the pass over the end of a tile is counted too.
    for (int64_t begin = 0; begin < n; begin += kTileRows) {
      LinearTile tile = operands.tile;
      tile.n_begin = begin;
      tile.n_end = std::min(n, begin + kTileRows);
      kernel->run(tile);
    }
    benchmark::ClobberMemory();
  }
  const double rounds = static_cast<double>(state.iterations());
  using benchmark::Counter;
  const double bytes = rounds * static_cast<double>(operands.weights.size());
  const double ops = rounds * 2 * static_cast<double>(n * m * kK);
  state.counters["GB/s"] = Counter(bytes * 1e-9, Counter::kIsRate);
  state.counters["GOPS"] = Counter(ops * 1e-9, Counter::kIsRate);
  state.counters["%reads"] = Counter(PercentPerUnit(bytes, OneThreadLimits().read_bytes_per_second), Counter::kIsRate);
  state.counters["%peak"] = Counter(PercentPerUnit(ops, PeakOf(*kernel).ops_per_second), Counter::kIsRate);
}

void Register() {
  int32_t count = 0;
  const LinearKernel* kernels = LinearKernels(BestIsa(), &count);
  for (int32_t i = 0; i < count; ++i) {
    const LinearKernel* kernel = &kernels[i];
    const packing::Packing* packing = packing::Find(kernel->packing);
    if (packing == nullptr) continue;
    const std::string name = std::string(kernel->packing) + "/" + kernel->arithmetic;
    const int64_t stream = (100 << 20) / packing->Bytes(kK) / kTileRows * kTileRows;
    for (int64_t m : {1, 2, 4, 8, 512}) {
      const int64_t n = m == 512 ? 512 : stream;
      benchmark::RegisterBenchmark(("linear/" + name + "/rows:" + std::to_string(m)).c_str(), [=](benchmark::State& s) {
        RunLinear(s, kernel, packing, n, m);
      })->Unit(benchmark::kMillisecond);
    }
  }
}

// What the memory gives one core: the sum of 256 MiB.
void ReadMemory(benchmark::State& state) {
  std::vector<uint64_t> data(32 << 20, 1);
  for (auto _ : state) {
    uint64_t sum[8] = {};
    for (size_t i = 0; i < data.size(); i += 8) {
      for (size_t j = 0; j < 8; ++j) sum[j] += data[i + j];
    }
    benchmark::DoNotOptimize(sum);
  }
  state.counters["GB/s"] = benchmark::Counter(
      static_cast<double>(state.iterations()) * static_cast<double>(data.size()) * 8e-9, benchmark::Counter::kIsRate);
}
BENCHMARK(ReadMemory)->Unit(benchmark::kMillisecond);

}  // namespace

void RegisterLinearBenchmarks() { Register(); }

}  // namespace concord::kernels

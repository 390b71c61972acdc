#include <benchmark/benchmark.h>

#include <cmath>
#include <vector>

#include "kernels/cpu/bench/machine_limits.h"
#include "kernels/cpu/kernel_table.h"
#include "kernels/cpu/linear.h"

// One core, one KV head with 4 query heads of 64 (a 1B llama), a cache of `length` tokens in f16 (`q8` 0) or q8_0 (1).
// Decode: one query, GB/s of K and V, and what share that is of what the core reads from memory. Prefill: 64 queries at
// the end, GFLOPS (4 d a visible pair), and what share that is of the peak of f32.
namespace concord::kernels {
namespace {

void RunAttention(benchmark::State& state) {
  const int64_t n_queries = state.range(0), length = state.range(1), d = 64, group = 4, block_tokens = 32;
  const int64_t n_blocks = length / block_tokens;
  KvCache cache;
  cache.type = state.range(2) != 0 ? KvType::kQ8_0 : KvType::kF16;
  cache.n_kv_heads = 1;
  cache.block_tokens = block_tokens;
  cache.d = d;
  std::vector<uint8_t> k(static_cast<size_t>(length * KvRowBytes(cache.type, d)), 0x11), v = k;
  std::vector<int32_t> table(static_cast<size_t>(n_blocks)), positions;
  for (int64_t i = 0; i < n_blocks; ++i) table[static_cast<size_t>(i)] = static_cast<int32_t>(i * 7 % n_blocks);
  for (int64_t i = 0; i < n_queries; ++i) positions.push_back(static_cast<int32_t>(length - n_queries + i));
  std::vector<float> q(static_cast<size_t>(n_queries * group * d), 0.1f), out(q.size());
  std::vector<uint8_t> scratch(static_cast<size_t>(AttentionScratchBytes(d, d, n_queries * group)) + 64);
  AttentionTile tile;
  tile.q = q.data();
  tile.q_stride = tile.out_stride = group * d;
  tile.positions = positions.data();
  tile.n_queries = n_queries;
  tile.n_heads = group;
  tile.k = tile.v = cache;
  tile.k.blocks = k.data();
  tile.v.blocks = v.data();
  tile.block_table = table.data();
  tile.scale = 0.125f;
  tile.out = out.data();
  tile.scratch = scratch.data() + (64 - reinterpret_cast<uintptr_t>(scratch.data()) % 64);
  for (auto _ : state) {
    Kernels().attention(tile);
    benchmark::ClobberMemory();
  }
  const double rounds = static_cast<double>(state.iterations());
  const double flops = 4 * static_cast<double>(d * group * n_queries) *
                       (static_cast<double>(length) - static_cast<double>(n_queries) / 2);
  using benchmark::Counter;
  const double bytes = rounds * 2 * static_cast<double>(k.size());
  const MachineLimits& limits = OneThreadLimits();
  state.counters["GB/s"] = Counter(bytes * 1e-9, Counter::kIsRate);
  state.counters["GFLOPS"] = Counter(rounds * flops * 1e-9, Counter::kIsRate);
  state.counters["%reads"] = Counter(PercentPerUnit(bytes, limits.read_bytes_per_second), Counter::kIsRate);
  state.counters["%peak"] = Counter(PercentPerUnit(rounds * flops, limits.f32.ops_per_second), Counter::kIsRate);
}
BENCHMARK(RunAttention)
    ->ArgNames({"queries", "length", "q8"})
    ->ArgsProduct({{1}, {512, 8192}, {0, 1}})
    ->ArgsProduct({{64}, {512, 2048}, {0, 1}});

void RunArgMax(benchmark::State& state) {
  std::vector<float> x(128256);
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i * 7919 % 100003);
  for (auto _ : state) benchmark::DoNotOptimize(Kernels().argmax(x.data(), static_cast<int64_t>(x.size())));
}
BENCHMARK(RunArgMax)->Unit(benchmark::kMicrosecond);

void RunQuantizeRows(benchmark::State& state) {
  std::vector<float> x(2048, 0.3f);
  std::vector<uint8_t> out(16384);
  const LinearKernel* kernel = FindLinear("q4_k", "int8/256");
  for (auto _ : state) kernel->make_rows(x.data(), 2048, 1, 2048, out.data());
  state.SetItemsProcessed(state.iterations() * 2048);
}
BENCHMARK(RunQuantizeRows);

void RunGlu(benchmark::State& state) {
  std::vector<float> x(8192, 0.3f), y(8192);
  GluArgs args;
  args.gate = args.up = x.data();
  args.y = y.data();
  args.n_rows = 1;
  args.width = 8192;
  for (auto _ : state) Kernels().glu(args);
  state.SetItemsProcessed(state.iterations() * 8192);
}
BENCHMARK(RunGlu);

void RunRmsNorm(benchmark::State& state) {
  std::vector<float> x(2048, 0.3f), y(2048);
  NormArgs args;
  args.x = x.data();
  args.y = y.data();
  args.n_rows = 1;
  args.width = 2048;
  args.weight = x.data();
  for (auto _ : state) Kernels().rms_norm(args);
  state.SetItemsProcessed(state.iterations() * 2048);
}
BENCHMARK(RunRmsNorm);

}  // namespace
}  // namespace concord::kernels

#include "runtime/base/machine_probe.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <vector>

#include "runtime/base/checked.h"
#include "runtime/base/task_arena.h"

namespace concord {
namespace {

// Far beyond the last-level cache of the cores that a model gets.
constexpr int64_t kBytes = 256 << 20;
constexpr int64_t kPiece = 1 << 20;
constexpr int kRounds = 6;

double Seconds(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// Runs fn(piece) for every piece on all threads of the arena and returns the seconds.
template <typename Fn>
double Time(TaskArena& arena, int64_t pieces, Fn fn) {
  struct Run {
    std::atomic<int64_t> next{0};
    int64_t pieces;
    Fn* fn;
  } run;
  run.pieces = pieces;
  run.fn = &fn;
  const auto begin = std::chrono::steady_clock::now();
  arena.ParallelRun(
      arena.worker_count(),
      [](void* arg, uint32_t, int32_t) {
        auto* r = static_cast<Run*>(arg);
        for (int64_t i; (i = r->next.fetch_add(1, std::memory_order_relaxed)) < r->pieces;) (*r->fn)(i);
      },
      &run);
  return Seconds(begin);
}

#if defined(__x86_64__)
#define CONCORD_WIDEST __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define CONCORD_WIDEST
#endif

// With the widest loads there are, and the next lines asked for: 16-byte loads alone reach two thirds of what a machine
// gives (measured: 18 of 28 GB/s).
CONCORD_WIDEST uint64_t Sum(const uint64_t* words, int64_t count) {
  typedef uint64_t Line __attribute__((vector_size(64)));
  constexpr int kLines = 4;     // independent chains: the loads, not the additions, are what takes time
  constexpr int kAhead = 1024;  // words
  Line sums[kLines] = {};
  for (int64_t i = 0; i + 8 * kLines <= count; i += 8 * kLines) {
    for (int l = 0; l < kLines; ++l) {
      __builtin_prefetch(words + i + 8 * l + kAhead);
      Line line;
      std::memcpy(&line, words + i + 8 * l, sizeof(line));
      sums[l] += line;
    }
  }
  const Line all = sums[0] + sums[1] + sums[2] + sums[3];
  uint64_t sum = 0;
  for (int i = 0; i < 8; ++i) sum += all[i];
  return sum;
}

absl::StatusOr<double> ReadBandwidth(TaskArena& arena) {
  std::vector<uint64_t> words;
  CONCORD_RETURN_IF_ERROR(ResizeChecked(&words, kBytes / sizeof(uint64_t), "measuring memory"));
  constexpr int64_t kWords = kPiece / sizeof(uint64_t);
  std::atomic<uint64_t> sink{0};  // keeps the sums from being optimised away
  double best = 1e9;
  for (int round = 0; round < kRounds; ++round) {
    best = std::min(best, Time(arena, kBytes / kPiece, [&](int64_t piece) {
                      sink.fetch_add(Sum(words.data() + piece * kWords, kWords), std::memory_order_relaxed);
                    }));
  }
  return static_cast<double>(kBytes) / best;
}

// One instruction on registers alone, in chains enough to hide its latency. Written as assembly since the point is this
// instruction, whatever the compiler was told of the machine.
struct Loop {
  const char* name;
  double ops;  // an iteration: a multiplication and an addition for each pair of numbers
  void (*run)(int64_t iterations);
};

#if defined(__x86_64__)
#define CONCORD_CHAINS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9)
#define CONCORD_LOOP(name, CHAIN)                                                                                 \
  void name(int64_t iterations) {                                                                                 \
    for (; iterations > 0; --iterations) {                                                                        \
      asm volatile(CONCORD_CHAINS(CHAIN)::                                                                        \
                       : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm12", \
                         "xmm13");                                                                                \
    }                                                                                                             \
    asm volatile("vzeroupper" ::: "memory");                                                                      \
  }

#define CONCORD_CHAIN(i) "vpdpbusd %%zmm30, %%zmm31, %%zmm" #i "\n"
CONCORD_LOOP(Vnni512, CONCORD_CHAIN)
#undef CONCORD_CHAIN
#define CONCORD_CHAIN(i)                   \
  "vpmaddubsw %%ymm14, %%ymm15, %%ymm13\n" \
  "vpmaddwd %%ymm13, %%ymm14, %%ymm12\n"   \
  "vpaddd %%ymm12, %%ymm" #i ", %%ymm" #i "\n"
CONCORD_LOOP(Int8Avx2, CONCORD_CHAIN)
#undef CONCORD_CHAIN
#define CONCORD_CHAIN(i) "vdpbf16ps %%zmm30, %%zmm31, %%zmm" #i "\n"
CONCORD_LOOP(Bf16Avx512, CONCORD_CHAIN)
#undef CONCORD_CHAIN
#define CONCORD_CHAIN(i) "vfmadd231ps %%zmm30, %%zmm31, %%zmm" #i "\n"
CONCORD_LOOP(FmaAvx512, CONCORD_CHAIN)
#undef CONCORD_CHAIN
#define CONCORD_CHAIN(i) "vfmadd231ps %%ymm14, %%ymm15, %%ymm" #i "\n"
CONCORD_LOOP(FmaAvx2, CONCORD_CHAIN)
#undef CONCORD_CHAIN

std::vector<Loop> Int8Loops() {
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512vnni")) return {{"vpdpbusd zmm", 10 * 64 * 2, Vnni512}};
  if (__builtin_cpu_supports("avx2")) return {{"vpmaddubsw ymm", 10 * 32 * 2, Int8Avx2}};
  return {};
}

std::vector<Loop> F32Loops() {
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f")) return {{"vfmadd231ps zmm", 10 * 16 * 2, FmaAvx512}};
  if (__builtin_cpu_supports("fma")) return {{"vfmadd231ps ymm", 10 * 8 * 2, FmaAvx2}};
  return {};
}
std::vector<Loop> Bf16Loops() {
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512bf16")) return {{"vdpbf16ps zmm", 10 * 32 * 2, Bf16Avx512}};
  return {};
}
#elif defined(__aarch64__) && defined(__ARM_FEATURE_DOTPROD)
void Dot(int64_t iterations) {
  for (; iterations > 0; --iterations) {
    asm volatile(
        "sdot v0.4s, v30.16b, v31.16b\n sdot v1.4s, v30.16b, v31.16b\n sdot v2.4s, v30.16b, v31.16b\n"
        "sdot v3.4s, v30.16b, v31.16b\n sdot v4.4s, v30.16b, v31.16b\n sdot v5.4s, v30.16b, v31.16b\n"
        "sdot v6.4s, v30.16b, v31.16b\n sdot v7.4s, v30.16b, v31.16b\n" ::
            : "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7");
  }
}

std::vector<Loop> Int8Loops() { return {{"sdot", 8 * 16 * 2, Dot}}; }
std::vector<Loop> F32Loops() { return {}; }
std::vector<Loop> Bf16Loops() { return {}; }
#else
std::vector<Loop> Int8Loops() { return {}; }
std::vector<Loop> F32Loops() { return {}; }
std::vector<Loop> Bf16Loops() { return {}; }
#endif

// Of the fastest of these loops.
Peak Measure(TaskArena& arena, const std::vector<Loop>& loops) {
  constexpr int64_t kIterations = 50'000;  // about 0.15 ms a piece
  const int64_t pieces = 64 * static_cast<int64_t>(arena.worker_count());
  Peak peak;
  for (const Loop& loop : loops) {
    for (int round = 0; round < kRounds; ++round) {
      const double seconds = Time(arena, pieces, [&](int64_t) { loop.run(kIterations); });
      const double ops = loop.ops * static_cast<double>(kIterations * pieces) / seconds;
      if (ops > peak.ops_per_second) peak = {ops, loop.name};
    }
  }
  return peak;
}

}  // namespace

absl::StatusOr<MachineLimits> ProbeMachine(int threads, bool pin) {
  TaskArena arena({.threads = static_cast<uint32_t>(std::max(0, threads)), .pin_cores = pin});
  MachineLimits limits;
  limits.threads = static_cast<int>(arena.worker_count());
  CONCORD_ASSIGN_OR_RETURN(limits.read_bytes_per_second, ReadBandwidth(arena));
  limits.int8 = Measure(arena, Int8Loops());
  limits.f32 = Measure(arena, F32Loops());
  const Peak bf16 = Measure(arena, Bf16Loops());  // processors differ in whether they are faster at that
  limits.floats = bf16.ops_per_second > limits.f32.ops_per_second ? bf16 : limits.f32;
  return limits;
}

}  // namespace concord

#include "runtime/cts/speed.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <deque>

#include "absl/strings/str_format.h"
#include "ops/core/numerics.h"
#include "runtime/cts/copy_probe.h"
#include "runtime/cts/one_op.h"
#include "runtime/cts/pattern.h"
#include "runtime/hal/chain.h"

namespace concord::cts {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kSeconds = 0.25;            // measured an op, after one run that warms up
constexpr int kMostRuns = 200, kRounds = 5;  // a queue holds some hundreds of items at least
// What the tensors of runs one after the other take together: caches that are smaller do not answer.
constexpr int64_t kApartBytes = 256 << 20;
constexpr size_t kMostApart = 128;
constexpr int64_t kWidth = 2048, kFfnWidth = 8192, kHeads = 32, kKvHeads = 8, kHeadDim = 64, kVocab = 128256;
constexpr int64_t kContext = 4096, kBlockTokens = 32, kPrefill = 128;

struct SpeedCase {
  std::string name;
  ops::OpCase op_case;
};

// Encoding millions of weights takes longer than all measurements: a few rows are made, the others are copies.
void FillRows(ops::CaseRng& rng, const ops::TensorView& view) {
  constexpr int64_t kMade = 16;
  const int64_t made = std::min(view.rows(), kMade);
  ops::FillUniform(rng, ops::TensorView(view.packing(), {made, view.cols()}, view.data()));
  auto* bytes = static_cast<char*>(view.data());
  for (int64_t r = made; r < view.rows(); ++r) {
    std::memcpy(bytes + r * view.row_bytes(), bytes + r % made * view.row_bytes(),
                static_cast<size_t>(view.row_bytes()));
  }
}

ops::CaseTensor Large(const char* slot, std::vector<int64_t> dims, const char* packing = "f32") {
  return ops::In(slot, std::move(dims), packing, FillRows);
}

SpeedCase Linear(int64_t n, int64_t in, int64_t out, const char* packing, const std::string& arithmetic) {
  const std::string word = ops::ArithmeticWord(arithmetic);
  SpeedCase c{absl::StrCat("speed/linear/", packing, "/", word, "/", n, "x", in, "x", out),
              {"linear", "speed", {}, {Large("x", {n, in}), Large("w", {out, in}, packing)}}};
  c.op_case.arithmetic = arithmetic;
  return c;
}

// One token of one sequence over a full context.
SpeedCase Attention(const char* packing) {
  constexpr int64_t kBlocks = kContext / kBlockTokens;
  std::vector<int64_t> table(kBlocks);
  for (int64_t b = 0; b < kBlocks; ++b) table[static_cast<size_t>(b)] = (b * 37) % kBlocks;  // 37 is odd: all blocks
  return {absl::StrCat("speed/attention/", packing, "/1x", kContext),
          {"attention",
           "speed",
           {},
           {Large("q", {1, kHeads, kHeadDim}), Large("k_cache", {kBlocks, kKvHeads, kBlockTokens, kHeadDim}, packing),
            Large("v_cache", {kBlocks, kKvHeads, kBlockTokens, kHeadDim}, packing),
            ops::In("block_table", {1, kBlocks}, "i32", ops::FillGiven(table)),
            ops::In("q_start", {2}, "i32", ops::FillGiven({0, 1})),
            ops::In("kv_len", {1}, "i32", ops::FillGiven({kContext}))},
           "f32",
           "kv.paged/1"}};
}

std::vector<SpeedCase> SpeedCases() {
  std::vector<SpeedCase> cases;
  for (const char* packing : {"f32", "f16", "bf16", "q8_0", "q4_0", "q4_k", "q6_k", "mxfp4"}) {
    for (const std::string& arithmetic : ops::ArithmeticsOf(*packing::Find(packing))) {
      cases.push_back(Linear(1, kWidth, kFfnWidth, packing, arithmetic));
      cases.push_back(Linear(kPrefill, kWidth, kFfnWidth, packing, arithmetic));
    }
  }
  for (const char* arithmetic : packing::FastArithmetics(*packing::Find("q6_k"))) {
    cases.push_back(Linear(1, kWidth, kVocab, "q6_k", arithmetic));
  }
  for (const char* packing : {"f32", "f16", "q8_0"}) cases.push_back(Attention(packing));
  const std::vector<int64_t> rows = {kPrefill, kWidth}, wide = {kPrefill, kFfnWidth};
  cases.push_back({"speed/add/f32/128x2048", {"add", "speed", {}, {Large("a", rows), Large("b", rows)}}});
  cases.push_back({"speed/rms_norm/f32/128x2048", {"rms_norm", "speed", {}, {Large("x", rows), Large("w", {kWidth})}}});
  cases.push_back({"speed/glu/f32/128x8192", {"glu", "speed", {}, {Large("gate", wide), Large("up", wide)}}});
  return cases;
}

// The seconds of one run: the best of some rounds, each long enough that submitting and waiting do not count. The runs
// take `ops` in turn.
absl::StatusOr<double> Time(const hal::Device& device, const std::deque<OneOp>& ops) {
  CONCORD_ASSIGN_OR_RETURN(hal::Semaphore semaphore, device.CreateSemaphore());
  hal::Chain chain(std::move(semaphore));
  size_t next = 0;
  const auto round = [&](int runs) -> absl::StatusOr<double> {
    const Clock::time_point begin = Clock::now();
    absl::Status status;
    for (int i = 0; i < runs && status.ok(); ++i) {
      const concord_point wait = chain.last(), signal = chain.next();
      status = ops[next++ % ops.size()].Submit({&wait, 1}, {&signal, 1});
      if (status.ok()) chain.Advance();
    }
    status.Update(chain.Wait());  // in any case: the tensors are in use until then
    if (!status.ok()) return status;
    return std::chrono::duration<double>(Clock::now() - begin).count() / runs;
  };
  for (size_t i = 0; i < ops.size(); ++i) CONCORD_RETURN_IF_ERROR(round(1).status());  // touches every tensor
  CONCORD_ASSIGN_OR_RETURN(double seconds, round(1));
  const int runs = static_cast<int>(std::clamp(kSeconds / kRounds / std::max(seconds, 1e-9), 1.0, 1.0 * kMostRuns));
  for (int i = 0; i < kRounds && i * runs * seconds < 4 * kSeconds; ++i) {
    CONCORD_ASSIGN_OR_RETURN(const double took, round(runs));
    seconds = std::min(seconds, took);
  }
  return std::max(seconds, 1e-9);
}

absl::StatusOr<SpeedReport> Measure(const hal::Device& device, const SpeedCase& c) {
  SpeedReport report;
  report.name = c.name;
  std::deque<OneOp> ops;
  size_t count = 1;
  while (ops.size() < count) {
    OneOp& op = ops.emplace_back(device, c.op_case);
    CONCORD_RETURN_IF_ERROR(op.Build());
    CONCORD_ASSIGN_OR_RETURN(const hal::Support support, op.Query());
    if (!support.ok() || support.level == CONCORD_SUPPORT_SLOW) {
      report.refused =
          support.ok() ? absl::StrCat("not timed: the device calls it slow. ", support.reason) : support.reason;
      return report;
    }
    CONCORD_RETURN_IF_ERROR(op.Load());
    count = std::clamp<size_t>(static_cast<size_t>(kApartBytes / op.tensor_bytes()), 1, kMostApart);
  }
  CONCORD_ASSIGN_OR_RETURN(report.seconds, Time(device, ops));
  report.bytes = static_cast<double>(ops.front().tensor_bytes());
  const ops::OpDef& def = *ops::FindOp(c.op_case.op);
  const ops::CostArgs args{[&](absl::string_view slot, int i) { return c.op_case.dim(slot, i); }, kContext};
  report.flops = def.cost(def.Complete(c.op_case.attrs), args).flops;
  return report;
}

// The faster of two: the device's own copy, and a linear layer in f32 that reads 512 MiB of weights once.
absl::StatusOr<Peak> MeasurePeak(const hal::Device& device) {
  Peak peak;
  CONCORD_ASSIGN_OR_RETURN(peak.bytes_per_second, ProbeCopyBandwidth(device));
  peak.source = "the device's own copy within its memory, bytes counted where they are read and where they are written";
  const SpeedCase weights = Linear(1, kWidth, int64_t{1} << 16, "f32", "f32");
  const absl::StatusOr<SpeedReport> read = Measure(device, weights);
  if (!read.ok() || !read->refused.empty() || read->bytes_per_second() < peak.bytes_per_second) return peak;
  return Peak{read->bytes_per_second(), "`linear` in f32, one row, reading 512 MiB of weights"};
}

}  // namespace

std::vector<std::string> ListSpeed(const std::string& filter) {
  std::vector<std::string> names;
  for (const SpeedCase& c : SpeedCases()) {
    if (filter.empty() || MatchesAny(filter, c.name)) names.push_back(c.name);
  }
  return names;
}

absl::Status MeasureSpeed(const hal::Device& device, const std::string& filter, const OnCase& on_case, Report* report) {
  const std::vector<std::string> names = ListSpeed(filter);
  if (names.empty()) return absl::OkStatus();
  if (on_case) on_case(0, static_cast<int>(names.size()), "speed: the peak");
  CONCORD_ASSIGN_OR_RETURN(report->peak, MeasurePeak(device));
  for (const SpeedCase& c : SpeedCases()) {
    if (std::find(names.begin(), names.end(), c.name) == names.end()) continue;
    if (on_case) on_case(static_cast<int>(report->speed.size()), static_cast<int>(names.size()), c.name);
    absl::StatusOr<SpeedReport> measured = Measure(device, c);
    if (!measured.ok())
      measured = SpeedReport{.name = c.name, .refused = absl::StrCat("failed: ", measured.status().message())};
    report->speed.push_back(*std::move(measured));
  }
  return absl::OkStatus();
}

}  // namespace concord::cts

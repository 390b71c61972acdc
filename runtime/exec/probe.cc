#include "runtime/exec/probe.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "runtime/base/memory_block.h"
#include "runtime/base/packing/int8_rows.h"
#include "runtime/exec/capacities.h"
#include "runtime/exec/probe_graphs.h"
#include "runtime/exec/probe_program.h"
#include "runtime/graph/cost.h"
#include "runtime/hal/chain.h"
#include "runtime/hal/staged_buffer.h"

namespace concord::exec {
namespace {

// A piece of weights is read in a millisecond or two: so short a run now and then has the cores to itself, however busy
// the machine is.
constexpr int64_t kPieceBytes = 24 << 20;
// All weights together: more than the caches of most devices, and than it takes to find the end of the host's.
constexpr int64_t kPoolBytes = 128 << 20;
constexpr int64_t kLeastPoolBytes = 40 << 20;  // a piece in f32 fits into it
constexpr double kFillSeconds = 0.4;
constexpr int64_t kWidth = 2048;                                             // of a model of 1 B parameters
constexpr int64_t kSmallWidth = 256, kSmallFf = 512, kSmallBytes = 3 << 20;  // of small ones
constexpr int64_t kNarrowWidth = 64;  // at which prompts are not all arithmetic, where blocks are no longer
constexpr int64_t kNarrowPairs = 2;
constexpr int64_t kPromptTokens = 256, kKvTokens = 2048;
constexpr int kCaches = 8;  // that take turns
constexpr uint64_t kCopyBytes = 16 << 20;
constexpr double kMostSeconds = 0.3;  // a run
constexpr double kPatience = 0.05;    // a figure

enum class Kind { kLinear, kExactLinear, kAttention, kRows, kCache };
struct Figure {
  Kind kind;
  const char* packing;
};
// The most important first: what models of today have. The first are measured however slow the device is. An exact
// linear computes with f32 activations.
constexpr Figure kFigures[] = {
    {Kind::kLinear, "q4_k"},  {Kind::kLinear, "q8_0"},      {Kind::kAttention, "f16"},    {Kind::kRows, ""},
    {Kind::kCache, "q8_0"},   {Kind::kLinear, "f16"},       {Kind::kLinear, "bf16"},      {Kind::kLinear, "q6_k"},
    {Kind::kLinear, "f32"},   {Kind::kExactLinear, "q4_k"}, {Kind::kExactLinear, "q8_0"}, {Kind::kAttention, "q8_0"},
    {Kind::kLinear, "q4_0"},  {Kind::kExactLinear, "q6_k"}, {Kind::kAttention, "f32"},    {Kind::kLinear, "q5_k"},
    {Kind::kLinear, "mxfp4"}, {Kind::kExactLinear, "q4_0"}, {Kind::kExactLinear, "mxfp4"}};
constexpr size_t kNeeded = 4;

using Programs = std::vector<std::unique_ptr<ProbeProgram>>;

const packing::Packing& PackingOf(const char* name) { return *packing::Find(name); }

double ElemBytes(const packing::Packing& packing) {
  return static_cast<double>(packing.block_bytes) / packing.block_elems;
}

// What one run of a program has to do when it computes `n_tokens`, each of which sees `kv_len`.
absl::StatusOr<graph::NodeCost> CostOf(const ProbeProgram& program, graph::SymbolValues sizes, int64_t n_tokens,
                                       int64_t kv_len = 0) {
  sizes[ops::kNTokens] = n_tokens;
  CONCORD_ASSIGN_OR_RETURN(const graph::GraphCost cost, graph::ComputeCost(program.graph(), sizes, kv_len));
  return cost.total;
}

// What a run has of two things that cost, and how long it took.
struct Sample {
  double first, second, seconds;
};
// The price of each, from two runs that have them in different shares. Where noise gives one that is below nothing, the
// second costs nothing.
struct Prices {
  double first = 0, second = 0;
};
Prices Solve(const Sample& a, const Sample& b) {
  const double det = a.first * b.second - b.first * a.second;
  const Prices prices = {(a.seconds * b.second - b.seconds * a.second) / det,
                         (a.first * b.seconds - b.first * a.seconds) / det};
  if (prices.first > 0 && prices.second > 0) return prices;
  return {a.seconds / a.first, 0};
}

int64_t NarrowWidth(const char* packing) { return std::max<int64_t>(kNarrowWidth, PackingOf(packing).block_elems); }
double NarrowFlops(const char* packing) {
  const auto width = static_cast<double>(NarrowWidth(packing));
  return 2.0 * kPromptTokens * kNarrowPairs * 2 * 3 * width * width;
}

double PerSecond(double price) { return price > 0 ? 1 / price : 0; }

class Prober {
 public:
  Prober(const hal::Device& device, absl::Duration budget)
      : device_(device), model_(DescribeDevice(device)), deadline_(absl::Now() + budget) {}

  absl::StatusOr<graph::DeviceModel> Run();

 private:
  bool TimeLeft() const { return absl::Now() < deadline_; }
  int64_t PoolBytes() const;
  absl::Status AddProgram(absl::StatusOr<graph::Module> module, const std::string& arithmetic,
                          const graph::SymbolValues& capacities, const ProbeProgram::Integers& integers,
                          Programs* programs);
  absl::Status AddLinears(int64_t width, int64_t ff, const char* packing, const std::string& arithmetic, int64_t pairs,
                          int64_t n_tokens, Programs* programs);
  double Work(double seconds, const Programs& programs) const { return Work(seconds, programs, model_.op_seconds); }
  double PromptWork(double seconds, const Programs& programs) const {
    return Work(seconds, programs, std::max(model_.op_seconds, model_.shared_op_seconds));
  }
  double Work(double seconds, const Programs& programs, double op_seconds) const;

  absl::Status MeasureOverheads();
  absl::Status MeasureSharing();
  absl::Status MeasureLinear(const char* packing, const std::string& arithmetic);
  absl::StatusOr<Sample> WidePrompt(const char* packing, const std::string& arithmetic, double* seconds_a_byte);
  absl::StatusOr<Sample> NarrowPrompt(const char* packing, const std::string& arithmetic);
  absl::StatusOr<Sample> PromptAttention(const char* packing, const HeadShape& shape);
  absl::StatusOr<double> StreamedBytes(const char* packing, const std::string& arithmetic, double seconds_a_byte);
  absl::StatusOr<double> CachedBytes(const char* packing, const std::string& arithmetic, double bytes);
  std::string MeasuredArithmetic(const char* packing) const;
  absl::Status MeasureAttention(const char* packing);
  absl::Status MeasureRows();
  absl::Status MeasureCache(const char* packing);
  absl::Status MeasureCopies();
  absl::Status Measure(const Figure& figure);

  const hal::Device& device_;
  graph::DeviceModel model_;
  absl::Time deadline_;
  std::optional<ProbeWeights> weights_;
};

int64_t Prober::PoolBytes() const {
  int64_t bytes = kPoolBytes;
  if (const int64_t host = MemoryBlock::AvailableBytes(); host >= 0) bytes = std::min(bytes, host / 4);
  if (model_.free_bytes >= 0) bytes = std::min(bytes, model_.free_bytes / 4);
  return std::max(bytes, kLeastPoolBytes);
}

absl::Status Prober::AddProgram(absl::StatusOr<graph::Module> module, const std::string& arithmetic,
                                const graph::SymbolValues& capacities, const ProbeProgram::Integers& integers,
                                Programs* programs) {
  if (!module.ok()) return module.status();
  CONCORD_ASSIGN_OR_RETURN(programs->emplace_back(), ProbeProgram::Create(device_, *std::move(module), arithmetic,
                                                                          capacities, integers, &*weights_));
  return absl::OkStatus();
}

absl::Status Prober::AddLinears(int64_t width, int64_t ff, const char* packing, const std::string& arithmetic,
                                int64_t pairs, int64_t n_tokens, Programs* programs) {
  return AddProgram(LinearChain(width, ff, packing, pairs), arithmetic, {{ops::kNTokens, n_tokens}}, {}, programs);
}

// What a run takes beside what it takes to run at all; never nothing, however noisy the machine is.
double Prober::Work(double seconds, const Programs& programs, double op_seconds) const {
  const auto ops = static_cast<double>(programs.front()->graph().nodes.size());
  return std::max(seconds - model_.submission_seconds - op_seconds * ops, seconds / 10);
}

// From few and many layers that do next to nothing: what the many take more is the price of their ops.
absl::Status Prober::MeasureOverheads() {
  struct Point {
    double seconds, ops;
  };
  std::vector<Point> points;
  for (const int64_t layers : {1, 7}) {
    Programs programs;
    weights_->Rewind();
    absl::Status made = AddProgram(TinyLayers(layers), "f32", AttentionSizes(1, kBlockTokens),
                                   AttentionInputs(1, kBlockTokens), &programs);
    if (absl::IsUnimplemented(made)) {
      programs.clear();
      made = AddProgram(RowChain(kSmallWidth, 8 * layers), "f32", {{ops::kNTokens, 1}}, {}, &programs);
    }
    CONCORD_RETURN_IF_ERROR(made);
    CONCORD_ASSIGN_OR_RETURN(const double seconds, LeastSeconds(programs, 1, kPatience / 2));
    points.push_back({seconds, static_cast<double>(programs.front()->graph().nodes.size())});
  }
  const Point few = points.front(), many = points.back();
  model_.op_seconds = std::max(0.0, (many.seconds - few.seconds) / (many.ops - few.ops));
  model_.submission_seconds = std::max(0.0, few.seconds - model_.op_seconds * few.ops);
  return absl::OkStatus();
}

// From few and many tokens of matrices that are next to nothing: what is there whatever their number is the price of
// handing the work of an op to threads and gathering them again.
absl::Status Prober::MeasureSharing() {
  constexpr int64_t kFew = kPromptTokens / 8;
  Programs layers;
  weights_->Rewind();
  CONCORD_RETURN_IF_ERROR(AddLinears(kNarrowWidth, kNarrowWidth, "f32", "f32", 8, kPromptTokens, &layers));
  CONCORD_ASSIGN_OR_RETURN(double few, LeastSeconds(layers, kFew, 0));
  if (few > kMostSeconds / 64) return absl::OkStatus();  // next to nothing against the work of such a device
  CONCORD_ASSIGN_OR_RETURN(few, LeastSeconds(layers, kFew, kPatience / 4));
  CONCORD_ASSIGN_OR_RETURN(const double many, LeastSeconds(layers, kPromptTokens, kPatience / 4));
  const double fixed = few - (many - few) * kFew / (kPromptTokens - kFew) - model_.submission_seconds;
  model_.shared_op_seconds =
      std::max(model_.op_seconds, fixed / static_cast<double>(layers.front()->graph().nodes.size()));
  return absl::OkStatus();
}

// The operations and the bytes of activations of a prompt, which is only as long as a slow device has time for.
absl::StatusOr<Sample> Prober::WidePrompt(const char* packing, const std::string& arithmetic, double* seconds_a_byte) {
  Programs layer;
  weights_->Rewind();
  CONCORD_RETURN_IF_ERROR(AddLinears(kWidth, kWidth, packing, arithmetic, 1, kPromptTokens, &layer));
  CONCORD_ASSIGN_OR_RETURN(double seconds, LeastSeconds(layer, 1, 0));
  CONCORD_ASSIGN_OR_RETURN(const graph::NodeCost token, CostOf(*layer.front(), {}, 1));
  *seconds_a_byte = seconds / token.bytes();
  int64_t n = 1;
  while (n < kPromptTokens && TimeLeft() && seconds < kMostSeconds / 16) {
    n *= 16;
    CONCORD_ASSIGN_OR_RETURN(seconds, LeastSeconds(layer, n, n == kPromptTokens ? kPatience : 0));
  }
  CONCORD_ASSIGN_OR_RETURN(const graph::NodeCost prompt, CostOf(*layer.front(), {}, n));
  return Sample{prompt.flops, prompt.activation_bytes, PromptWork(seconds, layer)};
}

// The same of a model whose matrices are so small that rows going in and out take as long as the products.
absl::StatusOr<Sample> Prober::NarrowPrompt(const char* packing, const std::string& arithmetic) {
  const int64_t width = NarrowWidth(packing);
  Programs layers;
  weights_->Rewind();
  CONCORD_RETURN_IF_ERROR(AddLinears(width, 3 * width, packing, arithmetic, kNarrowPairs, kPromptTokens, &layers));
  CONCORD_ASSIGN_OR_RETURN(const double seconds, LeastSeconds(layers, kPromptTokens, kPatience / 8));
  CONCORD_ASSIGN_OR_RETURN(const graph::NodeCost cost, CostOf(*layers.front(), {}, kPromptTokens));
  return Sample{cost.flops, cost.activation_bytes, PromptWork(seconds, layers)};
}

// Bytes a second of decoding with weights that no cache holds.
absl::StatusOr<double> Prober::StreamedBytes(const char* packing, const std::string& arithmetic,
                                             double seconds_a_byte) {
  const double pair = 2.0 * kWidth * kWidth * ElemBytes(PackingOf(packing));
  const double most = std::min<double>(kPieceBytes, kMostSeconds / 4 / seconds_a_byte);
  const auto pairs = std::max<int64_t>(1, static_cast<int64_t>(most / pair));
  Programs programs;
  weights_->Rewind();
  CONCORD_RETURN_IF_ERROR(AddLinears(kWidth, kWidth, packing, arithmetic, pairs, 1, &programs));
  std::function<void()> flush;
  if (model_.host_memory && weights_->Flush()) {
    flush = [this] { weights_->Flush(); };
  } else {
    // As many pieces as there are: the cache has to be made to forget. A slow device has no time, and no cache to tell.
    const double all = std::min(static_cast<double>(weights_->size_bytes()), kMostSeconds * 4 / seconds_a_byte);
    const auto pieces = static_cast<int64_t>(all / (static_cast<double>(pairs) * pair));
    for (int64_t i = 1; i < pieces && TimeLeft(); ++i) {
      CONCORD_RETURN_IF_ERROR(AddLinears(kWidth, kWidth, packing, arithmetic, pairs, 1, &programs));
    }
  }
  CONCORD_ASSIGN_OR_RETURN(const double seconds, LeastSeconds(programs, 1, kPatience, flush));
  CONCORD_ASSIGN_OR_RETURN(const graph::NodeCost token, CostOf(*programs.front(), {}, 1));
  return token.bytes() / Work(seconds, programs);
}

// The same with small weights that stay where they have been read.
absl::StatusOr<double> Prober::CachedBytes(const char* packing, const std::string& arithmetic, double bytes) {
  const double pair = 2.0 * kSmallWidth * kSmallFf * ElemBytes(PackingOf(packing));
  Programs programs;
  weights_->Rewind();
  CONCORD_RETURN_IF_ERROR(AddLinears(kSmallWidth, kSmallFf, packing, arithmetic,
                                     std::max<int64_t>(1, static_cast<int64_t>(bytes / pair)), 1, &programs));
  CONCORD_ASSIGN_OR_RETURN(const double seconds, LeastSeconds(programs, 1, kPatience / 4));
  CONCORD_ASSIGN_OR_RETURN(const graph::NodeCost token, CostOf(*programs.front(), {}, 1));
  return token.bytes() / Work(seconds, programs);
}

absl::Status Prober::MeasureLinear(const char* packing, const std::string& arithmetic) {
  graph::Rate rate;
  double seconds_a_byte = 0;
  CONCORD_ASSIGN_OR_RETURN(const Sample wide, WidePrompt(packing, arithmetic, &seconds_a_byte));
  rate.flops_per_second = wide.first / wide.seconds;
  if (TimeLeft() && wide.seconds / wide.first * NarrowFlops(packing) < kMostSeconds / 16) {
    CONCORD_ASSIGN_OR_RETURN(const Sample narrow, NarrowPrompt(packing, arithmetic));
    const Prices prices = Solve(wide, narrow);
    rate.flops_per_second = PerSecond(prices.first), rate.activation_bytes_per_second = PerSecond(prices.second);
  }
  CONCORD_ASSIGN_OR_RETURN(rate.bytes_per_second, StreamedBytes(packing, arithmetic, seconds_a_byte));
  CONCORD_ASSIGN_OR_RETURN(rate.cached_bytes_per_second, CachedBytes(packing, arithmetic, kSmallBytes));
  model_.rates[absl::StrCat("linear/", packing, "/", arithmetic)] = rate;
  return absl::OkStatus();
}

// The best one at which the device multiplies these weights.
std::string Prober::MeasuredArithmetic(const char* packing) const {
  for (const char* arithmetic : packing::FastArithmetics(PackingOf(packing))) {
    if (model_.rates.count(absl::StrCat("linear/", packing, "/", arithmetic)) > 0) return arithmetic;
  }
  return "f32";
}

// The operations and the pairs of a prompt.
absl::StatusOr<Sample> Prober::PromptAttention(const char* packing, const HeadShape& shape) {
  constexpr int64_t kTokens = kPromptTokens, kLen = 4 * kTokens;
  const graph::SymbolValues sizes = AttentionSizes(kTokens, kLen);
  Programs prompt;
  weights_->Rewind();
  CONCORD_RETURN_IF_ERROR(
      AddProgram(AttentionLayer(packing, shape), "f32", sizes, AttentionInputs(kTokens, kLen), &prompt));
  CONCORD_ASSIGN_OR_RETURN(const double seconds, LeastSeconds(prompt, kTokens, kPatience / 4));
  // On average half of the prompt's own tokens are visible.
  CONCORD_ASSIGN_OR_RETURN(const graph::NodeCost work, CostOf(*prompt.front(), sizes, kTokens, kLen - kTokens / 2));
  return Sample{work.flops, work.pairs, PromptWork(seconds, prompt)};
}

absl::Status Prober::MeasureAttention(const char* packing) {
  const auto add = [&](const HeadShape& shape, int64_t n_tokens, int64_t kv_len, Programs* programs) {
    weights_->Rewind();
    return AddProgram(AttentionLayer(packing, shape), "f32", AttentionSizes(n_tokens, kv_len),
                      AttentionInputs(n_tokens, kv_len), programs);
  };
  graph::Rate rate;
  Programs decode, small;
  for (int i = 0; i < kCaches; ++i) CONCORD_RETURN_IF_ERROR(add({}, 1, kKvTokens, &decode));
  CONCORD_ASSIGN_OR_RETURN(const double seconds, LeastSeconds(decode, 1, kPatience / 2));
  CONCORD_ASSIGN_OR_RETURN(const graph::NodeCost token,
                           CostOf(*decode.front(), AttentionSizes(1, kKvTokens), 1, kKvTokens));
  rate.bytes_per_second = token.bytes() / Work(seconds, decode);
  // Heads so small that not their bytes count.
  const HeadShape tiny = {8, 4, std::max<int64_t>(8, PackingOf(packing).block_elems)};
  CONCORD_RETURN_IF_ERROR(add(tiny, 1, kKvTokens, &small));
  CONCORD_ASSIGN_OR_RETURN(const double small_seconds, LeastSeconds(small, 1, kPatience / 4));
  CONCORD_ASSIGN_OR_RETURN(const graph::NodeCost rows,
                           CostOf(*small.front(), AttentionSizes(1, kKvTokens), 1, kKvTokens));
  rate.rows_per_second = rows.state_rows / Work(small_seconds, small);
  if (TimeLeft() && seconds * kPromptTokens < 16 * kMostSeconds) {
    CONCORD_ASSIGN_OR_RETURN(const Sample wide, PromptAttention(packing, {}));
    CONCORD_ASSIGN_OR_RETURN(const Sample narrow, PromptAttention(packing, tiny));
    const Prices prices = Solve(wide, narrow);
    rate.flops_per_second = PerSecond(prices.first), rate.pairs_per_second = PerSecond(prices.second);
  }
  model_.rates[absl::StrCat("attention/", packing)] = rate;
  return absl::OkStatus();
}

absl::Status Prober::MeasureRows() {
  Programs programs;
  weights_->Rewind();
  CONCORD_RETURN_IF_ERROR(AddProgram(RowChain(kWidth, 4), "f32", {{ops::kNTokens, kPromptTokens}}, {}, &programs));
  CONCORD_ASSIGN_OR_RETURN(const double seconds, LeastSeconds(programs, kPromptTokens, kPatience / 4));
  CONCORD_ASSIGN_OR_RETURN(const graph::NodeCost cost, CostOf(*programs.front(), {}, kPromptTokens));
  model_.rates[""].bytes_per_second = cost.bytes() / Work(seconds, programs);
  return absl::OkStatus();
}

// The most that a step may read and still find it all in the cache: where the speed has fallen half of the way.
absl::Status Prober::MeasureCache(const char* packing) {
  const std::string arithmetic = MeasuredArithmetic(packing);
  const graph::Rate& rate = model_.RateOf("linear", packing, arithmetic);
  const double half = std::sqrt(rate.bytes_per_second * rate.cached_bytes_per_second);
  const auto most = static_cast<double>(weights_->size_bytes());
  model_.cache_bytes = kSmallBytes;
  for (double bytes = 2 * kSmallBytes; bytes <= most && TimeLeft(); bytes *= 2) {
    CONCORD_ASSIGN_OR_RETURN(const double speed, CachedBytes(packing, arithmetic, bytes));
    if (speed < half) break;
    model_.cache_bytes = bytes;
  }
  return absl::OkStatus();
}

// To the device and back, as the inputs and the results of steps travel.
absl::Status Prober::MeasureCopies() {
  CONCORD_ASSIGN_OR_RETURN(hal::Buffer buffer, device_.CreateBuffer(kCopyBytes));
  CONCORD_ASSIGN_OR_RETURN(const std::unique_ptr<hal::StagedBuffer> staged,
                           hal::StagedBuffer::Create(std::move(buffer), CONCORD_MAP_READ | CONCORD_MAP_WRITE));
  CONCORD_ASSIGN_OR_RETURN(hal::Semaphore semaphore, device_.CreateSemaphore());
  hal::Chain chain(std::move(semaphore));
  double least[2] = {1e9, 1e9};
  for (int run = 0; run < 6; ++run) {
    for (const uint64_t bytes : {uint64_t{64}, kCopyBytes}) {
      const absl::Time begin = absl::Now();
      CONCORD_RETURN_IF_ERROR(staged->ToDevice(bytes, &chain));
      CONCORD_RETURN_IF_ERROR(staged->ToHost(bytes, &chain));
      CONCORD_RETURN_IF_ERROR(chain.Wait());
      double& best = least[bytes == kCopyBytes];
      best = std::min(best, absl::ToDoubleSeconds(absl::Now() - begin) / 2);
    }
  }
  model_.copy_seconds = least[0];
  model_.copy_bytes_per_second = static_cast<double>(kCopyBytes) / std::max(least[1] - least[0], 1e-9);
  return absl::OkStatus();
}

absl::Status Prober::Measure(const Figure& figure) {
  switch (figure.kind) {
    case Kind::kLinear: {
      for (const char* arithmetic : packing::FastArithmetics(PackingOf(figure.packing))) {
        const absl::Status status = MeasureLinear(figure.packing, arithmetic);
        if (!absl::IsUnimplemented(status)) return status;
      }
      return MeasureLinear(figure.packing, "f32");
    }
    case Kind::kExactLinear:
      return MeasureLinear(figure.packing, "f32");
    case Kind::kAttention:
      return MeasureAttention(figure.packing);
    case Kind::kRows:
      return MeasureRows();
    case Kind::kCache:
      return MeasureCache(figure.packing);
  }
  return absl::OkStatus();
}

absl::StatusOr<graph::DeviceModel> Prober::Run() {
  CONCORD_ASSIGN_OR_RETURN(ProbeWeights weights,
                           ProbeWeights::Create(device_, kLeastPoolBytes, PoolBytes(), kFillSeconds));
  weights_.emplace(std::move(weights));
  CONCORD_RETURN_IF_ERROR(MeasureOverheads());
  if (const absl::Status status = MeasureSharing(); !status.ok() && !absl::IsUnimplemented(status)) return status;
  if (!model_.host_memory) CONCORD_RETURN_IF_ERROR(MeasureCopies());
  for (size_t i = 0; i < std::size(kFigures) && (i < kNeeded || TimeLeft()); ++i) {
    const absl::Status status = Measure(kFigures[i]);
    // What the device declines or has no memory for has no figure; a fault is one.
    if (!status.ok() && !absl::IsUnimplemented(status) && !absl::IsResourceExhausted(status)) return status;
  }
  return std::move(model_);
}

}  // namespace

graph::DeviceModel DescribeDevice(const hal::Device& device) {
  const hal::DeviceInfo& info = device.info();
  graph::DeviceModel model;
  model.id = info.id;
  model.host_memory = info.has(CONCORD_DEVICE_HOST_MEMORY);
  model.shares_host_cores = info.has(CONCORD_DEVICE_SHARES_HOST_CORES);
  model.async = info.has(CONCORD_DEVICE_ASYNC);
  if (info.max_buffer_bytes > 0 && info.max_buffer_bytes <= INT64_MAX) {
    model.max_buffer_bytes = static_cast<int64_t>(info.max_buffer_bytes);
  }
  if (model.host_memory || model.shares_host_cores) model.free_bytes = MemoryBlock::AvailableBytes();
  const absl::StatusOr<concord_memory_stats> stats = device.MemoryStats();
  if (!model.host_memory && stats.ok() && stats->total_bytes > 0) {
    const auto free = static_cast<int64_t>(stats->free_bytes);
    model.free_bytes = model.free_bytes < 0 ? free : std::min(model.free_bytes, free);
  }
  return model;
}

absl::StatusOr<graph::DeviceModel> ProbeDevice(const hal::Device& device, const ProbeOptions& options) {
  return Prober(device, options.budget).Run();
}

}  // namespace concord::exec

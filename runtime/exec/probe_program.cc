#include "runtime/exec/probe_program.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <limits>
#include <utility>

#include "runtime/exec/weights.h"
#include "runtime/graph/memory_plan.h"

namespace concord::exec {
namespace {

constexpr size_t kLeastRuns = 5;  // of a figure, as long as they are short
constexpr double kLeastSpent = 0.1;
constexpr int64_t kAlign = 4096;  // of a weight: no two share a page

using Clock = std::chrono::steady_clock;
double Since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

int64_t AlignUp(int64_t bytes) { return (bytes + kAlign - 1) / kAlign * kAlign; }

// Odd bytes are 0x3c or 0xbc, even ones 0x70 to 0x7f: 1.1 as f16, 0.01 as f32 and bf16, and the scales of blocks, which
// have an even size, are such numbers too; of mxfp4 every other exponent is 2^-15. Nothing is denormal, which would
// take a processor a hundred times as long, and through norms nothing grows.
std::vector<std::byte> Pattern() {
  std::vector<std::byte> pattern(1 << 16);
  uint32_t state = 1;
  for (size_t i = 0; i < pattern.size(); ++i) {
    state = state * 1664525u + 1013904223u;
    pattern[i] = std::byte(i % 2 == 0 ? 0x70u | (state >> 28) : 0x3cu | (state >> 31 << 7));
  }
  return pattern;
}
constexpr uint32_t kFloats = 0x3c3c3c3c;  // such numbers for inputs and states

}  // namespace

absl::StatusOr<ProbeWeights> ProbeWeights::Create(const hal::Device& device, int64_t least, int64_t most,
                                                  double patience_seconds) {
  CONCORD_ASSIGN_OR_RETURN(std::shared_ptr<MemoryBlock> block, MemoryBlock::Allocate(most, "measuring a device"));
  ProbeWeights weights(device, std::move(block));
  const std::vector<std::byte> pattern = Pattern();
  const auto step = static_cast<int64_t>(pattern.size());
  const Clock::time_point begin = Clock::now();
  int64_t& filled = weights.size_bytes_;
  while (filled < most && (filled < least || Since(begin) < patience_seconds)) {
    std::memcpy(weights.block_->data() + filled, pattern.data(), static_cast<size_t>(std::min(step, most - filled)));
    filled = std::min(most, filled + step);
  }
  return weights;
}

absl::StatusOr<hal::Constant> ProbeWeights::Next(const graph::Value& weight) {
  CONCORD_ASSIGN_OR_RETURN(const int64_t bytes, graph::ResolveBytes(weight.type, {}));
  if (bytes > size_bytes_)
    return absl::ResourceExhaustedError(absl::StrCat("measuring: ", weight.name, " is too large"));
  if (next_ + bytes > size_bytes_) next_ = 0;
  concord_constant_desc desc = DescribeConstant(weight.type, weight.name, block_->data() + next_, bytes);
  next_ = AlignUp(next_ + bytes);
  return device_->CreateConstant(desc);
}

absl::StatusOr<std::unique_ptr<ProbeProgram>> ProbeProgram::Create(const hal::Device& device, graph::Module module,
                                                                   const std::string& arithmetic,
                                                                   const graph::SymbolValues& capacities,
                                                                   const Integers& integers, ProbeWeights* weights) {
  auto made = std::unique_ptr<ProbeProgram>(new ProbeProgram(device));
  made->module_ = std::move(module);
  CONCORD_ASSIGN_OR_RETURN(hal::Semaphore semaphore, device.CreateSemaphore());
  made->chain_ = hal::Chain(std::move(semaphore));
  CONCORD_RETURN_IF_ERROR(made->Compile(arithmetic));
  CONCORD_RETURN_IF_ERROR(made->Bind(capacities, integers, weights));
  CONCORD_RETURN_IF_ERROR(made->Prepare(capacities));
  return made;
}

absl::Status ProbeProgram::Compile(const std::string& arithmetic) {
  const graph::Graph& graph = module_.main;
  for (const graph::Node& node : graph.nodes) arithmetic_.push_back(node.op->name == "linear" ? arithmetic : "f32");
  CONCORD_ASSIGN_OR_RETURN(graph::LoweredProgram lowered,
                           graph::LoweredProgram::Lower(graph, graph::WholeGraph(graph), arithmetic_));
  lowered_ = std::make_unique<graph::LoweredProgram>(std::move(lowered));
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    CONCORD_ASSIGN_OR_RETURN(const hal::Support support, device_.QueryOp(lowered_->desc(), static_cast<uint32_t>(n)));
    if (!support.ok()) return absl::UnimplementedError(support.reason);
  }
  CONCORD_ASSIGN_OR_RETURN(program_, device_.Compile(lowered_->desc()));
  return absl::OkStatus();
}

absl::Status ProbeProgram::Bind(const graph::SymbolValues& capacities, const Integers& integers,
                                ProbeWeights* weights) {
  const graph::Graph& graph = module_.main;
  for (const graph::LoweredProgram::Bound& bound : lowered_->bound()) {
    const graph::Value& value = graph.value(bound.value);
    if (bound.role == CONCORD_ROLE_CONSTANT) {
      CONCORD_ASSIGN_OR_RETURN(hal::Constant constant, weights->Next(value));
      bindings_.push_back(constants_.emplace_back(std::move(constant)).Bind(bound.slot));
      continue;
    }
    CONCORD_RETURN_IF_ERROR(AddBuffer(value, bound, capacities, integers));
  }
  return absl::OkStatus();
}

absl::Status ProbeProgram::AddBuffer(const graph::Value& value, const graph::LoweredProgram::Bound& bound,
                                     const graph::SymbolValues& capacities, const Integers& integers) {
  CONCORD_ASSIGN_OR_RETURN(const int64_t bytes, graph::ResolveBytes(value.type, capacities));
  CONCORD_ASSIGN_OR_RETURN(hal::Buffer buffer, device_.CreateBuffer(static_cast<uint64_t>(bytes)));
  const hal::Buffer& kept = buffers_.emplace_back(std::move(buffer));
  const bool whole_numbers = absl::string_view(value.type.packing->name) == "i32";
  const concord_point signal = chain_.next();
  CONCORD_RETURN_IF_ERROR(device_.Fill({.target = &kept,
                                        .size_bytes = static_cast<uint64_t>(bytes / 4 * 4),
                                        .pattern = whole_numbers ? 0 : kFloats,
                                        .signals = {&signal, 1}}));
  chain_.Advance();
  CONCORD_RETURN_IF_ERROR(chain_.Wait());
  bindings_.push_back(kept.Bind(bound.slot, bound.role));
  const auto given = integers.find(value.name);
  if (given == integers.end()) return absl::OkStatus();
  const auto* data = reinterpret_cast<const char*>(given->second.data());
  return kept.Write(0, {data, given->second.size() * sizeof(int32_t)});
}

absl::Status ProbeProgram::Prepare(const graph::SymbolValues& capacities) {
  const graph::Graph& graph = module_.main;
  const uint64_t align = std::max<uint64_t>(64, device_.info().binding_align_bytes);
  CONCORD_ASSIGN_OR_RETURN(const graph::MemoryPlan plan,
                           graph::PlanMemory(graph, graph::WholeGraph(graph), capacities, align));
  for (const auto& [name, value] : capacities) {
    const uint32_t symbol = lowered_->symbol(name);
    if (symbol != CONCORD_NONE) symbols_.push_back({symbol, 0, value});
  }
  CONCORD_ASSIGN_OR_RETURN(prepared_, program_.Prepare({.capacities = symbols_,
                                                        .bindings = bindings_,
                                                        .value_offsets = lowered_->ValueOffsets(plan),
                                                        .planned_bytes = plan.total_bytes}));
  bindings_.clear();
  if (prepared_.workspace_bytes() == 0) return absl::OkStatus();
  CONCORD_ASSIGN_OR_RETURN(hal::Buffer workspace, device_.CreateBuffer(prepared_.workspace_bytes()));
  bindings_ = {buffers_.emplace_back(std::move(workspace)).Bind(CONCORD_NONE, CONCORD_ROLE_WORKSPACE)};
  return absl::OkStatus();
}

absl::StatusOr<double> ProbeProgram::Run(int64_t n_tokens) {
  const uint32_t symbol = lowered_->symbol(ops::kNTokens);
  for (concord_symbol_value& value : symbols_) {
    if (value.symbol == symbol) value.value = n_tokens;
  }
  const Clock::time_point begin = Clock::now();
  const concord_point wait = chain_.last(), signal = chain_.next();
  CONCORD_RETURN_IF_ERROR(device_.Submit({.prepared = &prepared_,
                                          .values = symbols_,
                                          .bindings = bindings_,
                                          .waits = {&wait, 1},
                                          .signals = {&signal, 1}}));
  chain_.Advance();
  CONCORD_RETURN_IF_ERROR(chain_.Wait());
  return Since(begin);
}

absl::StatusOr<double> LeastSeconds(const std::vector<std::unique_ptr<ProbeProgram>>& programs, int64_t n_tokens,
                                    double patience_seconds, const std::function<void()>& before) {
  // The first run may compile kernels, for longer than all others take.
  CONCORD_RETURN_IF_ERROR(programs[0]->Run(n_tokens).status());
  double least = std::numeric_limits<double>::infinity();
  const Clock::time_point begin = Clock::now();
  for (size_t run = 1; Since(begin) < patience_seconds || (run <= kLeastRuns && Since(begin) < kLeastSpent); ++run) {
    if (before) before();
    CONCORD_ASSIGN_OR_RETURN(const double seconds, programs[run % programs.size()]->Run(n_tokens));
    least = std::min(least, seconds);
  }
  return std::max(least, 1e-9);
}

}  // namespace concord::exec

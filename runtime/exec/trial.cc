#include "runtime/exec/trial.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "runtime/graph/memory_plan.h"

namespace concord::exec {
namespace {

using graph::LoweredProgram;
using graph::ValueId;

constexpr absl::Duration kPatience = absl::Minutes(2);  // a device that hangs must not hang the host
constexpr char kNan = '\xFF';                           // every f32, f16 and bf16 made of these bytes is a NaN

class Run {
 public:
  explicit Run(const Trial& trial) : trial_(trial), device_(*trial.part->device), partition_{.nodes = trial.nodes} {}

  absl::Status Compile() {
    std::vector<std::string> arithmetic;
    for (const int32_t n : trial_.nodes) arithmetic.push_back(trial_.part->arithmetic[n]);
    CONCORD_ASSIGN_OR_RETURN(lowered_, LoweredProgram::Lower(trial_.graph, partition_, arithmetic));
    for (uint32_t op = 0; op < trial_.nodes.size(); ++op) {
      CONCORD_ASSIGN_OR_RETURN(const hal::Support support, device_.QueryOp(lowered_->desc(), op));
      if (!support.ok()) return absl::UnimplementedError(support.reason);
    }
    CONCORD_ASSIGN_OR_RETURN(program_, device_.Compile(lowered_->desc()));
    return absl::OkStatus();
  }

  absl::Status Bind() {
    for (const LoweredProgram::Bound& bound : lowered_->bound()) {
      if (bound.role == CONCORD_ROLE_CONSTANT) {
        CONCORD_RETURN_IF_ERROR(BindWeight(bound));
      } else {
        CONCORD_RETURN_IF_ERROR(BindBuffer(bound));
      }
    }
    return absl::OkStatus();
  }

  absl::Status Execute() {
    std::vector<concord_symbol_value> symbols;
    for (const auto& [name, value] : trial_.symbols) {
      const uint32_t symbol = lowered_->symbol(name);
      if (symbol != CONCORD_NONE) symbols.push_back({symbol, 0, value});
    }
    const uint64_t align = std::max<uint64_t>(64, device_.info().binding_align_bytes);
    CONCORD_ASSIGN_OR_RETURN(const graph::MemoryPlan plan,
                             graph::PlanMemory(trial_.graph, partition_, trial_.symbols, align));
    CONCORD_ASSIGN_OR_RETURN(const hal::Prepared prepared,
                             program_.Prepare({.capacities = symbols,
                                               .bindings = bindings_,
                                               .value_offsets = lowered_->ValueOffsets(plan),
                                               .planned_bytes = plan.total_bytes}));
    const std::vector<char> nan(prepared.workspace_bytes(), kNan);
    CONCORD_ASSIGN_OR_RETURN(const hal::Buffer workspace, MakeBuffer(nan));
    const concord_binding binding = workspace.Bind(CONCORD_NONE, CONCORD_ROLE_WORKSPACE, 0, nan.size());
    CONCORD_ASSIGN_OR_RETURN(const hal::Semaphore done, device_.CreateSemaphore());
    const concord_point signal = done.At(1);
    CONCORD_RETURN_IF_ERROR(
        device_.Submit({.prepared = &prepared, .values = symbols, .bindings = {&binding, 1}, .signals = {&signal, 1}}));
    return done.Wait(1, kPatience);
  }

  absl::StatusOr<ValueBytes> Results() {
    ValueBytes results;
    for (const auto& [id, buffer] : results_) {
      std::vector<std::byte>& bytes = results[id];
      bytes.resize(buffer->size_bytes());
      CONCORD_RETURN_IF_ERROR(buffer->Read(0, {reinterpret_cast<char*>(bytes.data()), bytes.size()}));
    }
    return results;
  }

 private:
  absl::StatusOr<hal::Buffer> MakeBuffer(absl::Span<const char> contents) {
    CONCORD_ASSIGN_OR_RETURN(hal::Buffer buffer, device_.CreateBuffer(contents.size()));
    CONCORD_RETURN_IF_ERROR(buffer.Write(0, contents));
    return buffer;
  }

  absl::Status BindWeight(const LoweredProgram::Bound& bound) {
    const graph::Value& value = trial_.graph.value(bound.value);
    const auto own = trial_.weights.find(bound.value);
    if (own == trial_.weights.end()) {
      bindings_.push_back(trial_.part->weights->at(value).Bind(bound.slot));
      return absl::OkStatus();
    }
    const auto size = static_cast<int64_t>(own->second.size());
    CONCORD_ASSIGN_OR_RETURN(hal::Constant constant, device_.CreateConstant(DescribeConstant(
                                                         value.type, value.name, own->second.data(), size)));
    bindings_.push_back(constants_.emplace_back(std::move(constant)).Bind(bound.slot));
    return absl::OkStatus();
  }

  absl::Status BindBuffer(const LoweredProgram::Bound& bound) {
    CONCORD_ASSIGN_OR_RETURN(const int64_t bytes,
                             graph::ResolveBytes(trial_.graph.value(bound.value).type, trial_.symbols));
    const auto given = trial_.given.find(bound.value);
    const std::vector<char> nan(given == trial_.given.end() ? bytes : 0, kNan);
    absl::Span<const char> contents = nan;
    if (given != trial_.given.end()) {
      contents = {reinterpret_cast<const char*>(given->second.data()), given->second.size()};
    }
    CONCORD_ASSIGN_OR_RETURN(hal::Buffer buffer, MakeBuffer(contents));
    buffers_.push_back(std::make_unique<hal::Buffer>(std::move(buffer)));
    if (bound.role != CONCORD_ROLE_INPUT) results_.emplace_back(bound.value, buffers_.back().get());
    bindings_.push_back(buffers_.back()->Bind(bound.slot, bound.role));
    return absl::OkStatus();
  }

  const Trial& trial_;
  const hal::Device& device_;
  const graph::Partition partition_;
  std::optional<LoweredProgram> lowered_;
  hal::Program program_;
  std::vector<hal::Constant> constants_;
  std::vector<std::unique_ptr<hal::Buffer>> buffers_;
  std::vector<std::pair<ValueId, const hal::Buffer*>> results_;
  std::vector<concord_binding> bindings_;
};

}  // namespace

absl::StatusOr<ValueBytes> RunTrial(const Trial& trial) {
  Run run(trial);
  CONCORD_RETURN_IF_ERROR(run.Compile());
  CONCORD_RETURN_IF_ERROR(run.Bind());
  CONCORD_RETURN_IF_ERROR(run.Execute());
  return run.Results();
}

}  // namespace concord::exec

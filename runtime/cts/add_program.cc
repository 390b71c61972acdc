#include "runtime/cts/add_program.h"

#include <cmath>
#include <cstring>
#include <utility>

#include "ops/core/tensor_type.h"
#include "runtime/cts/case_result.h"
#include "runtime/graph/builder.h"

namespace concord::cts {
namespace {

std::string RandomFloats(ops::CaseRng& rng, int64_t count) {
  std::string bytes(static_cast<size_t>(count) * sizeof(float), '\0');
  for (int64_t i = 0; i < count; ++i) {
    const auto value = static_cast<float>(rng.Uniform(-1, 1));
    std::memcpy(bytes.data() + static_cast<size_t>(i) * sizeof(float), &value, sizeof(value));
  }
  return bytes;
}

float FloatAt(const std::string& bytes, int64_t index) {
  float value = 0;
  std::memcpy(&value, bytes.data() + static_cast<size_t>(index) * sizeof(float), sizeof(value));
  return value;
}

}  // namespace

absl::StatusOr<AddProgram> AddProgram::Create(const hal::Device& device, int n_ops) {
  const std::vector<ops::Dim> dims = {ops::Dim::Symbol(ops::kNTokens), kCols};
  graph::Builder builder("additions");
  const graph::ValueId a = builder.Input("a", dims, "f32"), b = builder.Input("b", dims, "f32");
  graph::ValueId y = a;
  for (int i = 0; i < n_ops; ++i) y = builder.Apply1("add", {{"a", y}, {"b", b}});
  builder.Output("y", y);
  CONCORD_ASSIGN_OR_RETURN(graph::Module module, builder.Finish());
  AddProgram made;
  made.n_ops_ = n_ops;
  made.graph_ = std::move(module.main);
  const graph::Graph& graph = made.graph_;
  CONCORD_ASSIGN_OR_RETURN(graph::LoweredProgram lowered,
                           graph::LoweredProgram::Lower(graph, graph::WholeGraph(graph)));
  for (int i = 0; i < n_ops; ++i) {
    CONCORD_ASSIGN_OR_RETURN(const hal::Support support, device.QueryOp(lowered.desc(), static_cast<uint32_t>(i)));
    if (!support.ok()) return Refused(support.reason);
  }
  for (size_t v = 0; v < graph.values.size(); ++v) {
    const uint32_t slot = lowered.slot(static_cast<graph::ValueId>(v));
    if (graph.values[v].name == "a") made.slot_a_ = slot;
    if (graph.values[v].name == "b") made.slot_b_ = slot;
  }
  made.slot_y_ = lowered.slot(graph.FindOutput("y"));
  made.lowered_.emplace(std::move(lowered));
  CONCORD_ASSIGN_OR_RETURN(made.program_, device.Compile(made.lowered_->desc()));
  return made;
}

concord_symbol_value AddProgram::Rows(int64_t rows) const { return {lowered_->symbol(ops::kNTokens), 0, rows}; }

absl::StatusOr<hal::Prepared> AddProgram::Prepare(int64_t max_rows) const {
  CONCORD_ASSIGN_OR_RETURN(const graph::MemoryPlan plan,
                           graph::PlanMemory(graph_, graph::WholeGraph(graph_), {{ops::kNTokens, max_rows}}, 256));
  const std::vector<uint64_t> offsets = lowered_->ValueOffsets(plan);
  const concord_symbol_value capacity = Rows(max_rows);
  return program_.Prepare({.capacities = {&capacity, 1}, .value_offsets = offsets, .planned_bytes = plan.total_bytes});
}

absl::StatusOr<AddProgram::Step> AddProgram::MakeStep(Rig& rig, const hal::Prepared& prepared, int64_t rows,
                                                      uint64_t seed) const {
  ops::CaseRng rng(seed);
  Step step;
  step.rows = Rows(rows);
  step.a = RandomFloats(rng, rows * kCols);
  step.b = RandomFloats(rng, rows * kCols);
  CONCORD_ASSIGN_OR_RETURN(const hal::Buffer* a, rig.MakeBuffer(step.a));
  CONCORD_ASSIGN_OR_RETURN(const hal::Buffer* b, rig.MakeBuffer(step.b));
  CONCORD_ASSIGN_OR_RETURN(step.y, rig.MakeBuffer(std::string(step.a.size(), '\xFF')));
  step.bindings = {a->Bind(slot_a_, CONCORD_ROLE_INPUT), b->Bind(slot_b_, CONCORD_ROLE_INPUT),
                   step.y->Bind(slot_y_, CONCORD_ROLE_OUTPUT)};
  if (prepared.workspace_bytes() > 0) {
    CONCORD_ASSIGN_OR_RETURN(const hal::Buffer* workspace, rig.MakeBuffer(prepared.workspace_bytes()));
    step.bindings.push_back(workspace->Bind(CONCORD_NONE, CONCORD_ROLE_WORKSPACE));
  }
  return step;
}

absl::Status AddProgram::Check(const Step& step, int64_t rows) const {
  CONCORD_ASSIGN_OR_RETURN(const std::string y, ReadAll(*step.y));
  for (int64_t i = 0; i < rows * kCols; ++i) {
    float want = FloatAt(step.a, i);
    for (int op = 0; op < n_ops_; ++op) want += FloatAt(step.b, i);
    const float got = FloatAt(y, i);
    // A sum of two or three numbers below 1, rounded once or twice.
    if (std::fabs(got - want) <= 4 * 0x1p-24f) continue;
    return absl::InternalError(absl::StrCat("y[", i / kCols, ", ", i % kCols, "] is ", got, ", want ", want));
  }
  const std::string tail = y.substr(static_cast<size_t>(rows * kCols) * sizeof(float));
  return ExpectBytes(tail, std::string(tail.size(), '\xFF'), "y behind the rows of this step");
}

}  // namespace concord::cts

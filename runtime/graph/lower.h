#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "concord/plugin.h"
#include "runtime/graph/graph.h"

namespace concord::graph {

// A whole graph in the structs of the border. Owns everything that desc() points to; immovable.
class LoweredProgram {
 public:
  // `arithmetic`: one a node ("f32", "int8/32"); empty: "f32" for all. The graph must have passed Validate and outlive
  // this.
  static absl::StatusOr<std::unique_ptr<LoweredProgram>> Lower(const Graph& graph, std::vector<std::string> arithmetic);

  LoweredProgram(const LoweredProgram&) = delete;
  LoweredProgram& operator=(const LoweredProgram&) = delete;

  const concord_program_desc& desc() const { return desc_; }
  const Graph& graph() const { return *graph_; }
  // Values keep their numbers: the index in desc().values is the ValueId.
  // The slot that bindings name a value by; CONCORD_NONE for what lives in the workspace.
  uint32_t slot(ValueId value) const { return values_[value].slot; }
  // The index of a symbol in desc().symbols; CONCORD_NONE for one that the graph does not have.
  uint32_t symbol(absl::string_view name) const;
  void SetArithmetic(uint32_t node, const std::string& arithmetic);

 private:
  explicit LoweredProgram(const Graph& graph) : graph_(&graph) {}
  absl::Status LowerValue(ValueId id, uint32_t* next_slot);
  void LowerNode(const Node& node, const std::string& arithmetic);

  const Graph* graph_;
  std::vector<concord_symbol> symbols_;
  std::vector<concord_value_desc> values_;
  std::vector<concord_op_desc> ops_;
  std::deque<std::string> text_;
  std::deque<std::vector<uint32_t>> indices_;
  std::deque<std::vector<concord_attr>> attrs_;
  concord_program_desc desc_{};
};

}  // namespace concord::graph

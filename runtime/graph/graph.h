#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ops/core/op.h"

namespace concord::graph {

using ValueId = int32_t;
inline constexpr ValueId kNoValue = -1;  // an optional input that is absent

enum class Role { kInput, kWeight, kState, kIntermediate };

// One tensor of a graph, in SSA form: made once, by one node or from outside.
struct Value {
  ops::TensorType type;
  Role role = Role::kIntermediate;
  std::string name;             // "tokens", "layers.0.q": unique among inputs, weights and states
  ValueId alias_of = kNoValue;  // a state after a write: the state from outside whose storage it shares

  bool operator==(const Value&) const = default;
};

// One application of an op. Inputs and outputs follow the op's slots; absent optional inputs are kNoValue.
struct Node {
  const ops::OpDef* op = nullptr;
  ops::Attrs attrs;  // only what differs from the op's defaults
  std::vector<ValueId> inputs, outputs;
  std::string scope;  // where in the model, for messages: "layers.3.mlp"

  bool operator==(const Node&) const = default;
};

struct NamedOutput {
  std::string name;  // "logits", "hidden"
  ValueId value = kNoValue;

  bool operator==(const NamedOutput&) const = default;
};

// A size that varies: by step, or fixed when a program is prepared. Dims name symbols by their interned name.
struct Symbol {
  std::string name;  // letters, digits and underscores, no digit first
  int64_t min = 0;
  int64_t max = INT32_MAX;

  bool operator==(const Symbol&) const = default;
};

// Ops over values, in an order in which every value is made before it is used. A plain value: copy it freely.
struct Graph {
  std::string name;
  std::vector<Symbol> symbols;
  std::vector<Value> values;
  std::vector<Node> nodes;
  std::vector<NamedOutput> outputs;

  const Value& value(ValueId id) const { return values[id]; }
  ValueId Find(absl::string_view name) const;        // an input, weight or state by name; kNoValue when absent
  ValueId FindOutput(absl::string_view name) const;  // kNoValue when absent
  std::vector<int32_t> Readers(ValueId id) const;    // the nodes that read it, ascending; aliases not followed
  int32_t Producer(ValueId id) const;                // the node that makes it, or -1

  bool operator==(const Graph&) const = default;
};

// "node 7 (linear in layers.3.mlp)", for messages. `node` may be out of range.
std::string NodeLabel(const Graph& graph, int32_t node);

// The types of one application: checks attributes, slots and the roles of inputs, then runs the op's shape rule.
// Outputs of `node` are not looked at. Errors begin with the op.
absl::StatusOr<ops::Signature> InferNode(const Graph& graph, const Node& node);

// Checks form (ids in range, order, slots, names, states read in their newest version) and runs every op's shape rule
// again; the error names the node and the dims. What builders, passes and files produce goes through it, so that what
// passes here has at most CONCORD_MAX_RANK dims, sizes whose products fit 62 bits, and symbols that are declared.
absl::Status Validate(const Graph& graph);

// A printable listing, one node a line: "%12 = linear(%11, layers.0.q) {heads=8}  f32[n_tokens, 8, 64]".
std::string ToText(const Graph& graph);

}  // namespace concord::graph

#include <algorithm>
#include <cmath>
#include <set>

#include "concord/plugin.h"
#include "runtime/base/checked.h"
#include "runtime/graph/module.h"

namespace concord::graph {
namespace {

// A dim, and the number of bytes of the constant part of a tensor: far above any model, far below overflow when a few
// of them are multiplied or added by shape rules.
constexpr int64_t kMaxDim = int64_t{1} << 48;
constexpr int64_t kMaxBytes = int64_t{1} << 60;

bool InRange(const Graph& graph, ValueId id) { return id >= 0 && id < static_cast<ValueId>(graph.values.size()); }

absl::Status Invalid(const std::string& message) { return absl::InvalidArgumentError(message); }

const Symbol* FindSymbol(const Graph& graph, absl::string_view name) {
  for (const Symbol& symbol : graph.symbols) {
    if (name == symbol.name) return &symbol;
  }
  return nullptr;
}

// Names of symbols are words, so that "n_seqs+1" can be read back.
bool IsWord(const std::string& name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  return !name.empty() && letter(name[0]) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return letter(c) || digit(c); });
}

absl::Status CheckSymbols(const Graph& graph) {
  std::set<std::string> names;
  for (const Symbol& s : graph.symbols) {
    if (!IsWord(s.name) || !names.insert(s.name).second) {
      return Invalid(absl::StrCat("symbol '", s.name, "' is declared twice or is no word"));
    }
    if (s.min < 0 || s.max < s.min || s.max > kMaxDim) {
      return Invalid(
          absl::StrCat("symbol '", s.name, "' ranges from ", s.min, " to ", s.max, ", want 0 <= min <= max <= 2^48"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckDim(const Graph& graph, const ops::Dim& dim) {
  if (dim.is_constant()) {
    if (dim.value >= 0 && dim.value <= kMaxDim) return absl::OkStatus();
    return Invalid(absl::StrCat("the dim ", dim.value, " is negative or above 2^48"));
  }
  const Symbol* symbol = FindSymbol(graph, dim.symbol);
  if (symbol == nullptr) return Invalid(absl::StrCat("the symbol '", dim.symbol, "' is not declared"));
  if (std::abs(static_cast<double>(dim.value)) > INT32_MAX || symbol->min + dim.value < 0) {
    return Invalid(
        absl::StrCat("the dim ", dim.ToString(), " can become negative: ", dim.symbol, " begins at ", symbol->min));
  }
  return absl::OkStatus();
}

absl::Status CheckType(const Graph& graph, const ops::TensorType& type) {
  if (type.packing == nullptr) return Invalid("it has no element type");
  if (type.dims.empty() || type.dims.size() > CONCORD_MAX_RANK) {
    return Invalid(absl::StrCat("it has ", type.dims.size(), " dims, want 1 to ", CONCORD_MAX_RANK));
  }
  // Zeros and symbols count as 1, so that no part of the product overflows whatever the others are.
  int64_t bytes = type.packing->block_bytes;
  for (const ops::Dim& dim : type.dims) {
    CONCORD_RETURN_IF_ERROR(CheckDim(graph, dim));
    if (!CheckedMul(bytes, std::max<int64_t>(1, std::abs(dim.value)), &bytes) || bytes > kMaxBytes) {
      return Invalid(absl::StrCat(type.ToString(), " has more than 2^60 bytes"));
    }
  }
  const ops::Dim& last = type.dims.back();
  if (last.is_constant() ? last.value % type.packing->block_elems != 0 : type.packing->block_elems != 1) {
    return Invalid(absl::StrCat("the last dim of ", type.ToString(), " does not fill whole blocks of ",
                                type.packing->block_elems, " elements"));
  }
  return absl::OkStatus();
}

absl::Status CheckAlias(const Graph& graph, const Value& value) {
  if (value.alias_of == kNoValue) return absl::OkStatus();
  if (value.role != Role::kState) return Invalid("only a state can share the storage of another");
  if (!InRange(graph, value.alias_of))
    return Invalid(absl::StrCat("it shares the storage of value ", value.alias_of, ", which is absent"));
  const Value& root = graph.values[value.alias_of];
  if (root.role != Role::kState || root.alias_of != kNoValue || !(root.type == value.type)) {
    return Invalid(absl::StrCat("it shares the storage of value ", value.alias_of,
                                ", which is no state from outside of type ", value.type.ToString()));
  }
  return absl::OkStatus();
}

// What has to come from outside, or be made by a node.
bool FromOutside(const Value& value) { return value.role != Role::kIntermediate && value.alias_of == kNoValue; }

absl::Status CheckValues(const Graph& graph) {
  std::set<std::string> names;
  for (size_t i = 0; i < graph.values.size(); ++i) {
    const Value& value = graph.values[i];
    const std::string where =
        absl::StrCat("value ", i, value.name.empty() ? "" : " '", value.name, value.name.empty() ? "" : "'");
    CONCORD_RETURN_IF_ERROR(Annotate(CheckType(graph, value.type), where));
    CONCORD_RETURN_IF_ERROR(Annotate(CheckAlias(graph, value), where));
    if (!FromOutside(value)) continue;
    if (value.name.empty()) return Invalid(absl::StrCat(where, ": inputs, weights and states need a name"));
    if (!names.insert(value.name).second) return Invalid(absl::StrCat(where, ": another value has this name"));
  }
  return absl::OkStatus();
}

// Which values exist already, and the newest version of every state, while nodes are read in order.
class Order {
 public:
  explicit Order(const Graph& graph)
      : graph_(graph), made_(graph.values.size()), newest_(graph.values.size(), kNoValue) {
    for (size_t i = 0; i < made_.size(); ++i) {
      made_[i] = FromOutside(graph.values[i]);
      newest_[i] = static_cast<ValueId>(i);
    }
  }

  absl::Status Read(ValueId id) const {
    if (!made_[id]) return Invalid(absl::StrCat("it reads value ", id, " before a node makes it"));
    const Value& value = graph_.values[id];
    if (value.role == Role::kState && newest_[Root(id)] != id) {
      return Invalid(absl::StrCat("it reads state '", graph_.values[Root(id)].name, "' as value ", id, ", which value ",
                                  newest_[Root(id)], " has replaced"));
    }
    return absl::OkStatus();
  }

  absl::Status Write(ValueId id, const ops::Slot& slot, ValueId state_input) {
    if (!InRange(graph_, id)) return Invalid(absl::StrCat("output ", slot.name, " is value ", id, ", which is absent"));
    if (made_[id]) return Invalid(absl::StrCat("output ", slot.name, " is value ", id, ", which exists already"));
    const Value& value = graph_.values[id];
    if (slot.alias_of.empty()) {
      if (value.role != Role::kIntermediate)
        return Invalid(absl::StrCat("output ", slot.name, " is value ", id, ", which comes from outside"));
    } else if (value.role != Role::kState || value.alias_of != Root(state_input)) {
      return Invalid(absl::StrCat("output ", slot.name, " must share the storage of input ", slot.alias_of));
    } else {
      newest_[value.alias_of] = id;
    }
    made_[id] = true;
    return absl::OkStatus();
  }

  absl::Status AllMade() const {
    for (size_t i = 0; i < made_.size(); ++i) {
      if (!made_[i]) return Invalid(absl::StrCat("value ", i, " is made by no node"));
    }
    return absl::OkStatus();
  }

 private:
  ValueId Root(ValueId id) const {
    const ValueId root = graph_.values[id].alias_of;
    return root == kNoValue ? id : root;
  }

  const Graph& graph_;
  std::vector<bool> made_;
  std::vector<ValueId> newest_;
};

ValueId InputOf(const Node& node, const std::string& slot) {
  for (size_t i = 0; i < node.op->inputs.size(); ++i) {
    if (node.op->inputs[i].name == slot) return node.inputs[i];
  }
  return kNoValue;
}

absl::Status CheckNode(const Graph& graph, const Node& node, Order* order) {
  CONCORD_ASSIGN_OR_RETURN(const ops::Signature s, InferNode(graph, node));
  for (ValueId id : node.inputs) {
    if (id != kNoValue) CONCORD_RETURN_IF_ERROR(order->Read(id));
  }
  if (node.outputs.size() != node.op->outputs.size()) {
    return Invalid(absl::StrCat("it has ", node.outputs.size(), " outputs, want ", node.op->outputs.size()));
  }
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    const ops::Slot& slot = node.op->outputs[i];
    const ValueId state = slot.alias_of.empty() ? kNoValue : InputOf(node, slot.alias_of);
    CONCORD_RETURN_IF_ERROR(order->Write(node.outputs[i], slot, state));
    const ops::TensorType& got = graph.values[node.outputs[i]].type;
    if (!(got == s.Out(slot.name))) {
      return Invalid(
          absl::StrCat("output ", slot.name, " is ", got.ToString(), ", want ", s.Out(slot.name).ToString()));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckOutputs(const Graph& graph) {
  std::set<std::string> names;
  for (const NamedOutput& output : graph.outputs) {
    if (output.name.empty() || !names.insert(output.name).second) {
      return Invalid(absl::StrCat("output '", output.name, "' is declared twice or has no name"));
    }
    if (!InRange(graph, output.value) || graph.values[output.value].role != Role::kIntermediate) {
      return Invalid(absl::StrCat("output '", output.name, "' is value ", output.value, ", which no node makes"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckInput(const Graph& graph, const ops::Slot& slot, ValueId id) {
  if (id == kNoValue) {
    return slot.optional ? absl::OkStatus() : Invalid(absl::StrCat("input ", slot.name, " is missing"));
  }
  if (!InRange(graph, id)) return Invalid(absl::StrCat("input ", slot.name, " is value ", id, ", which is absent"));
  const Role role = graph.values[id].role;
  if (slot.weight && role != Role::kWeight) {
    return Invalid(absl::StrCat("input ", slot.name, " must be a weight, value ", id, " is none"));
  }
  if (slot.state != (role == Role::kState)) {
    return Invalid(absl::StrCat("input ", slot.name,
                                slot.state ? " must be a state, value " : " cannot be a state, value ", id,
                                slot.state ? " is none" : " is one"));
  }
  return absl::OkStatus();
}

// Beyond kinds and names: sane numbers, so that shape rules may add and multiply them.
absl::Status CheckAttrs(const Node& node) {
  CONCORD_RETURN_IF_ERROR(node.op->CheckAttrs(node.attrs));
  for (const auto& [key, value] : node.attrs.values()) {
    const auto* f = std::get_if<double>(&value);
    const auto* i = std::get_if<int64_t>(&value);
    if ((f != nullptr && !std::isfinite(*f)) || (i != nullptr && (*i > kMaxDim || *i < -kMaxDim))) {
      return Invalid(absl::StrCat(node.op->name, ": attribute '", key, "' is ", ops::ToString(value),
                                  ", which is not finite or far too large"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ops::Signature> InferNode(const Graph& graph, const Node& node) {
  if (node.op == nullptr) return Invalid("a node without an op");
  CONCORD_RETURN_IF_ERROR(CheckAttrs(node));
  if (node.inputs.size() != node.op->inputs.size()) {
    return Invalid(
        absl::StrCat(node.op->name, ": it has ", node.inputs.size(), " inputs, want ", node.op->inputs.size()));
  }
  ops::Signature s(*node.op);
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    const ops::Slot& slot = node.op->inputs[i];
    CONCORD_RETURN_IF_ERROR(Annotate(CheckInput(graph, slot, node.inputs[i]), node.op->name));
    if (node.inputs[i] != kNoValue) s.SetIn(slot.name, graph.values[node.inputs[i]].type);
  }
  CONCORD_RETURN_IF_ERROR(node.op->infer(node.attrs, s));
  return s;
}

absl::Status Validate(const Graph& graph) {
  CONCORD_RETURN_IF_ERROR(CheckSymbols(graph));
  CONCORD_RETURN_IF_ERROR(CheckValues(graph));
  Order order(graph);
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    absl::Status status = CheckNode(graph, graph.nodes[n], &order);
    if (!status.ok()) return Annotate(status, NodeLabel(graph, static_cast<int32_t>(n)));
  }
  CONCORD_RETURN_IF_ERROR(order.AllMade());
  return CheckOutputs(graph);
}

namespace {

absl::Status CheckSource(const Value& value, const WeightSource& source) {
  if (source.row_begin < 0 || source.row_begin > kMaxDim || source.row_count < -1 || source.row_count > kMaxDim) {
    return Invalid(absl::StrCat("rows ", source.row_begin, " + ", source.row_count, " are out of range"));
  }
  if (!std::isfinite(source.add)) return Invalid("what is added to it is not finite");
  if (source.tensor.empty() == source.values.empty()) {
    return Invalid("it needs either the name of a tensor or values, not both and not neither");
  }
  if (!source.stack.empty() && (source.tensor.empty() || source.transpose || value.type.rank() < 2 ||
                                value.type.dims[0] != ops::Dim(static_cast<int64_t>(source.stack.size()) + 1))) {
    return Invalid(
        absl::StrCat("it is ", value.type.ToString(), ", which is no stack of ", source.stack.size() + 1, " tensors"));
  }
  if (!std::all_of(source.values.begin(), source.values.end(), [](float v) { return std::isfinite(v); })) {
    return Invalid("one of its values is not finite");
  }
  if (source.tensor.empty()) {
    const std::vector<ops::Dim> want = {static_cast<int64_t>(source.values.size())};
    if (value.type.dims != want || absl::string_view(value.type.packing->name) != "f32") {
      return Invalid(absl::StrCat("it is ", value.type.ToString(), " with ", source.values.size(), " values"));
    }
  }
  for (const ops::Dim& dim : value.type.dims) {
    if (!dim.is_constant()) return Invalid(absl::StrCat("it is ", value.type.ToString(), "; weights have no symbols"));
  }
  return absl::OkStatus();
}

absl::Status CheckGroup(const Graph& graph, const StateGroup& group, std::vector<int>* seen) {
  if (group.name.empty()) return Invalid("it has no name");
  if (group.kind != "paged" && group.kind != "window" && group.kind != "slot") {
    return Invalid(absl::StrCat("its kind is '", group.kind, "', want paged, window or slot"));
  }
  if (group.window < 0 || group.block_tokens < 0 || (group.kind != "slot" && group.block_tokens == 0)) {
    return Invalid(absl::StrCat("window ", group.window, " or block_tokens ", group.block_tokens, " is out of range"));
  }
  for (ValueId id : group.states) {
    if (!InRange(graph, id) || graph.values[id].role != Role::kState || graph.values[id].alias_of != kNoValue) {
      return Invalid(absl::StrCat("value ", id, " is no state from outside"));
    }
    if (++(*seen)[id] > 1)
      return Invalid(absl::StrCat("state '", graph.values[id].name, "' is in two groups or twice in one"));
    const ops::TensorType& type = graph.values[id].type;
    if (type.layout == "kv.paged/1" && (type.rank() != 4 || type.dims[2] != ops::Dim(group.block_tokens))) {
      return Invalid(absl::StrCat("state '", graph.values[id].name, "' is ", type.ToString(), ", want blocks of ",
                                  group.block_tokens, " tokens"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Validate(const Module& module) {
  const Graph& graph = module.main;
  CONCORD_RETURN_IF_ERROR(Validate(graph));
  std::vector<int> seen(graph.values.size());
  for (const Weight& weight : module.weights) {
    if (!InRange(graph, weight.value) || graph.values[weight.value].role != Role::kWeight || ++seen[weight.value] > 1) {
      return Invalid(
          absl::StrCat("the weight table names value ", weight.value, ", which is no weight or is named twice"));
    }
    const Value& value = graph.values[weight.value];
    CONCORD_RETURN_IF_ERROR(Annotate(CheckSource(value, weight.source), absl::StrCat("weight '", value.name, "'")));
  }
  std::set<std::string> names;
  for (const StateGroup& group : module.state_groups) {
    const std::string where = absl::StrCat("state group '", group.name, "'");
    CONCORD_RETURN_IF_ERROR(Annotate(CheckGroup(graph, group, &seen), where));
    if (!names.insert(group.name).second) return Invalid(absl::StrCat(where, " is declared twice"));
  }
  for (size_t i = 0; i < seen.size(); ++i) {
    const Value& value = graph.values[i];
    const bool owned = value.role == Role::kWeight || (value.role == Role::kState && value.alias_of == kNoValue);
    if (owned && seen[i] == 0)
      return Invalid(absl::StrCat("'", value.name, "' is in no weight table and no state group"));
  }
  if (module.n_vocab < 0 || module.max_context < 0) return Invalid("n_vocab or max_context is negative");
  return absl::OkStatus();
}

}  // namespace concord::graph

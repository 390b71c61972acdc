#include "runtime/graph/graph.h"

#include "absl/strings/str_join.h"

namespace concord::graph {

ValueId Graph::Find(absl::string_view name) const {
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i].role != Role::kIntermediate && values[i].alias_of == kNoValue && name == values[i].name) {
      return static_cast<ValueId>(i);
    }
  }
  return kNoValue;
}

ValueId Graph::FindOutput(absl::string_view name) const {
  for (const NamedOutput& output : outputs) {
    if (name == output.name) return output.value;
  }
  return kNoValue;
}

std::vector<int32_t> Graph::Readers(ValueId id) const {
  std::vector<int32_t> readers;
  for (size_t n = 0; n < nodes.size(); ++n) {
    for (ValueId input : nodes[n].inputs) {
      if (input != id) continue;
      readers.push_back(static_cast<int32_t>(n));
      break;
    }
  }
  return readers;
}

int32_t Graph::Producer(ValueId id) const {
  for (size_t n = 0; n < nodes.size(); ++n) {
    for (ValueId output : nodes[n].outputs) {
      if (output == id) return static_cast<int32_t>(n);
    }
  }
  return -1;
}

std::string NodeLabel(const Graph& graph, int32_t node) {
  if (node < 0 || node >= static_cast<int32_t>(graph.nodes.size())) return absl::StrCat("node ", node);
  const Node& n = graph.nodes[node];
  return absl::StrCat("node ", node, " (", n.op == nullptr ? "no op" : n.op->name,
                      n.scope.empty() ? "" : absl::StrCat(" in ", n.scope), ")");
}

namespace {

std::string ValueText(const Graph& graph, ValueId id) {
  if (id < 0 || id >= static_cast<ValueId>(graph.values.size())) return "-";
  const Value& value = graph.values[id];
  const bool named = !value.name.empty() && value.alias_of == kNoValue && value.role != Role::kIntermediate;
  return named ? value.name : absl::StrCat("%", id);
}

std::string ValuesText(const Graph& graph, const std::vector<ValueId>& ids) {
  return absl::StrJoin(ids, ", ", [&](std::string* out, ValueId id) { *out += ValueText(graph, id); });
}

const char* RoleText(Role role) {
  switch (role) {
    case Role::kInput:
      return "input";
    case Role::kWeight:
      return "weight";
    case Role::kState:
      return "state";
    case Role::kIntermediate:
      break;
  }
  return "value";
}

}  // namespace

std::string ToText(const Graph& graph) {
  std::string text = absl::StrCat("graph ", graph.name, "\n");
  for (const Value& value : graph.values) {
    if (value.role == Role::kIntermediate || value.alias_of != kNoValue) continue;
    absl::StrAppend(&text, RoleText(value.role), " ", value.name, "  ", value.type.ToString(), "\n");
  }
  std::string scope;
  for (const Node& node : graph.nodes) {
    if (node.scope != scope) absl::StrAppend(&text, "# ", scope = node.scope, "\n");
    absl::StrAppend(&text, ValuesText(graph, node.outputs), " = ", node.op == nullptr ? "?" : node.op->name, "(",
                    ValuesText(graph, node.inputs), ")", node.attrs.values().empty() ? "" : " ",
                    node.attrs.values().empty() ? "" : node.attrs.ToString());
    for (ValueId id : node.outputs) {
      const bool known = id >= 0 && id < static_cast<ValueId>(graph.values.size());
      absl::StrAppend(&text, "  ", known ? graph.values[id].type.ToString() : "?");
    }
    text += "\n";
  }
  for (const NamedOutput& output : graph.outputs) {
    absl::StrAppend(&text, "output ", output.name, " = ", ValueText(graph, output.value), "\n");
  }
  return text;
}

}  // namespace concord::graph

#include "runtime/graph/pattern_match.h"

#include <algorithm>

namespace concord::graph {

NodeIndex::NodeIndex(const Graph& graph)
    : graph_(graph),
      producer_(graph.values.size(), -1),
      readers_(graph.values.size()),
      is_output_(graph.values.size()) {
  for (const NamedOutput& output : graph.outputs) is_output_[output.value] = true;
  for (size_t n = 0; n < graph.nodes.size(); ++n) Add(static_cast<int32_t>(n));
}

void NodeIndex::Remove(int32_t node) {
  for (ValueId id : graph_.nodes[node].outputs) producer_[id] = -1;
  for (ValueId id : graph_.nodes[node].inputs) {
    if (id == kNoValue) continue;
    auto& readers = readers_[id];
    readers.erase(std::remove(readers.begin(), readers.end(), node), readers.end());
  }
}

void NodeIndex::Add(int32_t node) {
  for (ValueId id : graph_.nodes[node].outputs) producer_[id] = node;
  for (ValueId id : graph_.nodes[node].inputs) {
    if (id == kNoValue) continue;
    auto& readers = readers_[id];
    if (std::find(readers.begin(), readers.end(), node) == readers.end()) readers.push_back(node);
  }
}

namespace {

using Variables = std::map<std::string, ValueId>;

const std::string* VariableOf(const std::vector<std::pair<std::string, std::string>>& slots, const std::string& slot) {
  for (const auto& [name, variable] : slots) {
    if (name == slot) return &variable;
  }
  return nullptr;
}

// Binds parts to nodes from the last part to the first, with backtracking: a part that makes something already known is
// its maker, any other is a reader of something known.
class Matcher {
 public:
  Matcher(const NodeIndex& index, const ops::OpDef& op)
      : index_(index), graph_(index.graph()), op_(op), nodes_(op.parts.size(), -1) {}

  bool MatchPart(size_t part, int32_t node) {
    const bool commutes = op_.parts[part].op == "add";
    return TryPart(part, node, false) || (commutes && TryPart(part, node, true));
  }

  Match Take() {
    Match match{.nodes = nodes_, .fused = std::move(fused_)};
    std::sort(match.nodes.begin(), match.nodes.end());
    return match;
  }

 private:
  bool TryPart(size_t part, int32_t node, bool swapped) {
    const Variables variables = variables_;
    const ops::Attrs attrs = attrs_;
    nodes_[part] = node;
    if (BindNode(op_.parts[part], graph_.nodes[node], swapped) && (part == 0 ? Complete() : MatchBefore(part - 1)))
      return true;
    variables_ = variables, attrs_ = attrs, nodes_[part] = -1;
    return false;
  }

  bool MatchBefore(size_t part) {
    for (int32_t node : Candidates(op_.parts[part])) {
      if (std::find(nodes_.begin(), nodes_.end(), node) == nodes_.end() && MatchPart(part, node)) return true;
    }
    return false;
  }

  std::vector<int32_t> Candidates(const ops::FusionPart& part) const {
    for (const auto& [slot, variable] : part.outputs) {
      const auto it = variables_.find(variable);
      if (it == variables_.end()) continue;
      const int32_t maker = it->second == kNoValue ? -1 : index_.producer(it->second);
      return maker < 0 ? std::vector<int32_t>() : std::vector<int32_t>{maker};
    }
    for (const auto& [slot, variable] : part.inputs) {
      const auto it = variables_.find(variable);
      if (it != variables_.end() && it->second != kNoValue) return index_.readers(it->second);
    }
    return {};
  }

  bool BindNode(const ops::FusionPart& part, const Node& node, bool swapped) {
    if (node.op == nullptr || node.op->name != part.op) return false;
    const size_t n_inputs = node.inputs.size();
    for (size_t i = 0; i < n_inputs; ++i) {
      const ValueId id = node.inputs[swapped && i < 2 ? 1 - i : i];
      const std::string* variable = VariableOf(part.inputs, node.op->inputs[i].name);
      if (variable == nullptr ? id != kNoValue : !BindVariable(*variable, id)) return false;
    }
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      const std::string* variable = VariableOf(part.outputs, node.op->outputs[i].name);
      if (variable == nullptr || !BindVariable(*variable, node.outputs[i])) return false;
    }
    return BindAttrs(part, node);
  }

  bool BindVariable(const std::string& variable, ValueId id) {
    if (id == kNoValue) {
      const ops::Slot* slot = op_.FindInput(variable);
      if (slot == nullptr || !slot->optional) return false;
    }
    return variables_.emplace(variable, id).first->second == id;
  }

  bool BindAttrs(const ops::FusionPart& part, const Node& node) {
    const ops::Attrs complete = node.op->Complete(node.attrs);
    for (const auto& [key, value] : complete.values()) {
      const ops::AttrValue* standard = node.op->defaults.Find(key);
      if (std::find(part.attrs.begin(), part.attrs.end(), key) == part.attrs.end()) {
        if (!(*standard == value)) return false;  // the fused op cannot say it
        continue;
      }
      const ops::AttrValue* known = attrs_.Find(key);
      if (known != nullptr && !(*known == value)) return false;
      attrs_.Set(key, value);
    }
    return true;
  }

  bool IsMatched(int32_t node) const { return std::find(nodes_.begin(), nodes_.end(), node) != nodes_.end(); }

  // All parts are bound: checks what concerns the whole, and makes the fused node.
  bool Complete() {
    for (const auto& [variable, id] : variables_) {
      if (op_.FindInput(variable) != nullptr) {
        if (id != kNoValue && IsMatched(index_.producer(id))) return false;  // an input that the pattern itself makes
      } else if (op_.FindOutput(variable) == nullptr && !IsInternal(id)) {
        return false;
      }
    }
    return MakeFused() && MatricesAgree() && TypesAgree();
  }

  bool IsInternal(ValueId id) const {
    if (index_.is_output(id) || graph_.values[id].role != Role::kIntermediate) return false;
    const std::vector<int32_t>& readers = index_.readers(id);
    return std::all_of(readers.begin(), readers.end(), [&](int32_t n) { return IsMatched(n); });
  }

  bool MakeFused() {
    fused_ = {.op = &op_, .scope = graph_.nodes[nodes_.back()].scope};
    for (const ops::Slot& slot : op_.inputs) {
      const auto it = variables_.find(slot.name);
      fused_.inputs.push_back(it == variables_.end() ? kNoValue : it->second);
    }
    for (const ops::Slot& slot : op_.outputs) {
      const auto it = variables_.find(slot.name);
      if (it == variables_.end()) return false;
      fused_.outputs.push_back(it->second);
    }
    for (const auto& [key, value] : attrs_.values()) {
      const ops::AttrValue* standard = op_.defaults.Find(key);
      if (standard == nullptr) return false;
      if (!(*standard == value)) fused_.attrs.Set(key, value);
    }
    return true;
  }

  bool MatricesAgree() const {
    const packing::Packing* common = nullptr;
    for (ValueId id : fused_.inputs) {
      if (id == kNoValue || graph_.values[id].role != Role::kWeight || graph_.values[id].type.rank() < 2) continue;
      if (common == nullptr) common = graph_.values[id].type.packing;
      if (common != graph_.values[id].type.packing) return false;
    }
    return true;
  }

  bool TypesAgree() const {
    const absl::StatusOr<ops::Signature> s = InferNode(graph_, fused_);
    if (!s.ok()) return false;
    for (size_t i = 0; i < fused_.outputs.size(); ++i) {
      if (!(s->Out(op_.outputs[i].name) == graph_.values[fused_.outputs[i]].type)) return false;
    }
    return true;
  }

  const NodeIndex& index_;
  const Graph& graph_;
  const ops::OpDef& op_;
  std::vector<int32_t> nodes_;  // by part
  Variables variables_;
  ops::Attrs attrs_;
  Node fused_;
};

}  // namespace

std::optional<Match> FindMatch(const NodeIndex& index, const ops::OpDef& op, int32_t anchor) {
  Matcher matcher(index, op);
  if (op.parts.empty() || !matcher.MatchPart(op.parts.size() - 1, anchor)) return std::nullopt;
  return matcher.Take();
}

}  // namespace concord::graph

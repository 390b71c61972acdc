#include "runtime/graph/lower.h"
#include "runtime/base/border_type.h"

#include <deque>
#include <iterator>

namespace concord::graph {

struct LoweredProgram::Storage {
  concord_program_desc desc = {};
  std::deque<std::string> text;  // addresses stay as it grows
  std::vector<concord_symbol> symbols;
  std::vector<concord_value_desc> values;
  std::vector<concord_op_desc> ops;
  std::deque<std::vector<uint32_t>> operands;
  std::deque<std::vector<concord_attr>> attrs;
  std::vector<std::string> symbol_names;
  std::vector<uint32_t> index_of;  // by graph value
  std::vector<ValueId> value_of;   // by program value
  std::vector<Bound> bound;

  concord_string Keep(std::string s) {
    const std::string& kept = text.emplace_back(std::move(s));
    return {kept.data(), kept.size()};
  }
  uint32_t Symbol(absl::string_view name) const {
    for (size_t i = 0; i < symbol_names.size(); ++i) {
      if (name == symbol_names[i]) return static_cast<uint32_t>(i);
    }
    return CONCORD_NONE;
  }
};

namespace {

template <typename T>
concord_array Array(const std::vector<T>& items) {
  return {items.empty() ? nullptr : items.data(), static_cast<uint32_t>(items.size()), sizeof(T)};
}

int32_t RoleOf(Use use) {
  switch (use) {
    case Use::kInput:
      return CONCORD_ROLE_INPUT;
    case Use::kOutput:
      return CONCORD_ROLE_OUTPUT;
    case Use::kState:
      return CONCORD_ROLE_STATE;
    case Use::kConstant:
      return CONCORD_ROLE_CONSTANT;
    case Use::kNone:
    case Use::kWorkspace:
      break;
  }
  return CONCORD_ROLE_WORKSPACE;
}

concord_attr MakeAttr(const std::string& key, const ops::AttrValue& value, const auto& keep) {
  concord_attr attr = {};
  attr.key = keep(key);
  if (auto* i = std::get_if<int64_t>(&value)) attr.kind = CONCORD_ATTR_INT, attr.i = *i;
  if (auto* f = std::get_if<double>(&value)) attr.kind = CONCORD_ATTR_FLOAT, attr.f = *f;
  if (auto* s = std::get_if<std::string>(&value)) attr.kind = CONCORD_ATTR_STRING, attr.s = keep(*s);
  return attr;
}

// Fills a Storage step by step.
class Lowering {
 public:
  Lowering(const Graph& graph, LoweredProgram::Storage* to) : graph_(graph), to_(*to) {}

  void Symbols() {
    for (const Symbol& symbol : graph_.symbols) {
      to_.symbol_names.push_back(symbol.name);
      to_.symbols.push_back({to_.Keep(symbol.name), symbol.min, symbol.max});
    }
  }

  void Values(const std::vector<Use>& use) {
    to_.index_of.assign(graph_.values.size(), CONCORD_NONE);
    for (size_t id = 0; id < use.size(); ++id) {
      if (use[id] == Use::kNone) continue;
      to_.index_of[id] = static_cast<uint32_t>(to_.value_of.size());
      to_.value_of.push_back(static_cast<ValueId>(id));
    }
    for (ValueId id : to_.value_of) {
      concord_value_desc desc = Describe(id);
      desc.role = RoleOf(use[id]);
      const ValueId root = graph_.values[id].alias_of;
      desc.alias_of = root == kNoValue ? CONCORD_NONE : to_.index_of[root];
      desc.slot = CONCORD_NONE;
      if (desc.role != CONCORD_ROLE_WORKSPACE && root == kNoValue) {
        desc.slot = static_cast<uint32_t>(to_.bound.size());
        to_.bound.push_back({id, desc.role, desc.slot});
      }
      to_.values.push_back(desc);
    }
  }

  void Op(const Node& node, const std::string& arithmetic) {
    concord_op_desc desc = {};
    desc.name = to_.Keep(node.op->name);
    desc.scope = to_.Keep(node.scope);
    desc.arithmetic = to_.Keep(arithmetic);
    desc.inputs = Operands(node.inputs);
    desc.outputs = Operands(node.outputs);
    std::vector<concord_attr>& attrs = to_.attrs.emplace_back();
    for (const auto& [key, value] : node.attrs.values()) {
      const ops::AttrValue* standard = node.op->defaults.Find(key);
      if (standard != nullptr && *standard == value) continue;
      attrs.push_back(MakeAttr(key, value, [this](const std::string& s) { return to_.Keep(s); }));
    }
    desc.attrs = Array(attrs);
    desc.version = static_cast<uint32_t>(node.op->version);
    to_.ops.push_back(desc);
  }

  void Finish() {
    to_.desc.struct_size = sizeof(concord_program_desc);
    to_.desc.name = to_.Keep(graph_.name);
    to_.desc.symbols = Array(to_.symbols);
    to_.desc.values = Array(to_.values);
    to_.desc.ops = Array(to_.ops);
  }

 private:
  concord_value_desc Describe(ValueId id) {
    const Value& value = graph_.values[id];
    const packing::Packing& packing = *value.type.packing;
    concord_value_desc desc = {};
    desc.type = BorderType(packing);
    desc.layout = to_.Keep(value.type.layout);
    desc.name = to_.Keep(value.name.empty() ? absl::StrCat("%", id) : value.name);
    desc.rank = static_cast<uint32_t>(value.type.rank());
    for (uint32_t i = 0; i < CONCORD_MAX_RANK; ++i) {
      desc.dims[i] = {0, CONCORD_NONE, 0};
      if (i >= desc.rank) continue;
      const ops::Dim& dim = value.type.dims[i];
      desc.dims[i] = {dim.value, dim.is_constant() ? CONCORD_NONE : to_.Symbol(dim.symbol), 0};
    }
    return desc;
  }

  concord_array Operands(const std::vector<ValueId>& ids) {
    std::vector<uint32_t>& indices = to_.operands.emplace_back();
    for (ValueId id : ids) indices.push_back(id == kNoValue ? CONCORD_NONE : to_.index_of[id]);
    return Array(indices);
  }

  const Graph& graph_;
  LoweredProgram::Storage& to_;
};

}  // namespace

LoweredProgram::LoweredProgram(std::unique_ptr<Storage> storage) : storage_(std::move(storage)) {}
LoweredProgram::LoweredProgram(LoweredProgram&&) noexcept = default;
LoweredProgram& LoweredProgram::operator=(LoweredProgram&&) noexcept = default;
LoweredProgram::~LoweredProgram() = default;

absl::StatusOr<LoweredProgram> LoweredProgram::Lower(const Graph& graph, const Partition& partition,
                                                     const std::vector<std::string>& arithmetic) {
  if (!arithmetic.empty() && arithmetic.size() != partition.nodes.size()) {
    return absl::InvalidArgumentError(absl::StrCat("the partition has ", partition.nodes.size(), " nodes, but ",
                                                   arithmetic.size(), " arithmetics are given"));
  }
  CONCORD_ASSIGN_OR_RETURN(const std::vector<Use> use, ClassifyValues(graph, partition));
  auto storage = std::make_unique<Storage>();
  Lowering lowering(graph, storage.get());
  lowering.Symbols();
  lowering.Values(use);
  for (size_t i = 0; i < partition.nodes.size(); ++i) {
    lowering.Op(graph.nodes[partition.nodes[i]], arithmetic.empty() ? "f32" : arithmetic[i]);
  }
  lowering.Finish();
  return LoweredProgram(std::move(storage));
}

const concord_program_desc& LoweredProgram::desc() const { return storage_->desc; }

uint32_t LoweredProgram::index(ValueId value) const {
  const bool known = value >= 0 && value < static_cast<ValueId>(storage_->index_of.size());
  return known ? storage_->index_of[value] : CONCORD_NONE;
}

ValueId LoweredProgram::value(uint32_t index) const {
  return index < storage_->value_of.size() ? storage_->value_of[index] : kNoValue;
}

uint32_t LoweredProgram::symbol(absl::string_view name) const { return storage_->Symbol(name); }

const std::vector<LoweredProgram::Bound>& LoweredProgram::bound() const { return storage_->bound; }

uint32_t LoweredProgram::slot(ValueId value) const {
  uint32_t at = index(value);
  if (at != CONCORD_NONE && storage_->values[at].alias_of != CONCORD_NONE) at = storage_->values[at].alias_of;
  return at == CONCORD_NONE ? CONCORD_NONE : storage_->values[at].slot;
}

std::vector<uint64_t> LoweredProgram::ValueOffsets(const MemoryPlan& plan) const {
  std::vector<uint64_t> offsets;
  for (ValueId id : storage_->value_of) offsets.push_back(plan.offsets[id]);
  return offsets;
}

}  // namespace concord::graph

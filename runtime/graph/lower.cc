#include "runtime/graph/lower.h"

#include <cstring>

#include "runtime/base/status.h"

namespace concord::graph {
namespace {

concord_string C(absl::string_view text) { return {text.data(), text.size()}; }

template <typename T>
concord_array ArrayOf(const std::vector<T>& v) {
  return {v.data(), static_cast<uint32_t>(v.size()), sizeof(T)};
}

// What a plugin can compute with when it does not know the packing by name.
int32_t StorageOf(const packing::Packing& p) {
  static constexpr struct {
    const char* name;
    int32_t storage;
  } kPlain[] = {{"f32", CONCORD_STORAGE_F32}, {"f16", CONCORD_STORAGE_F16}, {"bf16", CONCORD_STORAGE_BF16},
                {"i8", CONCORD_STORAGE_I8},   {"u8", CONCORD_STORAGE_U8},   {"i32", CONCORD_STORAGE_I32},
                {"i64", CONCORD_STORAGE_I64}};
  for (const auto& plain : kPlain) {
    if (std::strcmp(p.name, plain.name) == 0) return plain.storage;
  }
  return CONCORD_STORAGE_BLOCK;
}

int32_t RoleOf(const Graph& graph, ValueId id) {
  switch (graph.value(id).role) {
    case Role::kInput: return CONCORD_ROLE_INPUT;
    case Role::kWeight: return CONCORD_ROLE_CONSTANT;
    case Role::kState: return CONCORD_ROLE_STATE;
    case Role::kIntermediate: break;
  }
  for (const NamedOutput& output : graph.outputs) {
    if (output.value == id) return CONCORD_ROLE_OUTPUT;
  }
  return CONCORD_ROLE_WORKSPACE;
}

}  // namespace

uint32_t LoweredProgram::symbol(absl::string_view name) const {
  for (size_t i = 0; i < graph_->symbols.size(); ++i) {
    if (name == graph_->symbols[i].name) return static_cast<uint32_t>(i);
  }
  return CONCORD_NONE;
}

absl::Status LoweredProgram::LowerValue(ValueId id, uint32_t* next_slot) {
  const Value& value = graph_->value(id);
  concord_value_desc& v = values_.emplace_back(concord_value_desc{});
  const packing::Packing& p = *value.type.packing;
  v.type = {C(p.name), StorageOf(p), p.block_elems, p.block_bytes, 0};
  v.layout = C(value.type.layout);
  v.name = C(value.name);
  if (value.type.rank() > static_cast<int>(CONCORD_MAX_RANK)) {
    return absl::InvalidArgumentError(absl::StrCat("'", value.name, "' has ", value.type.rank(), " dims, at most ",
                                                   CONCORD_MAX_RANK, " cross the border"));
  }
  v.rank = static_cast<uint32_t>(value.type.rank());
  for (uint32_t d = 0; d < v.rank; ++d) {
    const ops::Dim& dim = value.type.dims[d];
    v.dims[d] = {dim.value, dim.is_constant() ? CONCORD_NONE : symbol(dim.symbol), 0};
  }
  v.role = RoleOf(*graph_, id);
  v.alias_of = value.alias_of == kNoValue ? CONCORD_NONE : static_cast<uint32_t>(value.alias_of);
  v.slot = v.role == CONCORD_ROLE_WORKSPACE || v.alias_of != CONCORD_NONE ? CONCORD_NONE : (*next_slot)++;
  return absl::OkStatus();
}

void LoweredProgram::LowerNode(const Node& node, const std::string& arithmetic) {
  concord_op_desc& o = ops_.emplace_back(concord_op_desc{});
  o.name = C(node.op->name);
  o.scope = C(node.scope);
  o.arithmetic = C(text_.emplace_back(arithmetic));
  o.version = static_cast<uint32_t>(node.op->version);
  for (auto [ids, array] : {std::pair(&node.inputs, &o.inputs), std::pair(&node.outputs, &o.outputs)}) {
    std::vector<uint32_t>& indices = indices_.emplace_back();
    for (ValueId id : *ids) indices.push_back(id == kNoValue ? CONCORD_NONE : static_cast<uint32_t>(id));
    *array = ArrayOf(indices);
  }
  std::vector<concord_attr>& attrs = attrs_.emplace_back();
  for (const auto& [key, value] : node.attrs.values()) {
    const ops::AttrValue* fallback = node.op->defaults.Find(key);
    if (fallback != nullptr && *fallback == value) continue;
    concord_attr a{};
    a.key = C(key);
    if (auto* s = std::get_if<std::string>(&value)) {
      a.kind = CONCORD_ATTR_STRING, a.s = C(*s);
    } else if (auto* f = std::get_if<double>(&value)) {
      a.kind = CONCORD_ATTR_FLOAT, a.f = *f;
    } else {
      a.kind = CONCORD_ATTR_INT, a.i = std::get<int64_t>(value);
    }
    attrs.push_back(a);
  }
  o.attrs = ArrayOf(attrs);
}

void LoweredProgram::SetArithmetic(uint32_t node, const std::string& arithmetic) {
  ops_[node].arithmetic = C(text_.emplace_back(arithmetic));
}

absl::StatusOr<std::unique_ptr<LoweredProgram>> LoweredProgram::Lower(const Graph& graph, std::vector<std::string> arithmetic) {
  auto lowered = std::unique_ptr<LoweredProgram>(new LoweredProgram(graph));
  for (const Symbol& s : graph.symbols) lowered->symbols_.push_back({C(s.name), s.min, s.max});
  uint32_t next_slot = 0;
  lowered->values_.reserve(graph.values.size());
  for (size_t v = 0; v < graph.values.size(); ++v) {
    CONCORD_RETURN_IF_ERROR(lowered->LowerValue(static_cast<ValueId>(v), &next_slot));
  }
  lowered->ops_.reserve(graph.nodes.size());
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    lowered->LowerNode(graph.nodes[n], n < arithmetic.size() ? arithmetic[n] : "f32");
  }
  lowered->desc_.struct_size = sizeof(concord_program_desc);
  lowered->desc_.name = C(graph.name);
  lowered->desc_.symbols = ArrayOf(lowered->symbols_);
  lowered->desc_.values = ArrayOf(lowered->values_);
  lowered->desc_.ops = ArrayOf(lowered->ops_);
  return lowered;
}

}  // namespace concord::graph

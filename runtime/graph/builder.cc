#include "runtime/graph/builder.h"

#include "runtime/base/checked.h"
#include "runtime/graph/prune.h"

namespace concord::graph {
namespace {

// Only what differs from the defaults is kept, so that equal meaning has one form.
ops::Attrs DropDefaults(const ops::OpDef& op, const ops::Attrs& attrs) {
  ops::Attrs kept;
  for (const auto& [key, value] : attrs.values()) {
    const ops::AttrValue* standard = op.defaults.Find(key);
    if (standard == nullptr || !(*standard == value)) kept.Set(key, value);
  }
  return kept;
}

// Argument → input slot; unknown and repeated slots are errors.
absl::Status PlaceArgs(const ops::OpDef& op, const std::vector<Builder::Arg>& args, Node* node) {
  node->inputs.assign(op.inputs.size(), kNoValue);
  std::vector<bool> given(op.inputs.size());
  for (const Builder::Arg& arg : args) {
    const ops::Slot* slot = op.FindInput(arg.slot);
    if (slot == nullptr) return absl::InvalidArgumentError(absl::StrCat(op.name, ": no input '", arg.slot, "'"));
    const size_t i = static_cast<size_t>(slot - op.inputs.data());
    if (given[i]) return absl::InvalidArgumentError(absl::StrCat(op.name, ": input '", arg.slot, "' is given twice"));
    given[i] = true;
    node->inputs[i] = arg.value;
  }
  return absl::OkStatus();
}

}  // namespace

Builder::Builder(std::string name) { module_.main.name = std::move(name); }

Builder::ScopeGuard::~ScopeGuard() { builder_->scope_.resize(length_); }

Builder::ScopeGuard Builder::Scope(absl::string_view scope) {
  const size_t length = scope_.size();
  absl::StrAppend(&scope_, length == 0 ? "" : ".", scope);
  return ScopeGuard(this, length);
}

absl::Status Builder::Annotated(absl::Status status) const {
  return Annotate(status, scope_.empty() ? module_.main.name : absl::StrCat(module_.main.name, ": ", scope_));
}

void Builder::Fail(absl::Status status) {
  if (status_.ok()) status_ = Annotated(std::move(status));
}

ValueId Builder::AddValue(Value value) {
  Graph& graph = module_.main;
  for (const ops::Dim& dim : value.type.dims) {
    bool known = dim.is_constant();
    for (const Symbol& symbol : graph.symbols) known = known || symbol.name == dim.symbol;
    if (!known) graph.symbols.push_back({.name = dim.symbol});
  }
  graph.values.push_back(std::move(value));
  return static_cast<ValueId>(graph.values.size() - 1);
}

ValueId Builder::Input(const std::string& name, std::vector<ops::Dim> dims, const char* packing) {
  if (!ok()) return kNoValue;
  ops::TensorType type{packing::Find(packing), std::move(dims), ""};
  if (type.packing == nullptr) {
    Fail(absl::InvalidArgumentError(absl::StrCat("input '", name, "' has the unknown type '", packing, "'")));
    return kNoValue;
  }
  const ValueId known = module_.main.Find(name);
  if (known == kNoValue) return AddValue({.type = std::move(type), .role = Role::kInput, .name = name});
  const Value& value = module_.main.values[known];
  if (value.role == Role::kInput && value.type == type) return known;
  Fail(absl::InvalidArgumentError(absl::StrCat("'", name, "' is asked for as an input ", type.ToString(), " but is ",
                                               value.type.ToString(), " already")));
  return kNoValue;
}

ValueId Builder::Weight(const std::string& name, ops::TensorType type, WeightSource source) {
  if (!ok()) return kNoValue;
  const std::string full = scope_.empty() ? name : absl::StrCat(scope_, ".", name);
  const ValueId known = module_.main.Find(full);
  if (known == kNoValue) {
    const ValueId id = AddValue({.type = std::move(type), .role = Role::kWeight, .name = full});
    module_.weights.push_back({id, std::move(source)});
    return id;
  }
  for (const graph::Weight& weight : module_.weights) {
    const bool same = weight.value == known && module_.main.values[known].type == type && weight.source == source;
    if (same) return known;
  }
  Fail(absl::InvalidArgumentError(absl::StrCat("two different values are named '", full, "'")));
  return kNoValue;
}

ValueId Builder::Table(const std::string& name, std::vector<float> values) {
  ops::TensorType type{packing::Find("f32"), {ops::Dim(static_cast<int64_t>(values.size()))}, ""};
  return Weight(name, std::move(type), {.values = std::move(values)});
}

std::vector<ValueId> Builder::Apply(absl::string_view name, const std::vector<Arg>& args, ops::Attrs attrs) {
  const ops::OpDef* op = ops::FindOp(name);
  std::vector<ValueId> failed(op == nullptr || op->outputs.empty() ? 1 : op->outputs.size(), kNoValue);
  if (!ok()) return failed;
  if (op == nullptr) return Fail(absl::InvalidArgumentError(absl::StrCat("no op is called '", name, "'"))), failed;
  Node node{.op = op, .attrs = DropDefaults(*op, attrs), .scope = scope_};
  absl::Status placed = PlaceArgs(*op, args, &node);
  if (!placed.ok()) return Fail(std::move(placed)), failed;
  absl::StatusOr<ops::Signature> s = InferNode(module_.main, node);
  if (!s.ok()) return Fail(s.status()), failed;
  for (const ops::Slot& slot : op->outputs) {
    Value value{.type = s->Out(slot.name)};
    if (!slot.alias_of.empty()) {
      const ValueId state = node.inputs[op->FindInput(slot.alias_of) - op->inputs.data()];
      const Value& before = module_.main.values[state];
      value.role = Role::kState;
      value.name = before.name;
      value.alias_of = before.alias_of == kNoValue ? state : before.alias_of;
    }
    node.outputs.push_back(AddValue(std::move(value)));
  }
  module_.main.nodes.push_back(std::move(node));
  return module_.main.nodes.back().outputs;
}

ValueId Builder::Apply1(absl::string_view op, const std::vector<Arg>& args, ops::Attrs attrs) {
  return Apply(op, args, std::move(attrs))[0];
}

int Builder::AddPagedGroup(const std::string& name, int64_t block_tokens) {
  if (block_tokens <= 0) {
    Fail(absl::InvalidArgumentError(absl::StrCat("state group '", name, "' has blocks of ", block_tokens, " tokens")));
  }
  module_.state_groups.push_back({.name = name, .kind = "paged", .block_tokens = block_tokens});
  return static_cast<int>(module_.state_groups.size() - 1);
}

ValueId Builder::State(int group, const std::string& name, ops::TensorType type) {
  const std::string full = absl::StrCat(scope_, scope_.empty() ? "" : ".", module_.state_groups[group].name, ".", name);
  if (module_.main.Find(full) != kNoValue) {
    Fail(absl::InvalidArgumentError(absl::StrCat("'", full, "' exists; each attention needs a scope of its own")));
    return kNoValue;
  }
  const ValueId id = AddValue({.type = std::move(type), .role = Role::kState, .name = full});
  module_.state_groups[group].states.push_back(id);
  return id;
}

ValueId Builder::AppendAndAttend(int group, ValueId q, ValueId k, ValueId v, const char* kv_packing,
                                 ops::Attrs attention, ValueId sinks) {
  if (!ok()) return kNoValue;
  const packing::Packing* packing = packing::Find(kv_packing);
  if (group < 0 || group >= static_cast<int>(module_.state_groups.size()) || packing == nullptr) {
    Fail(absl::InvalidArgumentError(
        absl::StrCat("no state group ", group, ", or unknown cache type '", kv_packing, "'")));
    return kNoValue;
  }
  if (type(k).rank() != 3 || type(v).rank() != 3) {
    Fail(absl::InvalidArgumentError(absl::StrCat("attention: k is ", type(k).ToString(), " and v is ",
                                                 type(v).ToString(), ", want [n, heads, d]")));
    return kNoValue;
  }
  for (const ValueId of : {k, v}) {
    const ops::Dim d_head = type(of).dims[2];
    if (d_head.value % packing->block_elems == 0) continue;
    Fail(absl::InvalidArgumentError(absl::StrCat("a KV cache of ", kv_packing, " has blocks of ", packing->block_elems,
                                                 " elements, and the heads of this model have ", d_head.ToString(),
                                                 "; use --kv-type f16")));
    return kNoValue;
  }
  const StateGroup& kind = module_.state_groups[group];
  const ops::Dim n_tokens = ops::Dim::Symbol(ops::kNTokens), n_seqs = ops::Dim::Symbol(ops::kNSeqs);
  const ValueId slots = Input(kind.name + ".slots", {n_tokens});
  const ValueId table = Input(kind.name + ".block_table", {n_seqs, ops::Dim::Symbol(ops::kMaxBlocks)});
  const ValueId q_start = Input("q_start", {ops::Dim::Symbol(ops::kNSeqs, 1)}), kv_len = Input("kv_len", {n_seqs});
  const auto cache = [&](const char* name, ValueId of) {
    const ops::TensorType& t = type(of);
    return State(group, name,
                 {packing, {ops::Dim::Symbol(ops::kNBlocks), t.dims[1], kind.block_tokens, t.dims[2]}, "kv.paged/1"});
  };
  const ValueId k_cache = cache("k", k), v_cache = cache("v", v);
  const std::vector<ValueId> after =
      Apply("kv_append", {{"k", k}, {"v", v}, {"k_cache", k_cache}, {"v_cache", v_cache}, {"slots", slots}});
  if (!ok()) return kNoValue;
  return Apply1("attention",
                {{"q", q},
                 {"k_cache", after[0]},
                 {"v_cache", after[1]},
                 {"block_table", table},
                 {"q_start", q_start},
                 {"kv_len", kv_len},
                 {"sinks", sinks}},
                std::move(attention));
}

void Builder::Output(const std::string& name, ValueId value) {
  if (ok()) module_.main.outputs.push_back({name, value});
}

const ops::TensorType& Builder::type(ValueId value) const {
  static const auto* empty = new ops::TensorType;
  return value < 0 || value >= static_cast<ValueId>(module_.main.values.size()) ? *empty
                                                                                : module_.main.values[value].type;
}

absl::StatusOr<Module> Builder::Finish() {
  if (!ok()) return status_;
  if (module_.main.outputs.empty()) Fail(absl::InvalidArgumentError("the graph has no output"));
  for (const NamedOutput& output : module_.main.outputs) {
    if (type(output.value).packing == nullptr) {
      Fail(absl::InvalidArgumentError(absl::StrCat("output '", output.name, "' is no value of the graph")));
    }
  }
  if (!ok()) return status_;
  Module module = module_;
  Prune(&module);
  CONCORD_RETURN_IF_ERROR(Annotated(Validate(module)));
  return module;
}

}  // namespace concord::graph

#include "runtime/graph/proto.h"

#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/stubs/logging.h>
#include <google/protobuf/text_format.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "runtime/graph/graph.pb.h"

namespace concord::graph {
namespace {

constexpr uint32_t kFormat = 1;
constexpr int kMaxSymbols = 256;
constexpr int kMaxItems = 1 << 16;         // values or nodes
constexpr size_t kMaxNameBytes = 1 << 12;  // of anything
constexpr int kMaxDepth = 8;               // messages within messages; the format needs 4

absl::Status Invalid(const std::string& message) { return absl::InvalidArgumentError(message); }

absl::Status CheckName(const std::string& name, const char* what) {
  if (name.size() <= kMaxNameBytes) return absl::OkStatus();
  return Invalid(absl::StrCat(what, " has ", name.size(), " bytes, at most ", kMaxNameBytes, " are allowed"));
}

// A number in the text of a dim; digits only, so that equal dims have one text.
bool ParseNumber(absl::string_view text, int64_t* out) {
  for (char c : text) {
    if (c < '0' || c > '9') return false;
  }
  return absl::SimpleAtoi(text, out);
}

absl::StatusOr<ops::Dim> ParseDim(const Graph& graph, absl::string_view text) {
  int64_t number = 0;
  if (ParseNumber(text, &number)) return ops::Dim(number);
  const size_t sign = text.find_first_of("+-");
  const absl::string_view name = text.substr(0, sign);
  if (sign != text.npos && !ParseNumber(text.substr(sign + 1), &number)) {
    return Invalid(absl::StrCat("the dim '", text, "' is no number, symbol, or symbol+number"));
  }
  for (const Symbol& symbol : graph.symbols) {
    if (name != symbol.name) continue;
    return ops::Dim::Symbol(symbol.name.c_str(), sign != text.npos && text[sign] == '-' ? -number : number);
  }
  return Invalid(absl::StrCat("the dim '", text, "' names no declared symbol"));
}

// The inverse of TensorType::ToString: "f32[n_tokens, 4096]".
absl::StatusOr<ops::TensorType> ParseType(const Graph& graph, const std::string& text) {
  CONCORD_RETURN_IF_ERROR(CheckName(text, "type"));
  const absl::string_view view = text;
  const size_t bracket = view.find('[');
  if (bracket == view.npos || view.back() != ']') {
    return Invalid(absl::StrCat("the type '", text, "' does not read like f32[n_tokens, 4096]"));
  }
  ops::TensorType type;
  type.packing = packing::Find(text.substr(0, bracket).c_str());
  if (type.packing == nullptr) {
    return absl::UnimplementedError(absl::StrCat("the packing of the type '", text, "' is not known"));
  }
  for (absl::string_view part : absl::StrSplit(view.substr(bracket + 1, view.size() - bracket - 2), ',')) {
    CONCORD_ASSIGN_OR_RETURN(ops::Dim dim, ParseDim(graph, absl::StripAsciiWhitespace(part)));
    type.dims.push_back(dim);
  }
  return type;
}

absl::StatusOr<ValueId> ReadId(uint32_t id, size_t n_values) {
  if (id < n_values) return static_cast<ValueId>(id);
  return Invalid(absl::StrCat("value ", id, " is absent, there are ", n_values));
}

absl::StatusOr<Value> ReadValue(const Graph& graph, const v1::Value& from, size_t n_values) {
  Value value;
  CONCORD_RETURN_IF_ERROR(CheckName(from.name(), "name"));
  value.name = from.name();
  switch (from.role()) {
    case v1::INTERMEDIATE:
      value.role = Role::kIntermediate;
      break;
    case v1::INPUT:
      value.role = Role::kInput;
      break;
    case v1::WEIGHT:
      value.role = Role::kWeight;
      break;
    case v1::STATE:
      value.role = Role::kState;
      break;
    default:
      return Invalid(absl::StrCat("role ", from.role(), " is not known"));
  }
  CONCORD_ASSIGN_OR_RETURN(value.type, ParseType(graph, from.type()));
  CONCORD_RETURN_IF_ERROR(CheckName(from.layout(), "layout"));
  value.type.layout = from.layout();
  if (from.has_alias_of()) {
    CONCORD_ASSIGN_OR_RETURN(value.alias_of, ReadId(from.alias_of(), n_values));
  }
  if (from.has_source() != (value.role == Role::kWeight)) return Invalid("weights have a source, others have none");
  return value;
}

WeightSource ReadSource(const v1::WeightSource& from) {
  return {.tensor = from.tensor(),
          .stack = {from.stack().begin(), from.stack().end()},
          .transpose = from.transpose(),
          .add = from.add(),
          .row_begin = from.row_begin(),
          .row_count = from.has_row_count() ? from.row_count() : -1,
          .values = {from.values().begin(), from.values().end()}};
}

// Bindings by slot name → ids in slot order.
template <typename Bindings>
absl::Status ReadBindings(const Bindings& from, const std::vector<ops::Slot>& slots, size_t n_values,
                          std::vector<ValueId>* out) {
  out->assign(slots.size(), kNoValue);
  for (const v1::Binding& binding : from) {
    size_t i = 0;
    while (i < slots.size() && slots[i].name != binding.slot()) ++i;
    if (i == slots.size()) return Invalid(absl::StrCat("no slot '", binding.slot(), "'"));
    if ((*out)[i] != kNoValue) return Invalid(absl::StrCat("slot '", binding.slot(), "' is given twice"));
    CONCORD_ASSIGN_OR_RETURN((*out)[i], ReadId(binding.value(), n_values));
  }
  return absl::OkStatus();
}

absl::Status ReadAttrs(const v1::Node& from, ops::Attrs* attrs) {
  for (const v1::Attr& attr : from.attrs()) {
    if (attrs->Find(attr.key()) != nullptr) return Invalid(absl::StrCat("attribute '", attr.key(), "' is given twice"));
    switch (attr.value_case()) {
      case v1::Attr::kI:
        attrs->Set(attr.key(), attr.i());
        break;
      case v1::Attr::kF:
        attrs->Set(attr.key(), attr.f());
        break;
      case v1::Attr::kS:
        attrs->Set(attr.key(), attr.s());
        break;
      default:
        return Invalid(absl::StrCat("attribute '", attr.key(), "' has no value"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Node> ReadNode(const v1::Node& from, size_t n_values) {
  Node node;
  node.op = ops::FindOp(from.op());
  if (node.op == nullptr) return absl::UnimplementedError(absl::StrCat("the op '", from.op(), "' is not known"));
  const uint32_t version = from.version() == 0 ? 1 : from.version();
  if (version != static_cast<uint32_t>(node.op->version)) {
    return absl::UnimplementedError(
        absl::StrCat("it uses version ", version, " of ", from.op(), ", this Concord has ", node.op->version));
  }
  CONCORD_RETURN_IF_ERROR(Annotate(ReadBindings(from.inputs(), node.op->inputs, n_values, &node.inputs), from.op()));
  CONCORD_RETURN_IF_ERROR(Annotate(ReadBindings(from.outputs(), node.op->outputs, n_values, &node.outputs), from.op()));
  CONCORD_RETURN_IF_ERROR(Annotate(ReadAttrs(from, &node.attrs), from.op()));
  CONCORD_RETURN_IF_ERROR(CheckName(from.scope(), "scope"));
  node.scope = from.scope();
  return node;
}

absl::Status CheckCounts(const v1::Module& from) {
  if (from.format() != kFormat) {
    return absl::UnimplementedError(
        absl::StrCat("the graph has format ", from.format(), ", this Concord reads ", kFormat));
  }
  if (from.symbols_size() > kMaxSymbols || from.values_size() > kMaxItems || from.nodes_size() > kMaxItems) {
    return Invalid(absl::StrCat("the graph has ", from.symbols_size(), " symbols, ", from.values_size(), " values and ",
                                from.nodes_size(), " nodes; at most ", kMaxSymbols, " and ", kMaxItems,
                                " are allowed"));
  }
  if (from.outputs_size() == 0) return Invalid("the graph has no output; a file that is cut off has none");
  return CheckName(from.name(), "name");
}

absl::Status ReadSymbols(const v1::Module& from, Graph* graph) {
  for (const v1::Symbol& symbol : from.symbols()) {
    CONCORD_RETURN_IF_ERROR(CheckName(symbol.name(), "symbol"));
    graph->symbols.push_back({symbol.name(), symbol.min(), symbol.has_max() ? symbol.max() : INT32_MAX});
  }
  return absl::OkStatus();
}

absl::Status ReadGraph(const v1::Module& from, Module* module) {
  Graph& graph = module->main;
  graph.name = from.name();
  CONCORD_RETURN_IF_ERROR(ReadSymbols(from, &graph));
  const auto n_values = static_cast<size_t>(from.values_size());
  for (const v1::Value& value : from.values()) {
    const auto id = static_cast<ValueId>(graph.values.size());
    absl::StatusOr<Value> read = ReadValue(graph, value, n_values);
    if (!read.ok()) return Annotate(read.status(), absl::StrCat("values[", id, "]"));
    if (read->role == Role::kWeight) module->weights.push_back({id, ReadSource(value.source())});
    graph.values.push_back(*std::move(read));
  }
  for (const v1::Node& node : from.nodes()) {
    absl::StatusOr<Node> read = ReadNode(node, n_values);
    if (!read.ok()) return Annotate(read.status(), absl::StrCat("nodes[", graph.nodes.size(), "]"));
    graph.nodes.push_back(*std::move(read));
  }
  for (const v1::Output& output : from.outputs()) {
    CONCORD_ASSIGN_OR_RETURN(const ValueId id, ReadId(output.value(), n_values));
    graph.outputs.push_back({output.name(), id});
  }
  return absl::OkStatus();
}

absl::StatusOr<Module> ReadModule(const v1::Module& from) {
  CONCORD_RETURN_IF_ERROR(CheckCounts(from));
  Module module;
  CONCORD_RETURN_IF_ERROR(ReadGraph(from, &module));
  for (const v1::StateGroup& group : from.state_groups()) {
    StateGroup& to = module.state_groups.emplace_back();
    to.name = group.name(), to.kind = group.kind(), to.window = group.window(), to.block_tokens = group.block_tokens();
    for (uint32_t id : group.states()) {
      CONCORD_ASSIGN_OR_RETURN(const ValueId state, ReadId(id, module.main.values.size()));
      to.states.push_back(state);
    }
  }
  module.n_vocab = from.n_vocab();
  module.max_context = from.max_context();
  CONCORD_RETURN_IF_ERROR(Validate(module));
  return module;
}

v1::Role WriteRole(Role role) {
  switch (role) {
    case Role::kInput:
      return v1::INPUT;
    case Role::kWeight:
      return v1::WEIGHT;
    case Role::kState:
      return v1::STATE;
    case Role::kIntermediate:
      break;
  }
  return v1::INTERMEDIATE;
}

void WriteValue(const Value& value, v1::Value* to) {
  to->set_name(value.name);
  to->set_role(WriteRole(value.role));
  to->set_type(absl::StrCat(value.type.packing->name, ops::ToString(value.type.dims)));
  to->set_layout(value.type.layout);
  if (value.alias_of != kNoValue) to->set_alias_of(static_cast<uint32_t>(value.alias_of));
}

void WriteSource(const WeightSource& source, v1::WeightSource* to) {
  to->set_tensor(source.tensor);
  to->mutable_stack()->Add(source.stack.begin(), source.stack.end());
  to->set_transpose(source.transpose);
  to->set_add(source.add);
  to->set_row_begin(source.row_begin);
  if (source.row_count >= 0) to->set_row_count(source.row_count);
  to->mutable_values()->Add(source.values.begin(), source.values.end());
}

void WriteBinding(const ops::Slot& slot, ValueId id, v1::Binding* to) {
  to->set_slot(slot.name);
  to->set_value(static_cast<uint32_t>(id));
}

void WriteNode(const Node& node, v1::Node* to) {
  to->set_op(node.op->name);
  to->set_version(static_cast<uint32_t>(node.op->version));
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    if (node.inputs[i] != kNoValue) WriteBinding(node.op->inputs[i], node.inputs[i], to->add_inputs());
  }
  for (size_t i = 0; i < node.outputs.size(); ++i)
    WriteBinding(node.op->outputs[i], node.outputs[i], to->add_outputs());
  for (const auto& [key, value] : node.attrs.values()) {
    v1::Attr* attr = to->add_attrs();
    attr->set_key(key);
    if (auto* i = std::get_if<int64_t>(&value)) attr->set_i(*i);
    if (auto* f = std::get_if<double>(&value)) attr->set_f(*f);
    if (auto* s = std::get_if<std::string>(&value)) attr->set_s(*s);
  }
  to->set_scope(node.scope);
}

void WriteGroup(const StateGroup& group, v1::StateGroup* to) {
  to->set_name(group.name);
  to->set_kind(group.kind);
  to->set_window(group.window);
  to->set_block_tokens(group.block_tokens);
  for (ValueId id : group.states) to->add_states(static_cast<uint32_t>(id));
}

v1::Module WriteModule(const Module& module) {
  v1::Module to;
  to.set_format(kFormat);
  to.set_name(module.main.name);
  for (const Symbol& symbol : module.main.symbols) {
    v1::Symbol* s = to.add_symbols();
    s->set_name(symbol.name);
    s->set_min(symbol.min);
    if (symbol.max != INT32_MAX) s->set_max(symbol.max);
  }
  for (const Value& value : module.main.values) WriteValue(value, to.add_values());
  for (const Weight& weight : module.weights)
    WriteSource(weight.source, to.mutable_values(weight.value)->mutable_source());
  for (const Node& node : module.main.nodes) WriteNode(node, to.add_nodes());
  for (const NamedOutput& output : module.main.outputs) {
    v1::Output* o = to.add_outputs();
    o->set_name(output.name);
    o->set_value(static_cast<uint32_t>(output.value));
  }
  for (const StateGroup& group : module.state_groups) WriteGroup(group, to.add_state_groups());
  to.set_n_vocab(module.n_vocab);
  to.set_max_context(module.max_context);
  return to;
}

class FirstError : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, google::protobuf::io::ColumnNumber column, const std::string& message) override {
    if (text_.empty()) text_ = absl::StrCat("line ", line + 1, ", column ", column + 1, ": ", message);
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

absl::Status CheckSize(size_t bytes) {
  if (bytes <= kMaxProtoBytes) return absl::OkStatus();
  return Invalid(absl::StrCat("the graph has ", bytes, " bytes, at most ", kMaxProtoBytes, " are allowed"));
}

}  // namespace

absl::StatusOr<Module> ModuleFromProto(absl::string_view bytes) {
  CONCORD_RETURN_IF_ERROR(CheckSize(bytes.size()));
  google::protobuf::LogSilencer quiet;  // the library would print of bad UTF-8
  google::protobuf::io::ArrayInputStream array(bytes.data(), static_cast<int>(bytes.size()));
  google::protobuf::io::CodedInputStream stream(&array);
  stream.SetRecursionLimit(kMaxDepth);
  v1::Module message;
  if (!message.ParseFromCodedStream(&stream) || !stream.ConsumedEntireMessage()) {
    return Invalid("this is no binary concord.graph.v1.Module, or it is cut off");
  }
  const size_t size = message.ByteSizeLong();
  message.DiscardUnknownFields();
  if (message.ByteSizeLong() != size) {
    return absl::UnimplementedError("the graph has fields that this Concord does not know; a newer one may");
  }
  return ReadModule(message);
}

absl::StatusOr<Module> ModuleFromTextProto(absl::string_view text) {
  CONCORD_RETURN_IF_ERROR(CheckSize(text.size()));
  google::protobuf::LogSilencer quiet;
  google::protobuf::io::ArrayInputStream array(text.data(), static_cast<int>(text.size()));
  google::protobuf::TextFormat::Parser parser;
  FirstError error;
  parser.RecordErrorsTo(&error);
  parser.SetRecursionLimit(kMaxDepth);
  v1::Module message;
  if (!parser.Parse(&array, &message)) return Invalid(error.text());
  // The text parser takes strings that are no UTF-8, which the binary form cannot hold.
  if (!message.ParseFromString(message.SerializeAsString())) return Invalid("a string of the graph is not UTF-8");
  return ReadModule(message);
}

std::string ModuleToProto(const Module& module) {
  google::protobuf::LogSilencer quiet;
  return WriteModule(module).SerializeAsString();
}

std::string ModuleToTextProto(const Module& module) {
  std::string text;
  google::protobuf::TextFormat::Printer printer;
  printer.SetUseShortRepeatedPrimitives(true);
  printer.SetUseUtf8StringEscaping(true);
  printer.PrintToString(WriteModule(module), &text);
  return absl::StrCat("# proto-file: graph.proto\n# proto-message: concord.graph.v1.Module\n", text);
}

}  // namespace concord::graph

#include "runtime/graph/evaluate.h"

#include <new>

namespace concord::graph {
namespace {

absl::Status CheckBound(const Value& value, const std::vector<int64_t>& dims, const ops::TensorView& view) {
  if (view.packing() != value.type.packing || view.dims() != dims) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", value.name, "' is bound to a tensor of another type than ", value.type.ToString()));
  }
  if (view.data() == nullptr && view.size_bytes() > 0) {
    return absl::InvalidArgumentError(absl::StrCat("'", value.name, "' is bound to no memory"));
  }
  return absl::OkStatus();
}

// Memory for a value that nobody bound.
absl::StatusOr<ops::TensorView> Allocate(const Value& value, const std::vector<int64_t>& dims, int64_t bytes,
                                         Evaluation* to) {
  if (value.role != Role::kIntermediate)
    return absl::InvalidArgumentError(absl::StrCat("nothing is bound to '", value.name, "'"));
  if (value.type.packing->encode == nullptr) {
    return absl::UnimplementedError(absl::StrCat("values of type ", value.type.ToString(), " cannot be written"));
  }
  std::unique_ptr<std::byte[]> memory(new (std::nothrow) std::byte[static_cast<size_t>(bytes)]());
  if (memory == nullptr) return absl::ResourceExhaustedError(absl::StrCat("cannot allocate ", bytes, " bytes"));
  to->memory.push_back(std::move(memory));
  return ops::TensorView(value.type.packing, dims, to->memory.back().get());
}

absl::Status BindValues(const Graph& graph, const SymbolValues& symbols, Evaluation* to) {
  for (size_t id = 0; id < graph.values.size(); ++id) {
    const Value& value = graph.values[id];
    ops::TensorView& view = to->values[id];
    if (value.alias_of != kNoValue) continue;
    CONCORD_ASSIGN_OR_RETURN(const std::vector<int64_t> dims, ResolveDims(value.type, symbols));
    CONCORD_ASSIGN_OR_RETURN(const int64_t bytes, ResolveBytes(value.type, symbols));
    if (view.packing() != nullptr) {
      CONCORD_RETURN_IF_ERROR(CheckBound(value, dims, view));
    } else {
      CONCORD_ASSIGN_OR_RETURN(view, Allocate(value, dims, bytes, to));
    }
  }
  for (const Value& value : graph.values) {  // states from outside may stand after their later versions
    if (value.alias_of != kNoValue) to->values[&value - graph.values.data()] = to->values[value.alias_of];
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Evaluation> Evaluate(const Graph& graph, const SymbolValues& symbols, std::vector<ops::TensorView> bound,
                                    const std::vector<std::string>& arithmetic) {
  if (bound.size() != graph.values.size() || (!arithmetic.empty() && arithmetic.size() != graph.nodes.size())) {
    return absl::InvalidArgumentError(absl::StrCat(bound.size(), " views and ", arithmetic.size(),
                                                   " arithmetics are given for ", graph.values.size(), " values and ",
                                                   graph.nodes.size(), " nodes"));
  }
  Evaluation result{.values = std::move(bound)};
  CONCORD_RETURN_IF_ERROR(BindValues(graph, symbols, &result));
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    const Node& node = graph.nodes[n];
    ops::RefArgs args(*node.op, arithmetic.empty() ? "f32" : arithmetic[n]);
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      if (node.inputs[i] != kNoValue) args.Set(node.op->inputs[i].name, result.values[node.inputs[i]]);
    }
    for (size_t i = 0; i < node.outputs.size(); ++i) args.Set(node.op->outputs[i].name, result.values[node.outputs[i]]);
    node.op->reference(node.op->Complete(node.attrs), args);
  }
  return result;
}

}  // namespace concord::graph

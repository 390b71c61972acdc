#include "runtime/exec/compile.h"

#include <algorithm>

#include "runtime/exec/from_device.h"
#include "runtime/graph/fuse.h"

namespace concord::exec {
namespace {

using graph::Graph;
using graph::kNoValue;
using graph::Role;

// Whether the node multiplies with a weight whose elements come in blocks: only there do the arithmetics differ.
bool ReadsQuantisedWeight(const Graph& graph, const graph::Node& node) {
  return std::any_of(node.inputs.begin(), node.inputs.end(), [&](graph::ValueId id) {
    return id != kNoValue && graph.value(id).role == Role::kWeight && graph.value(id).type.packing->block_elems > 1;
  });
}

using Words = std::vector<std::string>;

// Whether the device computes a node as it stands in `program`.
absl::StatusOr<hal::Support> Ask(const hal::Device& device, const graph::LoweredProgram& program, size_t node) {
  return FromDevice(device.QueryOp(program.desc(), static_cast<uint32_t>(node)));
}

// The arithmetic of every node: the fast one where it is allowed and the device has it, else f32.
absl::StatusOr<Words> ChooseArithmetic(const hal::Device& device, const Graph& graph, bool fast) {
  Words words(graph.nodes.size(), "f32"), wished = words;
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    if (fast && ReadsQuantisedWeight(graph, graph.nodes[n])) wished[n] = "int8/32";
  }
  CONCORD_ASSIGN_OR_RETURN(const graph::LoweredProgram exact,
                           graph::LoweredProgram::Lower(graph, graph::WholeGraph(graph), words));
  CONCORD_ASSIGN_OR_RETURN(const graph::LoweredProgram quick,
                           graph::LoweredProgram::Lower(graph, graph::WholeGraph(graph), wished));
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    if (wished[n] != "f32") {
      CONCORD_ASSIGN_OR_RETURN(const hal::Support support, Ask(device, quick, n));
      if (support.ok()) {
        words[n] = wished[n];
        continue;
      }
    }
    CONCORD_ASSIGN_OR_RETURN(const hal::Support support, Ask(device, exact, n));
    if (!support.ok()) {
      return absl::UnavailableError(absl::StrCat(
          device.id(), " cannot compute ", graph::NodeLabel(graph, static_cast<int32_t>(n)), ": ", support.reason));
    }
  }
  return words;
}

// Whether the device takes a fused op, in any arithmetic that it may be computed in.
bool TakesFused(const hal::Device& device, const Graph& candidate, bool fast) {
  return ChooseArithmetic(device, candidate, fast).ok();
}

}  // namespace

absl::StatusOr<CompiledModule> CompileModule(graph::Module* module, const hal::Device& device,
                                             const std::string& compute) {
  const bool fast = compute == "fast";
  const graph::Accepts accepts = [&](const Graph& candidate, int32_t) { return TakesFused(device, candidate, fast); };
  CONCORD_RETURN_IF_ERROR(graph::Unfuse(accepts, module).status());
  CONCORD_RETURN_IF_ERROR(graph::Fuse(accepts, module).status());
  const Graph& graph = module->main;
  CONCORD_ASSIGN_OR_RETURN(Words words, ChooseArithmetic(device, graph, fast));
  CONCORD_ASSIGN_OR_RETURN(graph::LoweredProgram lowered,
                           graph::LoweredProgram::Lower(graph, graph::WholeGraph(graph), words));
  CONCORD_ASSIGN_OR_RETURN(hal::Program program, FromDevice(device.Compile(lowered.desc())));
  return CompiledModule{std::move(lowered), std::move(words), std::move(program)};
}

}  // namespace concord::exec

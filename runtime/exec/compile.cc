#include "runtime/exec/compile.h"

#include <algorithm>

#include "runtime/base/packing/int8_rows.h"
#include "runtime/exec/from_device.h"
#include "runtime/graph/fuse.h"

namespace concord::exec {

namespace {

using graph::Graph;
using graph::kNoValue;
using graph::Role;

// What a node's weights make worth asking for beside f32, the best first: of weights in blocks, or else of the last.
std::vector<const char*> FastArithmeticsOf(const Graph& graph, const graph::Node& node) {
  std::vector<const char*> fast;
  for (const graph::ValueId id : node.inputs) {
    if (id == kNoValue || graph.value(id).role != Role::kWeight) continue;
    const packing::Packing& packing = *graph.value(id).type.packing;
    fast = packing::FastArithmetics(packing);
    if (packing.block_elems > 1) return fast;
  }
  return fast;
}

using Words = std::vector<std::string>;

// Whether the device computes a node as it stands in `program`.
absl::StatusOr<hal::Support> Ask(const hal::Device& device, const graph::LoweredProgram& program, size_t node) {
  return FromDevice(device.QueryOp(program.desc(), static_cast<uint32_t>(node)));
}

struct Refusal {
  int32_t node;
  std::string reason;
};

struct Choice {
  Words words;  // by node
  std::vector<Refusal> refusals;
};

// The arithmetic of every node: the first fast one at which the device is no slower, where one is allowed, else f32.
absl::StatusOr<Choice> ChooseArithmetic(const hal::Device& device, const Graph& graph, bool fast) {
  const size_t nodes = graph.nodes.size();
  Words words(nodes, "f32");
  std::vector<hal::Support> exact(nodes);
  std::vector<std::vector<const char*>> wishes(nodes);
  size_t most_wishes = 0;
  CONCORD_ASSIGN_OR_RETURN(const graph::LoweredProgram in_f32,
                           graph::LoweredProgram::Lower(graph, graph::WholeGraph(graph), words));
  for (size_t n = 0; n < nodes; ++n) {
    CONCORD_ASSIGN_OR_RETURN(exact[n], Ask(device, in_f32, n));
    if (fast) wishes[n] = FastArithmeticsOf(graph, graph.nodes[n]);
    most_wishes = std::max(most_wishes, wishes[n].size());
  }
  for (size_t wish = 0; wish < most_wishes; ++wish) {
    Words asked = words;
    for (size_t n = 0; n < nodes; ++n) {
      if (words[n] == "f32" && wish < wishes[n].size()) asked[n] = wishes[n][wish];
    }
    if (asked == words) break;
    CONCORD_ASSIGN_OR_RETURN(const graph::LoweredProgram quick,
                             graph::LoweredProgram::Lower(graph, graph::WholeGraph(graph), asked));
    for (size_t n = 0; n < nodes; ++n) {
      if (asked[n] == words[n]) continue;
      CONCORD_ASSIGN_OR_RETURN(const hal::Support faster, Ask(device, quick, n));
      if (faster.ok() && faster.level >= exact[n].level) words[n] = asked[n];
    }
  }
  std::vector<Refusal> refusals;
  for (size_t n = 0; n < nodes; ++n) {
    if (words[n] == "f32" && !exact[n].ok()) refusals.push_back({static_cast<int32_t>(n), exact[n].reason});
  }
  return Choice{std::move(words), std::move(refusals)};
}

// Whether the device takes the nodes of `candidate`, each in any arithmetic that it may be computed in.
bool Takes(const hal::Device& device, const Graph& candidate, bool fast) {
  const absl::StatusOr<Choice> choice = ChooseArithmetic(device, candidate, fast);
  return choice.ok() && choice->refusals.empty();
}

absl::StatusOr<Choice> FuseAndChoose(const hal::Device& device, bool fast, graph::Module* module) {
  const graph::Accepts accepts = [&](const Graph& candidate, int32_t) { return Takes(device, candidate, fast); };
  CONCORD_RETURN_IF_ERROR(graph::Unfuse(accepts, module).status());
  CONCORD_RETURN_IF_ERROR(graph::Fuse(accepts, module).status());
  return ChooseArithmetic(device, module->main, fast);
}

}  // namespace

absl::StatusOr<CompiledModule> CompileModule(graph::Module* module, const hal::Device& device,
                                             const std::string& compute) {
  const bool fast = compute == "fast";
  const TakesNode takes = [&](const Graph& candidate) { return Takes(device, candidate, fast); };
  CONCORD_ASSIGN_OR_RETURN(Choice choice, FuseAndChoose(device, fast, module));
  const Graph& graph = module->main;
  std::vector<DecodedWeight> decoded;
  while (!choice.refusals.empty()) {
    bool changed = false;
    for (const Refusal& refusal : choice.refusals) {
      changed |= DecodeWeightsOf(refusal.node, refusal.reason, takes, &module->main, &decoded);
    }
    if (!changed) {
      const Refusal& first = choice.refusals.front();
      return absl::UnavailableError(
          absl::StrCat(device.id(), " cannot compute ", graph::NodeLabel(graph, first.node), ": ", first.reason));
    }
    // Other types, other fusions. Ends: a weight goes to f16 and from there to f32, never back.
    CONCORD_ASSIGN_OR_RETURN(choice, FuseAndChoose(device, fast, module));
  }
  CONCORD_ASSIGN_OR_RETURN(graph::LoweredProgram lowered,
                           graph::LoweredProgram::Lower(graph, graph::WholeGraph(graph), choice.words));
  CONCORD_ASSIGN_OR_RETURN(hal::Program program, FromDevice(device.Compile(lowered.desc())));
  return CompiledModule{std::move(lowered), std::move(choice.words), std::move(decoded), std::move(program)};
}

std::optional<std::string> WhyRefused(const Graph& graph, int32_t node, const hal::Device& device,
                                      const std::string& compute) {
  const bool fast = compute == "fast";
  Graph alone = graph::ExtractNode(graph, graph.nodes[node]);
  const absl::StatusOr<Choice> choice = ChooseArithmetic(device, alone, fast);
  if (!choice.ok()) return std::string(choice.status().message());
  if (choice->refusals.empty()) return std::nullopt;
  const std::string& reason = choice->refusals.front().reason;
  const TakesNode takes = [&](const Graph& candidate) { return Takes(device, candidate, fast); };
  std::vector<DecodedWeight> decoded;
  if (DecodeWeightsOf(0, reason, takes, &alone, &decoded)) return std::nullopt;
  // A fused op that came with the model is taken apart where the device wants it so.
  graph::Module parts{.main = std::move(alone)};
  const absl::StatusOr<int> taken_apart = graph::Unfuse([](const Graph&, int32_t) { return false; }, &parts);
  if (!taken_apart.ok() || *taken_apart == 0) return reason;
  for (size_t n = 0; n < parts.main.nodes.size(); ++n) {
    if (WhyRefused(parts.main, static_cast<int32_t>(n), device, compute)) return reason;
  }
  return std::nullopt;
}

}  // namespace concord::exec

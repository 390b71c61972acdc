#include "runtime/exec/decoded_weights.h"

#include <algorithm>
#include <cstring>
#include <map>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "runtime/graph/fuse.h"
#include "runtime/graph/sizes.h"

namespace concord::exec {
namespace {

using graph::Graph;
using graph::kNoValue;
using graph::Role;
using graph::ValueId;

// Whether decoding to `to` changes the type of a weight and keeps what it means: blocks and narrower floats.
bool CanBecome(const packing::Packing& from, const packing::Packing& to) {
  if (&from == &to) return false;
  return from.block_elems > 1 || std::strcmp(from.name, "bf16") == 0 ||
         (std::strcmp(from.name, "f16") == 0 && std::strcmp(to.name, "f32") == 0);
}

// The weights of a node that would be retyped.
std::vector<ValueId> PackedWeights(const Graph& graph, const graph::Node& node, const packing::Packing& to) {
  std::vector<ValueId> ids;
  for (const ValueId id : node.inputs) {
    if (id == kNoValue || graph.value(id).role != Role::kWeight) continue;
    if (CanBecome(*graph.value(id).type.packing, to)) ids.push_back(id);
  }
  return ids;
}

void Record(const graph::Value& value, const packing::Packing& to, const std::string& reason,
            std::vector<DecodedWeight>* decoded) {
  auto it = std::find_if(decoded->begin(), decoded->end(), [&](const auto& d) { return d.name == value.name; });
  if (it == decoded->end()) {
    it = decoded->insert(it, {.name = value.name, .from = value.type.packing, .reason = reason});
  }
  ops::TensorType before = value.type, after = value.type;
  before.packing = it->from;
  after.packing = it->to = &to;
  // Dims of weights are constants that fill whole blocks: the graph has been validated.
  it->extra_bytes = graph::ResolveBytes(after, {}).value_or(0) - graph::ResolveBytes(before, {}).value_or(0);
}

}  // namespace

bool DecodeWeightsOf(int32_t node, const std::string& reason, const TakesNode& takes, Graph* graph,
                     std::vector<DecodedWeight>* decoded) {
  // A reader of the same weights may have been helped meanwhile, and this node with it.
  if (takes(graph::ExtractNode(*graph, graph->nodes[node]))) return false;
  for (const char* name : {"f16", "f32"}) {
    const packing::Packing& to = *packing::Find(name);
    const std::vector<ValueId> ids = PackedWeights(*graph, graph->nodes[node], to);
    if (ids.empty()) continue;
    Graph candidate = graph::ExtractNode(*graph, graph->nodes[node]);
    for (const ValueId id : PackedWeights(candidate, candidate.nodes[0], to)) candidate.values[id].type.packing = &to;
    if (!takes(candidate)) continue;
    for (const ValueId id : ids) {
      Record(graph->values[id], to, reason, decoded);
      graph->values[id].type.packing = &to;
    }
    return true;
  }
  return false;
}

std::string DecodedSentence(const std::vector<DecodedWeight>& decoded, absl::string_view device) {
  if (decoded.empty()) return "";
  std::map<std::string, int64_t> counts;
  int64_t extra = 0;
  for (const DecodedWeight& weight : decoded) {
    ++counts[weight.to->name];
    extra += weight.extra_bytes;
  }
  const std::string what = absl::StrJoin(counts, " and ", [](std::string* out, const auto& entry) {
    absl::StrAppend(out, entry.second, entry.second == 1 ? " tensor" : " tensors", " decoded to ", entry.first);
  });
  return absl::StrFormat("%s for %s: %+.1f MiB (%s)", what, device, static_cast<double>(extra) / (1 << 20),
                         decoded.front().reason);
}

}  // namespace concord::exec

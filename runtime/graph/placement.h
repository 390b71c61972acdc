#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/graph/graph.h"

namespace concord::graph {

// What of a model a node belongs to: its layer, or what stands before the first and after the last of them.
struct Unit {
  static constexpr int64_t kEmbed = -1, kOutput = INT64_MAX;
  int64_t layer = kEmbed;
  // One of the layer's experts: linear_experts, what only they read and give between two of them, and the sum of what
  // they give, so that one row a token goes there and one comes back.
  bool expert = false;
};

// By node. `after_layers`: the graph is a part of a model whose layers, or some of them, are in parts before it. A
// graph without scopes "layers.N" is all kEmbed, or then all kOutput.
std::vector<Unit> UnitsOf(const Graph& graph, bool after_layers = false);
int64_t LayerCount(const Graph& graph);

// Units as a row: 0 is what comes before the layers, 1 + N layer N, the last what comes after.
size_t UnitIndex(const Unit& unit, int64_t layers);
// "embed, layers 0-7" for those that are marked, by unit index.
std::string UnitsText(const std::vector<bool>& marked);
// The rules that place units so, each on the device of that name: what --place would be given.
std::string PlacementText(const std::vector<int32_t>& device_of_unit, const std::vector<std::string>& devices);

// One rule of --place.
struct PlaceRule {
  enum class What { kAll, kLayers, kExperts, kEmbed, kOutput };
  What what = What::kAll;
  int64_t first = 0, last = 0;  // layers, both included
  std::string device;           // as it was written: "vulkan:0"
  size_t position = 0;          // of the rule in the text, in bytes

  bool operator==(const PlaceRule&) const = default;
};

// "layers 0-7=vulkan:0; layers 8-15=opencl:0; *=cpu". A rule is WHAT=DEVICE; WHAT is "layers N", "layers N-M",
// "experts", "embed", "output" or "*". InvalidArgument names the position and what was expected there.
absl::StatusOr<std::vector<PlaceRule>> ParsePlacement(const std::string& text);

// The index in `rules` that decides each node: the first rule that names it more closely than "*", else "*".
// InvalidArgument: a rule that names no layer of this model, or parts of it that no rule names.
absl::StatusOr<std::vector<int32_t>> ApplyPlacement(const Graph& graph, const std::vector<PlaceRule>& rules);

}  // namespace concord::graph

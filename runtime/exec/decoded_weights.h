#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "runtime/graph/graph.h"

namespace concord::exec {

// A weight whose packing the device takes in no arithmetic: it is decoded at load to one that the device does take.
struct DecodedWeight {
  std::string name;  // of the graph's value
  const packing::Packing* from = nullptr;
  const packing::Packing* to = nullptr;
  int64_t extra_bytes = 0;  // more than in the file
  std::string reason;       // the device's, for what it was asked first
};

// Whether the device computes the one node of `candidate`.
using TakesNode = std::function<bool(const graph::Graph& candidate)>;

// For a node that the device refused with `reason`: gives its packed weights the type f16, or f32 where only that is
// taken, if the node is taken then; all other readers of these weights see them so as well. False: nothing was changed,
// since that is no help or is no longer needed.
bool DecodeWeightsOf(int32_t node, const std::string& reason, const TakesNode& takes, graph::Graph* graph,
                     std::vector<DecodedWeight>* decoded);

// "12 tensors decoded to f16 for vulkan:0: +35.0 MiB (linear takes ..., not q4_k)". Empty when there are none.
std::string DecodedSentence(const std::vector<DecodedWeight>& decoded, absl::string_view device);

}  // namespace concord::exec

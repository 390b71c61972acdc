#include "runtime/graph/device_model.h"

#include <algorithm>

namespace concord::graph {
namespace {

double At(double amount, double per_second) { return per_second > 0 ? amount / per_second : 0; }

// That of the weight, else of the state, else "".
absl::string_view PackingOf(const Graph& graph, const Node& node) {
  for (const Role role : {Role::kWeight, Role::kState}) {
    for (const ValueId id : node.inputs) {
      if (id != kNoValue && graph.value(id).role == role) return graph.value(id).type.packing->name;
    }
  }
  return "";
}

}  // namespace

const Rate& DeviceModel::RateOf(absl::string_view op, absl::string_view packing, absl::string_view arithmetic) const {
  static const Rate unlimited;
  const std::string typed = absl::StrCat(op, "/", packing);
  for (const std::string& key : {absl::StrCat(typed, "/", arithmetic), typed, std::string(op), std::string()}) {
    if (const auto found = rates.find(key); found != rates.end()) return found->second;
  }
  return unlimited;
}

double DeviceModel::Seconds(const Graph& graph, const Node& node, absl::string_view arithmetic,
                            const NodeCost& cost) const {
  const Rate& rate = RateOf(node.op->name, PackingOf(graph, node), arithmetic);
  return op_seconds + std::max(At(cost.bytes(), rate.bytes_per_second), At(cost.flops, rate.flops_per_second));
}

double DeviceModel::CopySeconds(double bytes) const {
  return copy_bytes_per_second > 0 ? copy_seconds + bytes / copy_bytes_per_second : 0;
}

}  // namespace concord::graph

#include "runtime/graph/device_model.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/match.h"
#include "absl/strings/strip.h"

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

// What the packing of a key takes, in bytes an element; 0 for none.
double ElemBytes(absl::string_view packing) {
  const packing::Packing* found = packing::Find(std::string(packing).c_str());
  return found == nullptr ? 0 : static_cast<double>(found->block_bytes) / found->block_elems;
}

using Rates = std::map<std::string, Rate>;

// Among the keys op/PACKING<rest> the one whose packing is nearest in size.
const Rate* Nearest(const Rates& rates, absl::string_view op, absl::string_view packing, const std::string& rest) {
  const double wanted = ElemBytes(packing);
  const std::string begin = absl::StrCat(op, "/");
  const Rate* best = nullptr;
  double least = std::numeric_limits<double>::infinity();
  for (auto at = rates.lower_bound(begin); at != rates.end() && absl::StartsWith(at->first, begin); ++at) {
    absl::string_view key = at->first;
    key.remove_prefix(begin.size());
    if (!absl::ConsumeSuffix(&key, rest)) continue;
    const double size = ElemBytes(key);
    if (size == 0 || wanted == 0) continue;
    const double away = std::fabs(std::log(size / wanted));
    if (away < least) least = away, best = &at->second;
  }
  return best;
}

// A fused op is of the kind of its first part; experts are matrices like others, of which fewer are read.
absl::string_view KindOf(const ops::OpDef& op) {
  const absl::string_view kind = op.parts.empty() ? op.name : op.parts.front().op;
  return kind == "linear_experts" ? "linear" : kind;
}

}  // namespace

const Rate& DeviceModel::RateOf(absl::string_view op, absl::string_view packing, absl::string_view arithmetic) const {
  static const Rate unlimited;
  const auto find = [&](const std::string& key) -> const Rate* {
    const auto found = rates.find(key);
    return found == rates.end() ? nullptr : &found->second;
  };
  const std::string typed = absl::StrCat(op, "/", packing), rest = absl::StrCat("/", arithmetic);
  const Rate* rate = find(typed + rest);
  if (rate == nullptr) rate = find(typed);
  if (rate == nullptr) rate = Nearest(rates, op, packing, rest);
  // An arithmetic that was not measured: of halves first, which the fast ones are most like.
  for (const char* other : {"/bf16", "/f16", "/f32", ""}) {
    if (rate == nullptr) rate = Nearest(rates, op, packing, other);
  }
  if (rate == nullptr) rate = find(std::string(op));
  if (rate == nullptr) rate = find("");
  return rate == nullptr ? unlimited : *rate;
}

double DeviceModel::Seconds(const Graph& graph, const Node& node, absl::string_view arithmetic, const NodeCost& cost,
                            double step_bytes) const {
  const Rate& rate = RateOf(KindOf(*node.op), PackingOf(graph, node), arithmetic);
  const bool cached = step_bytes <= cache_bytes && rate.cached_bytes_per_second > 0;
  const double bytes_per_second = cached ? rate.cached_bytes_per_second : rate.bytes_per_second;
  const double products = At(cost.flops, rate.flops_per_second) +
                          At(cost.activation_bytes, rate.activation_bytes_per_second) +
                          At(cost.pairs, rate.pairs_per_second);
  return op_seconds +
         std::max({At(cost.bytes(), bytes_per_second), products, At(cost.state_rows, rate.rows_per_second)});
}

double DeviceModel::StepSeconds(const Graph& graph, const std::vector<std::string>& arithmetic,
                                const GraphCost& cost) const {
  const double step_bytes = cost.total.weight_bytes + cost.total.state_bytes;
  const double sharing = cost.tokens > 1 ? std::max(0.0, shared_op_seconds - op_seconds) : 0;
  double seconds = submission_seconds + sharing * static_cast<double>(graph.nodes.size());
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    seconds += Seconds(graph, graph.nodes[n], arithmetic[n], cost.nodes[n], step_bytes);
  }
  return seconds;
}

double DeviceModel::CopySeconds(double bytes) const {
  return copy_bytes_per_second > 0 ? copy_seconds + bytes / copy_bytes_per_second : 0;
}

}  // namespace concord::graph

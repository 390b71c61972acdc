#include "runtime/graph/memory_plan.h"

#include <algorithm>
#include <numeric>

#include "runtime/base/checked.h"

namespace concord::graph {
namespace {

struct Interval {
  ValueId value;
  int32_t first, last;  // nodes, both inclusive
  int64_t bytes;
};

bool IsOutput(const Graph& graph, ValueId id) {
  return std::any_of(graph.outputs.begin(), graph.outputs.end(), [&](const NamedOutput& o) { return o.value == id; });
}

// Values that the plan places. Those that nobody reads are given a place too: their maker writes them.
absl::StatusOr<std::vector<Interval>> Intervals(const Graph& graph, const SymbolValues& symbols, int64_t align) {
  std::vector<int32_t> last(graph.values.size(), -1);
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    for (ValueId id : graph.nodes[n].inputs) {
      if (id != kNoValue) last[id] = static_cast<int32_t>(n);
    }
  }
  std::vector<Interval> intervals;
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    for (ValueId id : graph.nodes[n].outputs) {
      if (id == kNoValue) continue;
      const Value& value = graph.value(id);
      if (value.role != Role::kIntermediate || value.alias_of != kNoValue || IsOutput(graph, id)) continue;
      absl::StatusOr<int64_t> bytes = BytesOf(value.type, symbols);
      if (!bytes.ok()) return Annotate(bytes.status(), absl::StrCat(graph.nodes[n].scope, ": ", graph.nodes[n].op->name));
      int64_t padded = 0;
      if (!CheckedAdd(*bytes, align - 1, &padded)) return absl::InvalidArgumentError("a value's size leaves 64 bits");
      const auto first = static_cast<int32_t>(n);
      intervals.push_back({id, first, std::max(first, last[id]), padded / align * align});
    }
  }
  return intervals;
}

// The lowest gap of `bytes` between the placed values that are alive together with `candidate`.
int64_t LowestGap(const Interval& candidate, const std::vector<Interval>& placed, const std::vector<int64_t>& offsets) {
  std::vector<std::pair<int64_t, int64_t>> taken;
  for (const Interval& other : placed) {
    if (other.last < candidate.first || candidate.last < other.first) continue;
    taken.emplace_back(offsets[other.value], offsets[other.value] + other.bytes);
  }
  std::sort(taken.begin(), taken.end());
  int64_t at = 0;
  for (const auto& [begin, end] : taken) {
    if (at + candidate.bytes <= begin) break;
    at = std::max(at, end);
  }
  return at;
}

int32_t PeakNode(const std::vector<Interval>& intervals, size_t n_nodes) {
  std::vector<int64_t> alive(n_nodes + 1, 0);
  for (const Interval& i : intervals) {
    alive[i.first] += i.bytes;
    alive[i.last + 1] -= i.bytes;
  }
  std::partial_sum(alive.begin(), alive.end(), alive.begin());
  return n_nodes == 0 ? -1 : static_cast<int32_t>(std::max_element(alive.begin(), alive.end()) - alive.begin());
}

}  // namespace

absl::StatusOr<int64_t> BytesOf(const ops::TensorType& type, const SymbolValues& symbols) {
  std::vector<int64_t> dims;
  for (const ops::Dim& dim : type.dims) {
    int64_t extent = dim.value;
    if (!dim.is_constant()) {
      const auto it = std::find_if(symbols.begin(), symbols.end(), [&](const auto& s) { return s.first == dim.symbol; });
      if (it == symbols.end()) return absl::InvalidArgumentError(absl::StrCat("no value is given for the symbol ", dim.symbol));
      extent += it->second;
    }
    dims.push_back(extent);
  }
  CONCORD_ASSIGN_OR_RETURN(const int64_t elems, CheckedProduct(dims));
  const int64_t bytes = type.packing->Bytes(elems);
  if (bytes < 0) return absl::InvalidArgumentError(absl::StrCat(type.ToString(), " has no whole number of blocks in 64 bits"));
  return bytes;
}

absl::StatusOr<MemoryPlan> PlanMemory(const Graph& graph, const SymbolValues& capacities, int64_t align_bytes) {
  CONCORD_ASSIGN_OR_RETURN(std::vector<Interval> intervals, Intervals(graph, capacities, align_bytes));
  MemoryPlan plan;
  plan.offsets.assign(graph.values.size(), MemoryPlan::kNoOffset);
  plan.peak_node = PeakNode(intervals, graph.nodes.size());
  // Largest first, each at the lowest place where it fits: small values fill the gaps between large ones.
  std::stable_sort(intervals.begin(), intervals.end(), [](const Interval& a, const Interval& b) { return a.bytes > b.bytes; });
  std::vector<Interval> placed;
  for (const Interval& interval : intervals) {
    const int64_t at = LowestGap(interval, placed, plan.offsets);
    int64_t end = 0;
    if (!CheckedAdd(at, interval.bytes, &end) || !CheckedAdd(plan.sum_bytes, interval.bytes, &plan.sum_bytes)) {
      return absl::ResourceExhaustedError("the workspace leaves 64 bits");
    }
    plan.offsets[interval.value] = at;
    plan.total_bytes = std::max(plan.total_bytes, end);
    placed.push_back(interval);
  }
  return plan;
}

}  // namespace concord::graph

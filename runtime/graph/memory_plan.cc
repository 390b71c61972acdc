#include "runtime/graph/memory_plan.h"

#include <algorithm>
#include <set>

namespace concord::graph {
namespace {

struct Life {
  ValueId value;
  int32_t first, last;  // nodes: the one that makes it, the last that reads it
  uint64_t bytes;       // rounded up to the alignment
  uint64_t offset = 0;

  bool Meets(const Life& o) const { return first <= o.last && o.first <= last; }
  bool Overlaps(const Life& o) const { return offset < o.offset + o.bytes && o.offset < offset + bytes; }
};

// A total that stays far from the end of 64 bits whatever is added up.
constexpr uint64_t kMaxBytes = uint64_t{1} << 62;

absl::StatusOr<std::vector<Life>> Lives(const Graph& graph, const Partition& partition, const SymbolValues& capacities,
                                        uint64_t align_bytes) {
  CONCORD_ASSIGN_OR_RETURN(const std::vector<Use> use, ClassifyValues(graph, partition));
  std::vector<Life> lives;
  std::vector<int32_t> at(graph.values.size(), -1);
  uint64_t sum = 0;
  for (int32_t n : partition.nodes) {
    for (ValueId id : graph.nodes[n].inputs) {
      if (id != kNoValue && at[id] >= 0) lives[at[id]].last = n;
    }
    for (ValueId id : graph.nodes[n].outputs) {
      if (use[id] != Use::kWorkspace) continue;
      CONCORD_ASSIGN_OR_RETURN(const int64_t size, ResolveBytes(graph.values[id].type, capacities));
      if (static_cast<uint64_t>(size) > kMaxBytes || align_bytes > kMaxBytes) {
        return absl::OutOfRangeError(absl::StrCat("value ", id, " of ", NodeLabel(graph, n), " has ", size, " bytes"));
      }
      const uint64_t bytes = (static_cast<uint64_t>(size) + align_bytes - 1) / align_bytes * align_bytes;
      if ((sum += bytes) > kMaxBytes) return absl::OutOfRangeError("the intermediate values have more than 2^62 bytes");
      at[id] = static_cast<int32_t>(lives.size());
      lives.push_back({id, n, n, bytes});
    }
  }
  return lives;
}

// The lowest offset at which `life` meets none of `placed`, which are sorted by offset.
uint64_t FirstFit(const Life& life, const std::vector<Life>& placed) {
  uint64_t offset = 0;
  for (const Life& other : placed) {
    if (!other.Meets(life) || other.bytes == 0) continue;
    if (other.offset >= offset + life.bytes) break;
    offset = std::max(offset, other.offset + other.bytes);
  }
  return offset;
}

void FindPeak(const std::vector<Life>& lives, MemoryPlan* plan) {
  std::vector<std::pair<int32_t, int64_t>> changes;  // at node: bytes that come, or go after it
  for (const Life& life : lives) {
    changes.emplace_back(2 * life.first, static_cast<int64_t>(life.bytes));
    changes.emplace_back(2 * life.last + 1, -static_cast<int64_t>(life.bytes));
  }
  std::sort(changes.begin(), changes.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  uint64_t live = 0;
  for (const auto& [when, bytes] : changes) {
    live += static_cast<uint64_t>(bytes);
    if (live > plan->peak_bytes) plan->peak_bytes = live, plan->peak_node = when / 2;
  }
  for (const Life& life : lives) {  // largest first, as they are sorted
    const bool there = life.first <= plan->peak_node && plan->peak_node <= life.last && life.bytes > 0;
    if (there) plan->peak_values.push_back(life.value);
  }
}

}  // namespace

absl::StatusOr<MemoryPlan> PlanMemory(const Graph& graph, const Partition& partition, const SymbolValues& capacities,
                                      uint64_t align_bytes) {
  if (align_bytes == 0 || (align_bytes & (align_bytes - 1)) != 0) {
    return absl::InvalidArgumentError(absl::StrCat("the alignment is ", align_bytes, ", want a power of two"));
  }
  CONCORD_ASSIGN_OR_RETURN(std::vector<Life> lives, Lives(graph, partition, capacities, align_bytes));
  std::sort(lives.begin(), lives.end(),
            [](const Life& a, const Life& b) { return a.bytes != b.bytes ? a.bytes > b.bytes : a.value < b.value; });
  MemoryPlan plan;
  plan.offsets.assign(graph.values.size(), MemoryPlan::kNoOffset);
  std::vector<Life> placed;
  for (Life& life : lives) {
    life.offset = FirstFit(life, placed);
    plan.offsets[life.value] = life.offset;
    plan.total_bytes = std::max(plan.total_bytes, life.offset + life.bytes);
    const auto by_offset = [](const Life& a, const Life& b) { return a.offset < b.offset; };
    placed.insert(std::upper_bound(placed.begin(), placed.end(), life, by_offset), life);
  }
  FindPeak(lives, &plan);
  return plan;
}

absl::StatusOr<std::vector<std::pair<int32_t, int32_t>>> MemoryHazards(const Graph& graph, const Partition& partition,
                                                                       const SymbolValues& capacities,
                                                                       const MemoryPlan& plan) {
  CONCORD_ASSIGN_OR_RETURN(std::vector<Life> lives, Lives(graph, partition, capacities, 1));
  for (Life& life : lives) life.offset = plan.offsets[life.value];
  std::set<std::pair<int32_t, int32_t>> hazards;
  for (const Life& later : lives) {
    for (const Life& earlier : lives) {
      if (earlier.last >= later.first || !earlier.Overlaps(later)) continue;
      hazards.emplace(earlier.first, later.first);
      for (int32_t reader : graph.Readers(earlier.value)) {
        if (std::binary_search(partition.nodes.begin(), partition.nodes.end(), reader))
          hazards.emplace(reader, later.first);
      }
    }
  }
  return std::vector<std::pair<int32_t, int32_t>>(hazards.begin(), hazards.end());
}

}  // namespace concord::graph

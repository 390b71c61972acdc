#include "runtime/exec/placed_module.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/str_join.h"
#include "runtime/exec/compile.h"
#include "runtime/graph/fuse.h"

namespace concord::exec {
namespace {

using graph::Graph;
using graph::kNoValue;
using graph::Role;
using graph::ValueId;

// Nodes that have to be on one device: those that share a state, or one alone.
std::vector<std::vector<int32_t>> Groups(const Graph& graph) {
  std::vector<std::vector<int32_t>> groups;
  std::map<ValueId, size_t> group_of_state;
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    std::optional<size_t> group;
    std::vector<ValueId> states;
    for (const ValueId id : graph.nodes[n].inputs) {
      if (id == kNoValue || graph.value(id).role != Role::kState) continue;
      const ValueId alias = graph.value(id).alias_of;
      states.push_back(alias == kNoValue ? id : alias);
      if (const auto it = group_of_state.find(states.back()); it != group_of_state.end()) group = it->second;
    }
    if (!group.has_value()) group = groups.size(), groups.emplace_back();
    groups[*group].push_back(static_cast<int32_t>(n));
    for (const ValueId state : states) group_of_state.emplace(state, *group);
  }
  return groups;
}

// Why the device refuses a node of the group; nothing when it takes them all.
std::optional<std::pair<int32_t, std::string>> RefusedIn(const Graph& graph, const std::vector<int32_t>& group,
                                                         const hal::Device& device, const std::string& compute) {
  for (const int32_t n : group) {
    if (std::optional<std::string> reason = WhyRefused(graph, n, device, compute)) return std::pair(n, *reason);
  }
  return std::nullopt;
}

class Placer {
 public:
  Placer(const Graph& graph, Devices devices, const std::string& compute)
      : graph_(graph), devices_(devices), compute_(compute) {}

  // Changes `device_of` for the nodes of the group where it has to.
  absl::Status Place(const std::vector<int32_t>& group, std::vector<int32_t>* device_of) {
    const int32_t wished = (*device_of)[group.front()];
    const auto refused = RefusedIn(graph_, group, *devices_[wished], compute_);
    if (!refused.has_value()) return Put(group, wished, device_of);
    std::string reasons = absl::StrCat(devices_[wished]->id(), ": ", refused->second);
    for (size_t d = 0; d < devices_.size(); ++d) {
      if (static_cast<int32_t>(d) == wished) continue;
      if (const auto also = RefusedIn(graph_, group, *devices_[d], compute_)) {
        absl::StrAppend(&reasons, "; ", devices_[d]->id(), ": ", also->second);
        continue;
      }
      Record(refused->first, wished, static_cast<int32_t>(d), refused->second);
      return Put(group, static_cast<int32_t>(d), device_of);
    }
    return absl::UnavailableError(
        absl::StrCat("no device computes ", graph::NodeLabel(graph_, refused->first), ": ", reasons));
  }

  std::vector<MovedOp> TakeMoved() { return std::move(moved_); }

 private:
  static absl::Status Put(const std::vector<int32_t>& group, int32_t device, std::vector<int32_t>* device_of) {
    for (const int32_t n : group) (*device_of)[n] = device;
    return absl::OkStatus();
  }

  void Record(int32_t node, int32_t wished, int32_t device, const std::string& reason) {
    const graph::Node& n = graph_.nodes[node];
    const MovedOp like = {n.op->name, devices_[wished]->id(), devices_[device]->id(), reason, {}};
    auto it = std::find_if(moved_.begin(), moved_.end(), [&](const MovedOp& m) {
      return m.op == like.op && m.wished == like.wished && m.device == like.device && m.reason == like.reason;
    });
    if (it == moved_.end()) it = moved_.insert(it, like);
    it->scopes.push_back(n.scope.empty() ? graph_.name : n.scope);
  }

  const Graph& graph_;
  Devices devices_;
  const std::string& compute_;
  std::vector<MovedOp> moved_;
};

}  // namespace

absl::StatusOr<PlacedModule> PlaceModule(graph::Module module, Devices devices, std::vector<int32_t> wished,
                                         const std::string& compute) {
  if (wished.empty()) wished.resize(module.main.nodes.size());
  std::vector<int32_t> device_of = wished;
  PlacedModule placed;
  if (devices.size() > 1) {
    Placer placer(module.main, devices, compute);
    for (const std::vector<int32_t>& group : Groups(module.main)) {
      CONCORD_RETURN_IF_ERROR(placer.Place(group, &device_of));
    }
    placed.moved = placer.TakeMoved();
  }
  CONCORD_ASSIGN_OR_RETURN(placed.parts, graph::Split(module, device_of));
  for (const graph::ModulePart& part : placed.parts) {
    placed.part_moved.push_back(
        std::all_of(part.nodes.begin(), part.nodes.end(), [&](int32_t n) { return wished[n] != device_of[n]; }));
  }
  return placed;
}

absl::StatusOr<CompiledParts> CompileParts(graph::Module module, Devices devices, std::vector<int32_t> wished,
                                           const std::string& compute) {
  CONCORD_ASSIGN_OR_RETURN(PlacedModule placed, PlaceModule(std::move(module), devices, std::move(wished), compute));
  CompiledParts compiled{.moved = std::move(placed.moved)};
  for (size_t p = 0; p < placed.parts.size(); ++p) {
    LoadedPart& part = *compiled.parts.emplace_back(std::make_unique<LoadedPart>());
    part.device_index = static_cast<size_t>(placed.parts[p].device);
    part.device = devices[part.device_index];
    part.module = std::move(placed.parts[p].module);
    part.moved = placed.part_moved[p];
    CONCORD_ASSIGN_OR_RETURN(CompiledModule made, CompileModule(&part.module, *part.device, compute));
    part.lowered.emplace(std::move(made.lowered));
    part.arithmetic = std::move(made.arithmetic);
    part.decoded = std::move(made.decoded);
    part.program = std::move(made.program);
  }
  return compiled;
}

std::string MovedSentence(const MovedOp& moved) {
  const size_t more = moved.scopes.size() - 1;
  return absl::StrCat(moved.op, " of ", moved.scopes.front(), more > 0 ? absl::StrCat(" and ", more, " more") : "",
                      more > 0 ? " run on " : " runs on ", moved.device, " instead of ", moved.wished, ": ",
                      moved.reason);
}

}  // namespace concord::exec

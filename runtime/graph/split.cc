#include "runtime/graph/split.h"

#include <utility>

#include "absl/strings/match.h"
#include "runtime/graph/partition.h"
#include "runtime/graph/prune.h"

namespace concord::graph {
namespace {

constexpr absl::string_view kCut = "cut.";

// The nodes of `part` alone, with what they read from elsewhere as inputs and what is read elsewhere as outputs.
absl::StatusOr<Module> ModuleOf(const Module& whole, const Partition& part) {
  CONCORD_ASSIGN_OR_RETURN(const std::vector<Use> uses, ClassifyValues(whole.main, part));
  Module module = whole;
  Graph& graph = module.main;
  graph.nodes.clear();
  for (const int32_t n : part.nodes) graph.nodes.push_back(whole.main.nodes[n]);
  graph.outputs.clear();
  for (const NamedOutput& output : whole.main.outputs) {
    if (uses[output.value] == Use::kOutput) graph.outputs.push_back(output);
  }
  std::vector<bool> read_elsewhere(graph.values.size());
  std::vector<bool> inside(whole.main.nodes.size());
  for (const int32_t n : part.nodes) inside[n] = true;
  for (size_t n = 0; n < inside.size(); ++n) {
    if (inside[n]) continue;
    for (const ValueId id : whole.main.nodes[n].inputs) {
      if (id != kNoValue) read_elsewhere[id] = true;
    }
  }
  for (size_t id = 0; id < uses.size(); ++id) {
    Value& value = graph.values[id];
    if (value.role != Role::kIntermediate) continue;
    const auto value_id = static_cast<ValueId>(id);
    if (uses[id] == Use::kInput) value.role = Role::kInput, value.name = CutName(value_id);
    if (uses[id] == Use::kOutput && read_elsewhere[id]) graph.outputs.push_back({CutName(value_id), value_id});
  }
  Prune(&module);
  CONCORD_RETURN_IF_ERROR(Validate(module));
  return module;
}

}  // namespace

std::string CutName(ValueId value) { return absl::StrCat(kCut, value); }
bool IsCut(absl::string_view name) { return absl::StartsWith(name, kCut); }

absl::StatusOr<std::vector<ModulePart>> Split(const Module& module, const std::vector<int32_t>& device_of) {
  if (device_of.size() != module.main.nodes.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("placement: ", device_of.size(), " devices for ", module.main.nodes.size(), " nodes"));
  }
  std::vector<Partition> partitions;
  for (size_t n = 0; n < device_of.size(); ++n) {
    if (n == 0 || device_of[n] != device_of[n - 1]) partitions.push_back({.device = device_of[n]});
    partitions.back().nodes.push_back(static_cast<int32_t>(n));
  }
  CONCORD_RETURN_IF_ERROR(CheckPartitions(module.main, partitions));
  std::vector<ModulePart> parts;
  for (Partition& partition : partitions) {
    ModulePart part{.device = partition.device};
    CONCORD_ASSIGN_OR_RETURN(part.module, ModuleOf(module, partition));
    part.nodes = std::move(partition.nodes);
    parts.push_back(std::move(part));
  }
  return parts;
}

}  // namespace concord::graph

#include "runtime/exec/step_cuts.h"

#include <cstring>

#include "runtime/graph/split.h"

namespace concord::exec {
namespace {

// Which lanes read it, besides that which makes it.
std::vector<size_t> ReadingLanes(const std::vector<const LoadedPart*>& parts, const StepCuts::Cut& cut) {
  std::vector<size_t> lanes;
  for (const LoadedPart* part : parts) {
    const size_t lane = part->device_index;
    if (lane == cut.from_lane || part->module.main.Find(cut.name) == graph::kNoValue) continue;
    if (std::find(lanes.begin(), lanes.end(), lane) == lanes.end()) lanes.push_back(lane);
  }
  return lanes;
}

}  // namespace

absl::StatusOr<StepCuts> StepCuts::Create(const std::vector<const LoadedPart*>& parts,
                                          const graph::SymbolValues& capacities, int64_t slots, Lanes* lanes) {
  StepCuts made;
  for (size_t p = 0; p < parts.size(); ++p) {
    for (const graph::NamedOutput& output : parts[p]->module.main.outputs) {
      if (!graph::IsCut(output.name)) continue;
      const ops::TensorType& type = parts[p]->module.main.value(output.value).type;
      Cut cut{.name = output.name, .from_part = p, .from_lane = parts[p]->device_index};
      CONCORD_ASSIGN_OR_RETURN(cut.bytes, StepBytes::Of(type, capacities));
      CONCORD_ASSIGN_OR_RETURN(const int64_t bytes, graph::ResolveBytes(type, capacities));
      for (int64_t slot = 0; slot < slots; ++slot) {
        Cut::Slot& memory = cut.slots.emplace_back();
        CONCORD_ASSIGN_OR_RETURN(memory.made,
                                 (*lanes)[cut.from_lane]->AllocateStaged(bytes, CONCORD_MAP_READ, "values of a cut"));
        for (const size_t lane : ReadingLanes(parts, cut)) {
          CONCORD_ASSIGN_OR_RETURN(memory.read[lane],
                                   (*lanes)[lane]->AllocateStaged(bytes, CONCORD_MAP_WRITE, "values of a cut"));
        }
      }
      made.cuts_.push_back(std::move(cut));
    }
  }
  return made;
}

std::vector<concord_binding> StepCuts::Bind(const LoadedPart& part, int64_t slot) const {
  std::vector<concord_binding> bindings;
  const graph::Graph& graph = part.module.main;
  for (const Cut& cut : cuts_) {
    const Cut::Slot& memory = cut.slots[slot];
    if (const graph::ValueId id = graph.FindOutput(cut.name); id != graph::kNoValue) {
      bindings.push_back(memory.made->buffer().Bind(part.lowered->slot(id), CONCORD_ROLE_OUTPUT));
    } else if (const graph::ValueId read = graph.Find(cut.name); read != graph::kNoValue) {
      const hal::StagedBuffer& buffer =
          part.device_index == cut.from_lane ? *memory.made : *memory.read.at(part.device_index);
      bindings.push_back(buffer.buffer().Bind(part.lowered->slot(read), CONCORD_ROLE_INPUT));
    }
  }
  return bindings;
}

std::vector<size_t> StepCuts::MadeBy(size_t part) const {
  std::vector<size_t> made;
  for (size_t c = 0; c < cuts_.size(); ++c) {
    if (cuts_[c].from_part == part) made.push_back(c);
  }
  return made;
}

std::vector<size_t> StepCuts::CarriedTo(const LoadedPart& part) const {
  std::vector<size_t> carried;
  for (size_t c = 0; c < cuts_.size(); ++c) {
    if (cuts_[c].from_lane == part.device_index) continue;
    if (part.module.main.Find(cuts_[c].name) != graph::kNoValue) carried.push_back(c);
  }
  return carried;
}

absl::Status StepCuts::Leave(size_t cut, int64_t slot, const StepBatch& piece, Lane* from) const {
  const Cut::Slot& memory = cuts_[cut].slots[slot];
  return memory.read.empty() ? absl::OkStatus() : from->ToHost(*memory.made, cuts_[cut].bytes.In(piece));
}

absl::Status StepCuts::Enter(size_t cut, int64_t slot, const StepBatch& piece, size_t lane_index, Lane* to) const {
  const Cut::Slot& memory = cuts_[cut].slots[slot];
  const uint64_t bytes = cuts_[cut].bytes.In(piece);
  CONCORD_RETURN_IF_ERROR(memory.made->Arrived(bytes));
  const hal::StagedBuffer& target = *memory.read.at(lane_index);
  std::memcpy(target.data(), memory.made->data(), bytes);
  return to->ToDevice(target, bytes);
}

}  // namespace concord::exec

#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime/exec/lane.h"
#include "runtime/exec/loaded_part.h"
#include "runtime/exec/step_sizes.h"

namespace concord::exec {

using Lanes = std::vector<std::unique_ptr<Lane>>;

// The values that parts pass to each other, and the memory they pass through: where the value is made, and on every
// other device that reads it, for each piece of a step that may be in flight. Between devices the host carries them.
class StepCuts {
 public:
  struct Cut {
    std::string name;
    size_t from_part = 0, from_lane = 0;
    StepBytes bytes;
    struct Slot {
      std::unique_ptr<hal::StagedBuffer> made;
      std::map<size_t, std::unique_ptr<hal::StagedBuffer>> read;  // by lane, without that where it is made
    };
    std::vector<Slot> slots;
  };

  static absl::StatusOr<StepCuts> Create(const std::vector<const LoadedPart*>& parts,
                                         const graph::SymbolValues& capacities, int64_t slots, Lanes* lanes);

  // Bindings of the cuts that a part makes and reads.
  std::vector<concord_binding> Bind(const LoadedPart& part, int64_t slot) const;
  // Positions in cuts() of those that a part makes, or reads from another device.
  std::vector<size_t> MadeBy(size_t part) const;
  std::vector<size_t> CarriedTo(const LoadedPart& part) const;
  const std::vector<Cut>& cuts() const { return cuts_; }

  // After the work that made it, in the maker's lane: starts a cut on its way to the host, if anybody wants it there.
  absl::Status Leave(size_t cut, int64_t slot, const StepBatch& piece, Lane* from) const;
  // Once it is with the host: sends it to the device of a lane that reads it.
  absl::Status Enter(size_t cut, int64_t slot, const StepBatch& piece, size_t lane_index, Lane* to) const;

 private:
  std::vector<Cut> cuts_;
};

}  // namespace concord::exec

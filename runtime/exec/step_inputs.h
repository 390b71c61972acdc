#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/exec/lane.h"
#include "runtime/exec/loaded_part.h"
#include "runtime/exec/step_batch.h"

namespace concord::exec {

// Which field of a step a graph's input of this name holds ("tokens", "kv.slots"); null: none.
using StepField = const std::vector<int32_t> StepBatch::*;
StepField StepFieldOf(absl::string_view name);

// The step's inputs (tokens, positions, block tables, ...) on one device: those that any part there reads, once, for
// each piece of a step that may be in flight.
class StepInputs {
 public:
  // Unimplemented: a part reads an input that is neither one of a step nor a cut.
  static absl::StatusOr<StepInputs> Create(const std::vector<const LoadedPart*>& parts,
                                           const graph::SymbolValues& capacities, int64_t slots, Lane* lane);

  // Bindings of what `part` reads, for pieces in `slot`.
  std::vector<concord_binding> Bind(const LoadedPart& part, int64_t slot) const;
  // Brings the inputs of these pieces, in slots 0, 1, ..., to the device.
  absl::Status Send(absl::Span<const StepBatch* const> pieces, Lane* lane) const;

 private:
  struct Input {
    std::string name;
    StepField field;
    uint64_t padded_bytes;
    uint64_t offset_bytes;  // in its slot
  };
  uint64_t Pack(const StepBatch& piece, char* to) const;

  std::vector<Input> inputs_;  // in the order in which they are packed
  uint64_t slot_bytes_ = 0;
  std::unique_ptr<hal::StagedBuffer> buffer_;  // null: no part reads any
};

}  // namespace concord::exec

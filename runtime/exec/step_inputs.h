#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/exec/lane.h"
#include "runtime/exec/loaded_part.h"
#include "runtime/exec/step_batch.h"

namespace concord::exec {

// Where the inputs of a step (tokens, positions, block tables, ...) lie in one piece of memory on a device: those that
// any part there reads, once.
class InputLayout {
 public:
  // Unimplemented: a part reads an input that is neither one of a step nor a cut.
  static absl::StatusOr<InputLayout> Of(const std::vector<const LoadedPart*>& parts,
                                        const graph::SymbolValues& capacities);

  uint64_t total_bytes() const { return total_bytes_; }
  // Bindings of what `part` reads of inputs that begin at `offset` of `buffer`.
  std::vector<concord_binding> Bind(const LoadedPart& part, const hal::Buffer& buffer, uint64_t offset) const;
  // Returns where the last used byte is; `to` may be null.
  uint64_t Pack(const StepBatch& batch, char* to) const;

 private:
  struct Input {
    std::string name;
    const std::vector<int32_t> StepBatch::*field;
    uint64_t padded_bytes;
    uint64_t offset_bytes;
  };
  std::vector<Input> inputs_;  // in the order in which they are packed
  uint64_t total_bytes_ = 0;
};

// The inputs on one device, for each piece of a step that may be in flight.
class StepInputs {
 public:
  static absl::StatusOr<StepInputs> Create(InputLayout layout, int64_t slots, Lane* lane);

  // Bindings of what `part` reads, for pieces in `slot`.
  std::vector<concord_binding> Bind(const LoadedPart& part, int64_t slot) const;
  // Brings the inputs of these pieces, in slots 0, 1, ..., to the device.
  absl::Status Send(absl::Span<const StepBatch* const> pieces, Lane* lane) const;

 private:
  InputLayout layout_;
  std::unique_ptr<hal::StagedBuffer> buffer_;  // null: no part reads any
};

}  // namespace concord::exec

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "concord/plugin.h"
#include "runtime/graph/memory_plan.h"
#include "runtime/graph/partition.h"

namespace concord::graph {

// A partition in the form that crosses the border. Owns all that the description points to, needs the graph no longer,
// and may be moved: pointers stay.
class LoweredProgram {
 public:
  // A value that a binding names.
  struct Bound {
    ValueId value = kNoValue;
    int32_t role = 0;  // CONCORD_ROLE_*, not WORKSPACE
    uint32_t slot = 0;
  };

  // `arithmetic` holds one word ("f32", "int8/32") for each node of the partition, or is empty: "f32" for all.
  // The graph has passed Validate(). Errors: nodes that are out of range, a wrong count of words.
  static absl::StatusOr<LoweredProgram> Lower(const Graph& graph, const Partition& partition,
                                              const std::vector<std::string>& arithmetic = {});
  LoweredProgram(LoweredProgram&&) noexcept;
  LoweredProgram& operator=(LoweredProgram&&) noexcept;
  ~LoweredProgram();

  const concord_program_desc& desc() const;

  // Graph value → index in desc().values, and back; CONCORD_NONE and kNoValue where there is none.
  uint32_t index(ValueId value) const;
  ValueId value(uint32_t index) const;
  // Symbol → index in desc().symbols, for concord_symbol_value; CONCORD_NONE for an unknown one. All symbols of the
  // graph are there, in its order.
  uint32_t symbol(absl::string_view name) const;

  // Every slot in ascending order: slots are 0, 1, 2, ... Versions of a state after a write have none of their own.
  const std::vector<Bound>& bound() const;
  // The slot of a value; of a later version of a state, that of the state. CONCORD_NONE where it has none.
  uint32_t slot(ValueId value) const;

  // The plan of the same partition as concord_prepare_args.value_offsets.
  std::vector<uint64_t> ValueOffsets(const MemoryPlan& plan) const;

  struct Storage;  // in lower.cc

 private:
  explicit LoweredProgram(std::unique_ptr<Storage> storage);
  std::unique_ptr<Storage> storage_;
};

}  // namespace concord::graph

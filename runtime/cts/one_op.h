#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "ops/core/op.h"
#include "runtime/cts/case_result.h"
#include "runtime/exec/paged_state.h"
#include "runtime/hal/device.h"

namespace concord::cts {

// A program of one op and everything that it is bound to: build, ask, load, run, compare. Every tensor lies between
// guards; outputs and workspace are filled with NaN patterns before each run. States of a device with a layout of its
// own go there and come back by its imports and exports. One thread.
class OneOp {
 public:
  // `c` outlives this. `seed` 0 gives the inputs that the case's name alone stands for.
  OneOp(const hal::Device& device, const ops::OpCase& c, uint64_t seed = 0);

  // Makes inputs and the description that crosses the border; before everything else.
  absl::Status Build();
  const concord_program_desc& desc() const { return desc_; }
  // Also no: a device that computes it on states of a layout of its own, and keeps those to itself.
  absl::StatusOr<hal::Support> Query() const;
  absl::Status RunReference();

  // Puts inputs and constants on the device, compiles and prepares.
  absl::Status Load();
  absl::Status Submit(absl::Span<const concord_point> waits, absl::Span<const concord_point> signals,
                      uint32_t queue_index = 0) const;
  // Load, submit, wait.
  absl::Status RunDevice();

  // After RunReference and a run on the device: outputs within the tolerance, inputs unchanged, guards intact.
  CaseResult Compare();
  // All outputs, one after the other, as they lie on the device.
  absl::StatusOr<std::string> OutputBytes() const;

  // Of inputs, constants and outputs: what the op must move at least.
  int64_t tensor_bytes() const;

 private:
  struct Tensor {
    std::string slot;
    bool is_output = false;
    int32_t role = CONCORD_ROLE_INPUT;
    uint32_t alias_of = CONCORD_NONE;  // index of the state input
    ops::TensorType type;
    std::vector<int64_t> dims;
    std::vector<std::byte> given;     // before the run
    std::vector<std::byte> expected;  // after the reference
    uint64_t front_bytes = 0;         // of the guard before it
    hal::Buffer buffer;               // with guards; unused for constants and aliases
    hal::Constant constant;

    ops::TensorView View(std::vector<std::byte>* bytes) const {
      return ops::TensorView(type.packing, dims, bytes->data());
    }
    size_t size_bytes() const { return given.size() - 1; }  // one byte more is kept, so that there is an address
    // Of a state that lies on the device as only the device knows: what a block of it is. Else no packing.
    exec::KvBlockShape own_layout;
  };

  absl::Status AddInputs();
  absl::Status AddOutputs();
  void Describe();
  absl::Status Upload(uint32_t index);
  absl::Status CreateConstant(uint32_t index);
  absl::Status ReadTensor(const Tensor& t, absl::Span<char> bytes) const;
  absl::Status MakeWorkspace();
  absl::Status GuardsIntact(const Tensor& t) const;
  absl::Status CompareTensor(const Tensor& t, double* error) const;
  absl::Status CompareValues(const Tensor& t, std::vector<std::byte> got_bytes, double* error) const;
  absl::Status WorkspaceIntact() const;

  const hal::Device& device_;
  const ops::OpCase& case_;
  const ops::OpDef& def_;
  const uint64_t seed_;
  ops::Signature signature_;
  std::deque<Tensor> tensors_;  // inputs, then outputs: the index is the value's
  std::vector<uint32_t> inputs_, outputs_;
  std::vector<concord_value_desc> values_;
  std::vector<concord_attr> attrs_;
  std::deque<std::string> names_;
  concord_op_desc op_{};
  concord_program_desc desc_{};
  std::vector<concord_binding> bindings_;
  hal::Buffer workspace_;
  uint64_t workspace_bytes_ = 0;
  hal::Prepared prepared_;
};

}  // namespace concord::cts

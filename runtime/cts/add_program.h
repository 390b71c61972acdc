#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/cts/rig.h"
#include "runtime/graph/lower.h"

namespace concord::cts {

// A program of additions, the first op that a plugin gets: y = a + b, and with two ops z = (a + b) + b, over rows of
// kCols floats whose number is the symbol n_tokens. What cases about programs, threads and leaks run.
class AddProgram {
 public:
  static constexpr int64_t kCols = 33;

  // Refused(), with the device's reason, when it does not compute `add` in f32. `n_ops` is 1 or 2.
  static absl::StatusOr<AddProgram> Create(const hal::Device& device, int n_ops = 1);

  const graph::LoweredProgram& lowered() const { return *lowered_; }
  const hal::Program& program() const { return program_; }
  uint32_t slot_a() const { return slot_a_; }
  uint32_t slot_b() const { return slot_b_; }
  uint32_t slot_y() const { return slot_y_; }

  // For at most `max_rows` rows.
  absl::StatusOr<hal::Prepared> Prepare(int64_t max_rows) const;
  concord_symbol_value Rows(int64_t rows) const;

  // What a submission needs beside `prepared`: inputs, outputs and workspace made by `rig`, filled from `seed`.
  struct Step {
    std::string a, b;  // bytes of the inputs, kCols floats a row
    const hal::Buffer* y = nullptr;
    concord_symbol_value rows{};
    std::vector<concord_binding> bindings;
  };
  absl::StatusOr<Step> MakeStep(Rig& rig, const hal::Prepared& prepared, int64_t rows, uint64_t seed) const;
  // Whether `y` holds the sums of the first `rows` rows.
  absl::Status Check(const Step& step, int64_t rows) const;

 private:
  AddProgram() = default;

  int n_ops_ = 1;
  graph::Graph graph_;
  std::optional<graph::LoweredProgram> lowered_;
  uint32_t slot_a_ = 0, slot_b_ = 0, slot_y_ = 0;
  hal::Program program_;
};

}  // namespace concord::cts

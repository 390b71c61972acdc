#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "runtime/exec/kv_rows.h"
#include "runtime/exec/model_memory.h"
#include "runtime/graph/module.h"

namespace concord::exec {

// The staging memory through which a hand-over moves keys and values, told from shapes alone: so that a plan counts
// what KvHandover then takes.
struct KvWindows {
  // Of the source; the target has as many again, into which blocks are read back.
  static constexpr int kCount = 2;

  int64_t piece_tokens = 0;  // that a window holds: whole blocks of both sides, but for a shorter context
  int64_t bytes = 0;         // of one window

  using Shapes = std::pair<KvBlockShape, KvBlockShape>;  // of one state, on the source and on the target
  static KvWindows For(absl::Span<const Shapes> states, int64_t max_tokens);

  static int CountOn(bool target) { return target ? 2 * kCount : kCount; }
  // Whether blocks on the device go through windows at all: not where the host reads and writes them in place.
  static bool NeededOn(const hal::Device& device);
};

// Unimplemented, with the name, for a state that is not paged.
absl::StatusOr<KvBlockShape> KvShapeOf(const std::string& name, const ops::TensorType& type);

// A side of a hand-over.
struct KvSide {
  const graph::Module* module = nullptr;
  const std::vector<std::shared_ptr<hal::Device>>* devices = nullptr;
};
// Adds to what both sides need the windows between them. Unimplemented as above.
absl::Status AddWindows(const KvSide& from, const KvSide& to, int64_t max_tokens, std::vector<DeviceMemory>* from_needs,
                        std::vector<DeviceMemory>* to_needs);

}  // namespace concord::exec

#pragma once

#include "absl/types/span.h"
#include "runtime/exec/kv_rows.h"
#include "runtime/hal/device.h"

namespace concord::exec {

// Whether paged state lies on the device in an order that only its own exports and imports know.
bool KeepsOwnLayout(const hal::Device& device);

// What every move of blocks of this shape has in common.
hal::StateArgs StateArgsOf(const KvBlockShape& shape);

// Unimplemented, with the reason, where a device with a layout of its own does not convert blocks of this shape.
absl::Status AskForStateMoves(const hal::Device& device, const KvBlockShape& shape);

// Whole blocks as kv.paged/1 to a state and back, from byte `offset_bytes` of it on, a multiple of a block. It returns
// when it is done, through staging memory made for it: for checks; what runs beside steps is KvPort.
absl::Status WriteState(const hal::Buffer& state, uint64_t offset_bytes, const KvBlockShape& shape,
                        absl::Span<const char> rows);
absl::Status ReadState(const hal::Buffer& state, uint64_t offset_bytes, const KvBlockShape& shape,
                       absl::Span<char> rows);

}  // namespace concord::exec

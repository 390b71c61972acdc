#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "runtime/base/status.h"
#include "runtime/loader/model_source.h"

namespace concord::loader {

// The tensors of one safetensors file, by offset. Checked: they tile the data exactly. Tensors
// of a dtype that Concord does not read are listed with a null type. `what` names the file in messages.
absl::StatusOr<std::vector<Tensor>> ReadSafetensors(absl::Span<const std::byte> bytes, absl::string_view what);

// The error that fits when `bytes` are no weights at all but a Git LFS pointer or a Python pickle; OK otherwise.
absl::Status CheckNotPointerOrPickle(absl::Span<const std::byte> bytes, absl::string_view what);

}  // namespace concord::loader

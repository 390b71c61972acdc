#pragma once

#include <memory>
#include <string>

#include "runtime/loader/model_source.h"

namespace concord::loader {

// The GGUF file at `path` with all its parts.
absl::StatusOr<std::unique_ptr<ModelSource>> OpenGgufFile(const std::string& path, const OpenOptions& options);

// GGUF bytes in memory, kept alive by `owner`.
absl::StatusOr<std::unique_ptr<ModelSource>> OpenGgufBytes(absl::Span<const std::byte> bytes, const std::string& name,
                                                           const OpenOptions& options, Format format,
                                                           std::shared_ptr<const void> owner);

}  // namespace concord::loader

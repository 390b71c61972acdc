#pragma once

#include <memory>
#include <string>

#include "runtime/loader/model_source.h"

namespace concord::loader {

// A Hugging Face folder: config.json, safetensors (one file, or shards by an index), tokenizer files.
absl::StatusOr<std::unique_ptr<ModelSource>> OpenHfFolder(const std::string& path, const OpenOptions& options);

}  // namespace concord::loader

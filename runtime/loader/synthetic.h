#pragma once

#include <memory>
#include <string>

#include "runtime/loader/model_source.h"
#include "runtime/loader/synthetic_shapes.h"

namespace concord::loader {

// "synthetic:<shape>[:<type>]": a model of a real model's shape with random weights, made in memory. Speed depends on
// shapes and types, not on values, so it times like the real one with no download; its text is noise. The same name
// gives the same bytes on every machine. Weights have zero mean and a standard deviation near 0.02.
absl::StatusOr<std::unique_ptr<ModelSource>> OpenSynthetic(const std::string& path, const OpenOptions& options);

// A model of any shape, `type` a packing or "q4_k_m"; shape.name only names it.
absl::StatusOr<std::unique_ptr<ModelSource>> MakeSynthetic(const SyntheticShape& shape, const std::string& type,
                                                           const OpenOptions& options);

}  // namespace concord::loader

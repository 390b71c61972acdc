#pragma once

#include <memory>
#include <string>

#include "concord/concord.h"
#include "runtime/graph/module.h"
#include "runtime/loader/model_source.h"

namespace concord::exec {

// The file at `path`; empty: the built-in model.
absl::StatusOr<std::unique_ptr<loader::ModelSource>> OpenSource(const std::string& path,
                                                                const loader::OpenOptions& options);

struct ModelGraph {
  graph::Module module;
  int64_t context = 0;  // tokens a sequence may hold
};

// The graph that the options ask for. InvalidArgument for options out of range, OutOfRange for the context.
absl::StatusOr<ModelGraph> BuildGraph(const loader::ModelSource& source, const LoadOptions& options);

// Of the keys and values of all layers.
int64_t StateBytesPerToken(const graph::Module& module);

}  // namespace concord::exec

#pragma once

#include <string>

#include "runtime/graph/module.h"

namespace concord::graph {

// Modules as protobuf (graph.proto), binary and text. Reading checks everything and ends in Validate(): input may be
// hostile. Errors say where: "values[12]: ...", or line and column of a text. Unknown ops, packings, fields and newer
// formats are named. Input above kMaxProtoBytes is refused. Threads: any.
inline constexpr size_t kMaxProtoBytes = size_t{64} << 20;

absl::StatusOr<Module> ModuleFromProto(absl::string_view bytes);
absl::StatusOr<Module> ModuleFromTextProto(absl::string_view text);

// The weight table comes back in the order of values; all else as it was. The module has passed Validate().
std::string ModuleToProto(const Module& module);
std::string ModuleToTextProto(const Module& module);

}  // namespace concord::graph

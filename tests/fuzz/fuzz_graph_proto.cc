// Reads bytes as a binary and as a text module. What is accepted must survive writing and reading, and pruning.
// libFuzzer: -max_len=16384
#include <cstdlib>

#include "runtime/graph/proto.h"
#include "runtime/graph/prune.h"

namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

void Use(const absl::StatusOr<concord::graph::Module>& module) {
  using namespace concord::graph;  // NOLINT: one function
  if (!module.ok()) return;
  // Not whole modules: what a dead field of the file held (a weight's order in the table) may differ after one reading.
  const std::string written = ModuleToProto(*module);
  const absl::StatusOr<Module> again = ModuleFromProto(written);
  Require(again.ok() && ModuleToProto(*again) == written);
  const absl::StatusOr<Module> text = ModuleFromTextProto(ModuleToTextProto(*module));
  Require(text.ok() && ModuleToProto(*text) == written);
  ToText(module->main);
  Module pruned = *module;
  Prune(&pruned);
  Require(Validate(pruned).ok());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  Use(concord::graph::ModuleFromProto(bytes));
  Use(concord::graph::ModuleFromTextProto(bytes));
  return 0;
}

// Reads bytes as a binary and as a text module. What is accepted must survive writing and reading, and every pass.
// libFuzzer: -max_len=16384
#include <algorithm>
#include <cstdlib>

#include "runtime/graph/cost.h"
#include "runtime/graph/fuse.h"
#include "runtime/graph/lower.h"
#include "runtime/graph/proto.h"
#include "runtime/graph/prune.h"

namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

void Use(const absl::StatusOr<concord::graph::Module>& module) {
  using namespace concord::graph;  // NOLINT: one function
  if (!module.ok()) return;
  const std::string written = ModuleToProto(*module);
  const absl::StatusOr<Module> again = ModuleFromProto(written);
  Require(again.ok() && *again == *module);
  const absl::StatusOr<Module> text = ModuleFromTextProto(ModuleToTextProto(*module));
  Require(text.ok() && *text == *module);
  ToText(module->main);
  Module passed = *module;
  Prune(&passed);
  Require(Validate(passed).ok());
  Require(Fuse([](const Graph& one, int32_t) { return Validate(one).ok(); }, &passed).ok());
  Require(Unfuse([](const Graph&, int32_t) { return false; }, &passed).ok());
  SymbolValues symbols;
  for (const Symbol& symbol : passed.main.symbols) symbols[symbol.name] = std::min<int64_t>(symbol.max, symbol.min + 3);
  const Partition whole = WholeGraph(passed.main);
  const auto plan = PlanMemory(passed.main, whole, symbols);
  const auto lowered = LoweredProgram::Lower(passed.main, whole);
  Require(lowered.ok());
  if (plan.ok()) lowered->ValueOffsets(*plan);
  ComputeCost(passed.main, symbols, 100).status().IgnoreError();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  Use(concord::graph::ModuleFromProto(bytes));
  Use(concord::graph::ModuleFromTextProto(bytes));
  return 0;
}

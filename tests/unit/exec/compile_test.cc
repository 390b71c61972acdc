#include "runtime/exec/compile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/graph/builder.h"
#include "runtime/hal/device_registry.h"

namespace concord::exec {
namespace {

using graph::ValueId;
using testing::ElementsAre;

// act(x gate^T) * (x up^T) with weights of these types.
graph::Module GatedModule(const char* gate, const char* up) {
  graph::Builder b("gated");
  const ops::Dim n = ops::Dim::Symbol(ops::kNTokens);
  const auto weight = [&](const char* name, const char* type) {
    return b.Weight(name, {packing::Find(type), {64, 256}, ""}, {.tensor = name});
  };
  const ValueId x = b.Apply1("embed", {{"ids", b.Input("tokens", {n})}, {"table", weight("table", "f32")}});
  const ValueId left = b.Apply1("linear", {{"x", x}, {"w", weight("gate", gate)}});
  const ValueId right = b.Apply1("linear", {{"x", x}, {"w", weight("up", up)}});
  b.Output("y", b.Apply1("glu", {{"gate", left}, {"up", right}}));
  absl::StatusOr<graph::Module> module = b.Finish();
  EXPECT_TRUE(module.ok()) << module.status();
  return *std::move(module);
}

// "op arithmetic" of every node, as the CPU computes the module.
std::vector<std::string> CompiledOnCpu(graph::Module module, const char* compute = "fast") {
  const auto device = hal::DeviceRegistry::Discover({}).Open("cpu");
  EXPECT_TRUE(device.ok()) << device.status();
  const absl::StatusOr<CompiledModule> compiled = CompileModule(&module, **device, compute);
  EXPECT_TRUE(compiled.ok()) << compiled.status();
  std::vector<std::string> nodes;
  for (size_t i = 0; i < module.main.nodes.size(); ++i) {
    nodes.push_back(absl::StrCat(module.main.nodes[i].op->name, " ", compiled->arithmetic[i]));
  }
  return nodes;
}

TEST(CompileModule, TakesTheFirstArithmeticThatTheDeviceHas) {
  EXPECT_THAT(CompiledOnCpu(GatedModule("q4_k", "q4_k")), ElementsAre("embed f32", "fused_linear_glu int8/256"));
  EXPECT_THAT(CompiledOnCpu(GatedModule("q8_0", "q8_0")), ElementsAre("embed f32", "fused_linear_glu int8/32"));
  EXPECT_THAT(CompiledOnCpu(GatedModule("q4_k", "q4_k"), "exact"), ElementsAre("embed f32", "fused_linear_glu f32"));
}

TEST(CompileModule, EachMatrixHasItsOwn) {
  EXPECT_THAT(CompiledOnCpu(GatedModule("q4_k", "q8_0")),
              ElementsAre("embed f32", "linear int8/256", "linear int8/32", "glu f32"));
  EXPECT_THAT(CompiledOnCpu(GatedModule("q4_k", "q8_0"), "exact"),
              ElementsAre("embed f32", "linear f32", "linear f32", "glu f32"));
}

}  // namespace
}  // namespace concord::exec

#include "runtime/graph/split.h"

#include "gmock/gmock.h"
#include "tests/unit/graph/graph_testing.h"

namespace concord::graph {
namespace {

using testing::Bindings;
using ::testing::HasSubstr;
using testing::TinyLlama;

// Every named result of `graph`, and every state under its name, when inputs of `given` have those values.
using Results = std::map<std::string, std::vector<double>>;

std::vector<double> Values(const ops::TensorView& view) {
  std::vector<double> all;
  for (int64_t r = 0; r < view.rows(); ++r) {
    const auto row = view.Row(r);
    all.insert(all.end(), row.begin(), row.end());
  }
  return all;
}

Results Compute(const Graph& graph, const Results& given) {
  const SymbolValues symbols = Bindings::TinySymbols();
  const Bindings bindings(graph, symbols);
  for (size_t id = 0; id < graph.values.size(); ++id) {
    const auto it = given.find(graph.values[id].name);
    if (graph.values[id].role != Role::kInput || it == given.end()) continue;
    const ops::TensorView& view = bindings.views()[id];
    for (int64_t r = 0; r < view.rows(); ++r) view.WriteRow(r, it->second.data() + r * view.cols());
  }
  absl::StatusOr<Evaluation> result = Evaluate(graph, symbols, bindings.views());
  EXPECT_TRUE(result.ok()) << result.status();
  Results results;
  if (!result.ok()) return results;
  for (const NamedOutput& output : graph.outputs) results[output.name] = Values(result->values[output.value]);
  for (size_t id = 0; id < graph.values.size(); ++id) {
    const Value& value = graph.values[id];
    if (value.role == Role::kState && value.alias_of == kNoValue) results[value.name] = Values(result->values[id]);
  }
  return results;
}

// All that the parts give, each getting what those before it made.
Results ComputeParts(const std::vector<ModulePart>& parts) {
  Results all;
  for (const ModulePart& part : parts) {
    for (auto& [name, values] : Compute(part.module.main, all)) {
      EXPECT_TRUE(all.emplace(name, values).second) << name << " is made twice";
    }
  }
  for (auto it = all.begin(); it != all.end();) it = IsCut(it->first) ? all.erase(it) : std::next(it);
  return all;
}

// A device for each node, the same for all nodes of a layer.
std::vector<int32_t> ByScope(const Graph& graph, const std::map<std::string, int32_t>& devices) {
  std::vector<int32_t> device_of;
  for (const Node& node : graph.nodes) {
    const auto it = devices.find(node.scope);
    device_of.push_back(it == devices.end() ? 0 : it->second);
  }
  return device_of;
}

TEST(Split, OneDeviceIsOnePart) {
  const Module whole = TinyLlama().Build().value();
  const auto parts = Split(whole, std::vector<int32_t>(whole.main.nodes.size(), 3));
  ASSERT_TRUE(parts.ok()) << parts.status();
  ASSERT_EQ(parts->size(), 1u);
  EXPECT_EQ(parts->front().device, 3);
  EXPECT_EQ(parts->front().module.main.nodes.size(), whole.main.nodes.size());
  EXPECT_EQ(ComputeParts(*parts), Compute(whole.main, {}));
}

TEST(Split, LayersOnDevicesGiveWhatTheWholeGives) {
  const Module whole = TinyLlama({.n_layers = 3}).Build().value();
  const auto parts = Split(whole, ByScope(whole.main, {{"layers.1", 1}, {"layers.2", 2}}));
  ASSERT_TRUE(parts.ok()) << parts.status();
  ASSERT_EQ(parts->size(), 4u);  // embed and the first layer, two layers, what comes after
  EXPECT_EQ(parts->at(3).device, 0);
  EXPECT_EQ(parts->at(1).module.state_groups.at(0).states.size(), 2u);
  EXPECT_TRUE(parts->at(3).module.state_groups.empty());
  EXPECT_EQ(ComputeParts(*parts), Compute(whole.main, {}));
  size_t weights = 0;
  for (const ModulePart& part : *parts) weights += part.module.weights.size();
  EXPECT_EQ(weights, whole.weights.size() + 2);  // rope's table is needed by three
}

// Any cut, also in the middle of a layer and of a residual branch, as long as states stay together.
TEST(Split, RandomCutsGiveWhatTheWholeGives) {
  const Module whole = TinyLlama({.n_layers = 2}).Build().value();
  ops::CaseRng rng(7);
  int cut = 0;
  for (int round = 0; round < 60; ++round) {
    std::vector<int32_t> device_of;
    for (size_t n = 0; n < whole.main.nodes.size(); ++n) device_of.push_back(static_cast<int32_t>(rng.Int(0, 2)));
    for (size_t n = 1; n < device_of.size(); ++n) {
      const absl::string_view op = whole.main.nodes[n].op->name;
      if (op == "kv_append" || op == "attention") device_of[n] = device_of[n - 1];
    }
    const auto parts = Split(whole, device_of);
    if (!parts.ok()) {
      EXPECT_THAT(parts.status().message(), HasSubstr("the state"));
      continue;
    }
    ++cut;
    EXPECT_EQ(ComputeParts(*parts), Compute(whole.main, {}));
  }
  EXPECT_GE(cut, 20);
}

TEST(Split, WrongCountsAndTornStatesAreErrors) {
  const Module whole = TinyLlama().Build().value();
  EXPECT_THAT(std::string(Split(whole, {0, 1}).status().message()), HasSubstr("2 devices for"));
  std::vector<int32_t> device_of(whole.main.nodes.size(), 0);
  size_t n = 0;
  while (whole.main.nodes[n].op->name != "kv_append") ++n;
  device_of[n] = 1;
  EXPECT_THAT(std::string(Split(whole, device_of).status().message()), HasSubstr("the state 'layers.0.kv"));
}

}  // namespace
}  // namespace concord::graph

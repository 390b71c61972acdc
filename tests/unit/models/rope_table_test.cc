#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "runtime/models/common/rope.h"
#include "tests/unit/loader/loader_testing.h"

namespace concord::models {
namespace {

using loader::ByteString;
using loader::GgufParts;
using loader::ModelSource;
using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

constexpr double kDefaultBase = 77;  // of no file here: a base that is not read would show

// Tables of transformers with the files that mean them; data/generate.py says more.
const json& Cases() {
  static const json* cases = new json(
      json::parse(loader::ReadAll(std::string(CONCORD_SOURCE_DIR) + "/tests/unit/models/data/rope_tables.json")));
  return *cases;
}

std::unique_ptr<ModelSource> OpenHf(const json& config) {
  const loader::ScratchFolder folder;
  folder.Write("config.json", config.dump());
  folder.Write("model.safetensors",
               ByteString().Str(R"({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}})").Put(1.0f).str());
  auto source = loader::Open(folder.path());
  EXPECT_TRUE(source.ok()) << source.status();
  return source.ok() ? *std::move(source) : nullptr;
}

// {"arch": ..., "keys": {key without arch: value}, "tensors": {name: [numbers]}}
std::unique_ptr<ModelSource> OpenGguf(const json& file) {
  const std::string arch = file["arch"];
  GgufParts parts;
  parts.kvs.push_back(GgufParts::StringKv("general.architecture", arch));
  for (const auto& [suffix, value] : file["keys"].items()) {
    const std::string key = absl::StrCat(arch, ".", suffix);
    if (value.is_string()) {
      parts.kvs.push_back(GgufParts::StringKv(key, value));
    } else if (value.is_number_integer()) {
      parts.kvs.push_back(GgufParts::U32Kv(key, value));
    } else {
      parts.kvs.push_back(GgufParts::Kv(key, 6, ByteString().Put(value.get<float>()).str()));
    }
  }
  json tensors = file["tensors"];
  tensors["token_embd.weight"] = {1.0};  // a model has one
  ByteString data;
  for (const auto& [name, values] : tensors.items()) {
    data.PadTo(parts.alignment);
    parts.tensors.push_back({name, {values.size()}, 0, data.str().size()});
    for (const json& value : values) data.Put(value.get<float>());
  }
  parts.data = data.PadTo(parts.alignment).str();
  auto bytes = std::make_shared<std::string>(parts.Encode());
  auto source =
      loader::OpenMemory({reinterpret_cast<const std::byte*>(bytes->data()), bytes->size()}, "test.gguf", {}, bytes);
  EXPECT_TRUE(source.ok()) << source.status();
  return source.ok() ? *std::move(source) : nullptr;
}

// f32 frequencies against the float64 of the data, which has ten digits.
void ExpectTable(const json& wanted, const ModelSource& source) {
  const absl::StatusOr<RopeTable> table = MakeRopeTable(source, wanted["n_rot"], kDefaultBase, wanted["context"]);
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_NEAR(table->attn_factor, wanted["attn_factor"], 1e-6 * wanted["attn_factor"].get<double>());
  const std::vector<double> inv_freq = wanted["inv_freq"];
  ASSERT_EQ(table->inv_freq.size(), inv_freq.size());
  for (size_t i = 0; i < inv_freq.size(); ++i) {
    EXPECT_NEAR(table->inv_freq[i], inv_freq[i], 1e-6 * inv_freq[i]) << "pair " << i;
  }
}

// Returns how many files of that dialect there were.
size_t ExpectAll(const char* dialect, std::unique_ptr<ModelSource> (*open)(const json&)) {
  size_t files = 0;
  for (const json& wanted : Cases()) {
    for (const json& file : wanted[dialect]) {
      SCOPED_TRACE(wanted["name"].get<std::string>() + ": " + file.dump());
      const std::unique_ptr<ModelSource> source = open(file);
      if (source != nullptr) ExpectTable(wanted, *source);
      ++files;
    }
  }
  return files;
}

TEST(RopeTable, HuggingFaceConfigs) { EXPECT_GT(ExpectAll("huggingface", OpenHf), 100u); }

TEST(RopeTable, GgufFiles) { EXPECT_GT(ExpectAll("gguf", OpenGguf), 50u); }

json HfConfig(const json& scaling) {
  return {
      {"model_type", "llama"}, {"max_position_embeddings", 4096}, {"rope_theta", 10000.0}, {"rope_scaling", scaling}};
}

json GgufFile(const json& keys, const json& tensors = json::object()) {
  json file = {{"arch", "llama"}, {"keys", keys}, {"tensors", tensors}};
  file["keys"]["context_length"] = 4096;
  return file;
}

absl::Status Refusal(const std::unique_ptr<ModelSource>& source, int64_t context = 100) {
  return MakeRopeTable(*source, 8, kDefaultBase, context).status();
}

TEST(RopeTable, WithoutABaseTheArchitecturesOwn) {
  json config = HfConfig(nullptr);
  config.erase("rope_theta");
  const auto table = MakeRopeTable(*OpenHf(config), 4, kDefaultBase, 0);
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_THAT(table->inv_freq, testing::Pointwise(testing::FloatEq(), {1.0f, 1 / std::sqrt(77.0f)}));
}

// transformers divides by zero here. A single pair turns by 1 whatever the base is.
TEST(RopeTable, DynamicOfASinglePair) {
  const auto table = MakeRopeTable(*OpenHf(HfConfig({{"rope_type", "dynamic"}, {"factor", 2.0}})), 2, 1e4, 9000);
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_THAT(table->inv_freq, testing::ElementsAre(1.0f));
}

// No reader of such files can know what is meant: transformers refuses them as well.
TEST(RopeTable, AMissingFactorIsAnError) {
  for (const char* type : {"linear", "dynamic", "llama3"}) {
    EXPECT_THAT(loader::Message(Refusal(OpenHf(HfConfig({{"rope_type", type}})))), HasSubstr("rope_scaling.factor"));
  }
}

TEST(RopeTable, SettingsThatMakeNoSense) {
  const std::vector<json> faulty = {
      {{"rope_type", "linear"}, {"factor", 0.0}},
      {{"rope_type", "linear"}, {"factor", -2.0}},
      {{"rope_type", "yarn"}, {"factor", 4.0}, {"beta_fast", -1.0}},
      {{"rope_type", "yarn"}, {"factor", 4.0}, {"beta_slow", -1.0}},
      {{"rope_type", "yarn"}, {"factor", 4.0}, {"attention_factor", 0.0}},
      {{"rope_type", "yarn"}, {"factor", 4.0}, {"attention_factor", -1.0}},
      {{"rope_type", "llama3"}, {"factor", 4.0}, {"low_freq_factor", 0.0}},
      {{"rope_type", "longrope"}, {"short_factor", {1, 1, 1}}, {"long_factor", {1, 1, 1}}},
      {{"rope_type", "longrope"}, {"short_factor", {1, 1, 0, 1}}, {"long_factor", {1, 1, 1, 1}}},
      {{"rope_type", "longrope"}, {"long_factor", {1, 1, 1, 1}}},
      {{"rope_type", "longrope"}, {"short_factor", {1, 1, 1, 1}}, {"original_max_position_embeddings", 1}},
  };
  for (const json& scaling : faulty) {
    EXPECT_EQ(Refusal(OpenHf(HfConfig(scaling))).code(), absl::StatusCode::kInvalidArgument) << scaling;
  }
  EXPECT_THAT(loader::Message(Refusal(OpenHf(HfConfig({{"rope_type", "new"}})))),
              AllOf(HasSubstr("'new'"), HasSubstr("llama3"), HasSubstr("yarn")));
  for (int64_t n_rot : {-2, 0, 7}) EXPECT_FALSE(MakeRopeTable(*OpenHf(HfConfig(nullptr)), n_rot, 1e4, 0).ok());
}

TEST(RopeTable, GgufFilesThatMakeNoSense) {
  const json longrope = {{"rope.scaling.type", "longrope"}, {"rope.scaling.original_context_length", 100}};
  const json short_only = {{"rope_factors_short.weight", {1, 1, 1, 1}}};
  EXPECT_TRUE(Refusal(OpenGguf(GgufFile(longrope, short_only)), 100).ok());
  EXPECT_THAT(loader::Message(Refusal(OpenGguf(GgufFile(longrope, short_only)), 101)),
              HasSubstr("rope_factors_long.weight"));
  EXPECT_THAT(loader::Message(Refusal(OpenGguf(GgufFile({}, {{"rope_freqs.weight", {1, 1, 1}}})))),
              AllOf(HasSubstr("rope_freqs.weight"), HasSubstr("3"), HasSubstr("4")));
  EXPECT_FALSE(Refusal(OpenGguf(GgufFile({{"rope.scaling.attn_factor", -1.0}}))).ok());
  EXPECT_FALSE(Refusal(OpenGguf(GgufFile({{"rope.scaling.factor", 0.0}}))).ok());
}

// The module of a checkpoint of tests/golden with another rope scaling, made for 256 tokens.
std::vector<float> BuiltTable(const json& scaling, int64_t context) {
  const std::string golden = std::string(CONCORD_SOURCE_DIR) + "/tests/golden/llama/";
  const loader::ScratchFolder folder;
  json config = json::parse(loader::ReadAll(golden + "config.json"));
  config["rope_scaling"] = scaling;
  folder.Write("config.json", config.dump());
  std::filesystem::create_symlink(golden + "model.safetensors", folder / "model.safetensors");
  const auto source = loader::Open(folder.path());
  EXPECT_TRUE(source.ok()) << source.status();
  if (!source.ok()) return {};
  const auto module = BuildModule(**source, {.context_tokens = context});
  EXPECT_TRUE(module.ok()) << module.status();
  if (!module.ok()) return {};
  for (const graph::Weight& weight : module->weights) {
    if (!weight.source.values.empty()) return weight.source.values;
  }
  return {};
}

TEST(RopeTable, TheContextOfTheModuleChooses) {
  const json longrope = {{"rope_type", "longrope"},
                         {"original_max_position_embeddings", 64},
                         {"short_factor", {2, 2, 2, 2, 2, 2}},
                         {"long_factor", {4, 4, 4, 4, 4, 4}}};
  const json dynamic = {{"rope_type", "dynamic"}, {"factor", 2.0}};
  for (const auto& [context, divisor] : {std::pair{1, 2}, {64, 2}, {65, 4}, {256, 4}, {1000, 4}, {0, 4}}) {
    const std::vector<float> table = BuiltTable(longrope, context);
    ASSERT_EQ(table.size(), 6u);
    EXPECT_FLOAT_EQ(table[0], 1.0f / static_cast<float>(divisor)) << context;
  }
  const std::vector<float> unscaled = BuiltTable(nullptr, 0);
  for (int64_t context : {0, 1, 256}) EXPECT_EQ(BuiltTable(dynamic, context), unscaled) << context;
  // Three times the base at twice the length: 3^(12/10) over the pairs.
  const std::vector<float> scaled = BuiltTable(dynamic, 512);
  ASSERT_EQ(scaled.size(), 6u);
  EXPECT_NEAR(scaled[5], unscaled[5] / std::pow(3.0, 1.2 * 10 / 12), 1e-6 * unscaled[5]);
}

}  // namespace
}  // namespace concord::models

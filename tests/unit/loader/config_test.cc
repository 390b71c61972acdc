#include "runtime/loader/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "loader_testing.h"
#include "runtime/loader/hf_config.h"
#include "runtime/loader/json.h"
#include "runtime/loader/printable.h"

namespace concord::loader {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

Config Hf(const std::string& text) {
  const absl::StatusOr<Config> config = ParseHfConfig(text, "config.json");
  EXPECT_TRUE(config.ok()) << config.status();
  return config.ok() ? *config : Config(Config::Dialect::kHuggingFace);
}

Names H(absl::string_view hf) { return {.gguf = "", .hf = hf}; }
Names G(absl::string_view gguf) { return {.gguf = gguf, .hf = ""}; }

TEST(Config, OneSettingInBothDialects) {
  constexpr Names kWidth{.gguf = "embedding_length", .hf = "hidden_size|n_embd"};
  Config gguf(Config::Dialect::kGguf, "qwen2");
  gguf.Set("qwen2.embedding_length", int64_t{896});
  EXPECT_EQ(*gguf.RequireInt(kWidth), 896);
  EXPECT_EQ(*Hf(R"({"hidden_size": 64})").RequireInt(kWidth), 64);
  EXPECT_EQ(*Hf(R"({"n_embd": 32})").RequireInt(kWidth), 32);
  EXPECT_EQ(*Hf(R"({"hidden_size": null, "n_embd": 32})").RequireInt(kWidth), 32);
  EXPECT_EQ(*Hf("{}").IntOr(kWidth, 5), 5);
  EXPECT_THAT(Message(Hf("{}").RequireInt(kWidth).status()), HasSubstr("'hidden_size'"));
  EXPECT_THAT(Message(Config(Config::Dialect::kGguf, "llama").RequireInt(kWidth).status()),
              HasSubstr("'llama.embedding_length'"));
  EXPECT_FALSE(Hf("{}").Has(kWidth));
  EXPECT_TRUE(gguf.Has(kWidth));
}

TEST(Config, GgufWholeKeys) {
  Config config(Config::Dialect::kGguf, "llama");
  config.Set("general.name", std::string("x"));
  EXPECT_EQ(*config.RequireString(G("general.name")), "x");
  EXPECT_EQ(config.KeyName(G("general.name")), "general.name");
}

TEST(Config, AWrongTypeIsNeverAbsence) {
  const Config config = Hf(R"({"s": "x", "f": 1.5, "whole": 4096.0, "b": true, "big": 18446744073709551615,
                               "far": 1e300, "mixed": [1, "a"], "nested": [[1]]})");
  EXPECT_THAT(Message(config.IntOr(H("s"), 1).status()),
              AllOf(HasSubstr("'s'"), HasSubstr("'x'"), HasSubstr("integer")));
  EXPECT_FALSE(config.IntOr(H("f"), 1).ok());
  EXPECT_FALSE(config.IntOr(H("b"), 1).ok());
  EXPECT_FALSE(config.IntOr(H("big"), 1).ok());
  EXPECT_FALSE(config.IntOr(H("far"), 1).ok());
  EXPECT_EQ(*config.IntOr(H("whole"), 1), 4096);
  EXPECT_EQ(*config.FloatOr(H("f"), 1), 1.5);
  EXPECT_EQ(*config.FloatOr(H("whole"), 1), 4096.0);
  EXPECT_FALSE(config.FloatOr(H("s"), 1).ok());
  EXPECT_FALSE(config.FloatOr(H("b"), 1).ok());
  EXPECT_FALSE(config.BoolOr(H("whole"), false).ok());
  EXPECT_FALSE(config.StringOr(H("b"), "").ok());
  EXPECT_FALSE(config.IntArray(H("mixed")).ok());
  EXPECT_FALSE(config.StringArray(H("mixed")).ok());
  EXPECT_FALSE(config.IntArray(H("nested")).ok());
  EXPECT_TRUE(config.Has(H("nested")));
}

TEST(Config, Arrays) {
  const Config config = Hf(R"({"i": [1, 2], "n": [1, 2.5], "b": [true, false], "s": ["a"], "e": [], "one": 7})");
  EXPECT_THAT(**config.IntArray(H("i")), ElementsAre(1, 2));
  EXPECT_THAT(**config.FloatArray(H("i")), ElementsAre(1.0, 2.0));
  EXPECT_THAT(**config.FloatArray(H("n")), ElementsAre(1.0, 2.5));
  EXPECT_FALSE(config.IntArray(H("n")).ok());
  EXPECT_THAT(**config.BoolArray(H("b")), ElementsAre(true, false));
  EXPECT_THAT(**config.StringArray(H("s")), ElementsAre("a"));
  EXPECT_THAT(**config.StringArray(H("e")), ElementsAre());
  EXPECT_THAT(**config.IntArray(H("one")), ElementsAre(7));
  EXPECT_FALSE(config.IntArray(H("none"))->has_value());
}

TEST(Config, PerLayer) {
  const Config config = Hf(R"({"one": 7, "three": [1, 2, 3], "e": []})");
  EXPECT_THAT(*config.IntPerLayer(H("one"), 3, 0), ElementsAre(7, 7, 7));
  EXPECT_THAT(*config.IntPerLayer(H("three"), 2, 0), ElementsAre(1, 2));
  EXPECT_THAT(*config.IntPerLayer(H("none"), 2, 9), ElementsAre(9, 9));
  EXPECT_THAT(Message(config.IntPerLayer(H("three"), 4, 0).status()), AllOf(HasSubstr("lists 3"), HasSubstr("want 4")));
  EXPECT_FALSE(config.IntPerLayer(H("e"), 1, 0).ok());
  EXPECT_FALSE(config.IntPerLayer(H("one"), -1, 0).ok());
  EXPECT_FALSE(config.IntPerLayer(H("one"), int64_t{1} << 40, 0).ok());
}

TEST(Config, NestedLanguageModel) {
  const Config config = Hf(R"({"architectures": ["X"], "hidden_size": 9, "eos_token_id": 3, "torch_dtype": "bfloat16",
    "quantization_config": {"quant_method": "fp8"}, "vision_config": {"hidden_size": 1},
    "text_config": {"hidden_size": 64, "rope_parameters": {"rope_theta": 5.0, "rope_type": "yarn", "factor": 2}}})");
  EXPECT_EQ(*config.RequireInt(H("hidden_size")), 64);
  EXPECT_FALSE(config.Has(H("vision_config.hidden_size")));  // not a setting of the language model
  EXPECT_EQ(*config.RequireInt(H("eos_token_id")), 3);
  EXPECT_EQ(*config.RequireString(H("dtype")), "bfloat16");
  EXPECT_EQ(*config.RequireFloat(H("rope_theta")), 5.0);
  EXPECT_EQ(*config.RequireString(H("rope_scaling.rope_type")), "yarn");
  EXPECT_TRUE(config.Has(H("rope_scaling")));
  EXPECT_TRUE(config.Has(H("quantization_config")));
  EXPECT_EQ(*HfArchitecture(config, "config.json"), "X");
}

TEST(Config, RopeInTheDialectsOfTransformers) {
  const Config old = Hf(R"({"rope_theta": 10000, "rope_scaling": {"type": "linear", "factor": 4.0}})");
  EXPECT_EQ(*old.RequireFloat(H("rope_theta")), 10000);
  EXPECT_EQ(*old.RequireString(H("rope_scaling.rope_type")), "linear");
  EXPECT_EQ(*old.RequireFloat(H("rope_scaling.factor")), 4);
  const Config now = Hf(R"({"rope_parameters": {"rope_theta": 2.0, "rope_type": "llama3", "factor": 8,
                            "partial_rotary_factor": 0.5}})");
  EXPECT_EQ(*now.RequireFloat(H("rope_theta")), 2.0);
  EXPECT_EQ(*now.RequireString(H("rope_scaling.type")), "llama3");
  EXPECT_EQ(*now.RequireFloat(H("rope_scaling.factor")), 8);
  EXPECT_EQ(*now.RequireFloat(H("partial_rotary_factor")), 0.5);
  const Config none = Hf(R"({"rope_scaling": null})");
  EXPECT_FALSE(none.Has(H("rope_scaling")));
}

TEST(Config, Architecture) {
  EXPECT_EQ(*HfArchitecture(Hf(R"({"model_type": "gpt2"})"), "c"), "gpt2");
  EXPECT_EQ(*HfArchitecture(Hf(R"({"architectures": [], "model_type": "gpt2"})"), "c"), "gpt2");
  EXPECT_THAT(Message(HfArchitecture(Hf(R"({"architectures": 3})"), "c").status()), HasSubstr("model_type"));
}

TEST(Config, BadJson) {
  const auto message = [](const std::string& text) { return Message(ParseHfConfig(text, "config.json").status()); };
  EXPECT_THAT(message(""), AllOf(HasSubstr("config.json"), HasSubstr("JSON")));
  EXPECT_THAT(message("{\"a\": }"), AllOf(HasSubstr("config.json"), HasSubstr("column 7")));
  EXPECT_THAT(message("[1]"), HasSubstr("not a JSON object"));
  EXPECT_THAT(message("{\"a\": \"\xFF\"}"), HasSubstr("UTF-8"));
  EXPECT_THAT(message(std::string(100000, '[')), HasSubstr("deeper than"));
  std::string nested;
  for (int i = 0; i < 100000; ++i) nested += "{\"a\":";
  EXPECT_THAT(message(nested), HasSubstr("deeper than"));
}

TEST(Config, PythonsLiteralsAreAbsence) {
  const Config config = Hf(R"({"a": NaN, "b": -Infinity, "c": Infinity, "d": "NaN, Infinity", "e": -1, "f\"": NaN})");
  EXPECT_FALSE(config.Has(H("a")));
  EXPECT_FALSE(config.Has(H("b")));
  EXPECT_EQ(*config.RequireString(H("d")), "NaN, Infinity");
  EXPECT_EQ(*config.RequireInt(H("e")), -1);
}

TEST(Json, DuplicatesAreRefusedWhereAsked) {
  const JsonRules strict{.max_depth = 8, .refuse_duplicates = true};
  EXPECT_TRUE(ParseJson(R"({"a": {"b": 1}, "c": [{"b": 1}, {"b": 1}]})", "x", strict).ok());
  EXPECT_THAT(Message(ParseJson(R"({"a": 1, "a": 2})", "x", strict).status()), HasSubstr("'a' twice"));
  EXPECT_THAT(Message(ParseJson(R"([{"c": {"q": 1, "r": 2, "q": 3}}])", "x", strict).status()), HasSubstr("'q' twice"));
  EXPECT_TRUE(ParseJson(R"({"a": 1, "a": 2})", "x").ok());
}

TEST(Generation, StopTokensAndSampling) {
  const Config config = Hf(R"({"eos_token_id": 2, "bos_token_id": 1})");
  const auto own = ParseHfGeneration(
      R"({"eos_token_id": [5, 6], "temperature": 0.6, "top_p": 1, "top_k": 20, "do_sample": true,
          "pad_token_id": null})",
      "generation_config.json", config);
  ASSERT_TRUE(own.ok()) << own.status();
  EXPECT_THAT(own->eos_ids, ElementsAre(5, 6));
  EXPECT_EQ(own->bos_id, 1);
  EXPECT_FALSE(own->pad_id.has_value());
  EXPECT_EQ(own->temperature, 0.6);
  EXPECT_EQ(own->top_p, 1.0);
  EXPECT_EQ(own->top_k, 20);
  EXPECT_EQ(own->do_sample, true);
  EXPECT_FALSE(own->min_p.has_value());
  EXPECT_THAT(ParseHfGeneration("", "g", config)->eos_ids, ElementsAre(2));
  EXPECT_THAT(Message(ParseHfGeneration(R"({"temperature": "hot"})", "g.json", config).status()),
              AllOf(HasSubstr("g.json"), HasSubstr("'temperature'"), HasSubstr("'hot'")));
}

TEST(ChatTemplate, StringOrList) {
  EXPECT_EQ(*ParseHfChatTemplate(R"({"chat_template": "T"})", "x"), "T");
  EXPECT_EQ(*ParseHfChatTemplate(R"({"chat_template": null})", "x"), "");
  EXPECT_EQ(*ParseHfChatTemplate("{}", "x"), "");
  EXPECT_EQ(
      *ParseHfChatTemplate(
          R"({"chat_template": [{"name": "tool_use", "template": "U"}, {"name": "default", "template": "D"}]})", "x"),
      "D");
  EXPECT_FALSE(ParseHfChatTemplate(R"({"chat_template": 3})", "x").ok());
}

TEST(Printable, IsAlwaysPlainUtf8) {
  EXPECT_EQ(Printable("a\n\x01"), "a\\n\\001");
  EXPECT_EQ(Printable("h\xC3\xA9"), "h\xC3\xA9");
  EXPECT_EQ(Printable("\xFF"), "\\xff");
  EXPECT_EQ(Printable("ab\xC3\xA9", 3), "ab...");  // no half a character
  EXPECT_FALSE(IsUtf8("\xC0\x80"));
  EXPECT_FALSE(IsUtf8("\xED\xA0\x80"));
  EXPECT_FALSE(IsUtf8("\xF4\x90\x80\x80"));
  EXPECT_FALSE(IsUtf8("\xE2\x82"));
  EXPECT_TRUE(IsUtf8("\xF0\x9F\x98\x80 ok"));
}

}  // namespace
}  // namespace concord::loader

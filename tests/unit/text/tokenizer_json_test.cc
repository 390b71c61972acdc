#include "runtime/text/tokenizer_json.h"

#include "nlohmann/json.hpp"
#include "tests/unit/text/text_testing.h"

namespace concord::text {
namespace {

using Json = nlohmann::json;

std::string DataFile(const std::string& name) {
  return ReadFile(std::string(CONCORD_SOURCE_DIR) + "/tests/unit/text/data/" + name);
}

std::string Dump(const Json& json) { return json.dump(); }

// The base document of a group of hf_tokenizers.json: 0 byte-level, 1 SentencePiece-like.
Json Base(size_t group) { return Json::parse(DataFile("hf_tokenizers.json"))[group]["base"]; }

TEST(TokenizerJson, GivesTheIdsOfHuggingFace) {
  const Json groups = Json::parse(DataFile("hf_tokenizers.json"));
  int checked = 0;
  for (const Json& group : groups) {
    for (const Json& variant : group["variants"]) {
      Json document = group["base"];
      document.merge_patch(variant["patch"]);
      absl::StatusOr<Vocab> vocab = VocabFromTokenizerJson(Dump(document));
      ASSERT_TRUE(vocab.ok()) << variant["name"] << ": " << vocab.status();
      const std::unique_ptr<Tokenizer> tokenizer = MustCreate(*std::move(vocab));
      ASSERT_NE(tokenizer, nullptr);
      for (const Json& test : variant["cases"]) {
        const std::string text = test["text"];
        const std::vector<int32_t> ids = MustEncode(*tokenizer, text, {.parse_special = true});
        EXPECT_EQ(ids, test["ids"].get<std::vector<int32_t>>()) << variant["name"] << ": " << test["text"];
        EXPECT_EQ(tokenizer->Decode(ids), test["decoded"].get<std::string>())
            << variant["name"] << ": " << test["text"];
        ++checked;
      }
    }
  }
  EXPECT_GT(checked, 400);
}

TEST(TokenizerJson, TemplateDecidesAboutBosAndEos) {
  absl::StatusOr<Vocab> vocab = VocabFromTokenizerJson(Dump(Base(0)));
  ASSERT_TRUE(vocab.ok());
  EXPECT_EQ(vocab->tokens[vocab->bos], "<|begin|>");
  EXPECT_EQ(vocab->add_bos, true);
  EXPECT_EQ(vocab->add_eos, false);
  Json document = Base(0);
  document["post_processor"] = nullptr;
  vocab = VocabFromTokenizerJson(Dump(document), R"({"bos_token": "<|begin|>", "add_bos_token": true})");
  ASSERT_TRUE(vocab.ok());
  EXPECT_EQ(vocab->tokens[vocab->bos], "<|begin|>");
  EXPECT_EQ(vocab->add_bos, false);
}

TEST(TokenizerJson, ConfigNamesSpecialTokensAndAddsMissingOnes) {
  const std::string config = R"({
      "eos_token": {"content": "<|end|>", "special": true}, "pad_token": "<extra>", "unk_token": "<pad>",
      "added_tokens_decoder": {"1000": {"content": "<extra>", "special": true, "rstrip": true}}})";
  absl::StatusOr<Vocab> vocab = VocabFromTokenizerJson(Dump(Base(0)), config);
  ASSERT_TRUE(vocab.ok()) << vocab.status();
  ASSERT_EQ(vocab->tokens.size(), 1001u);
  EXPECT_EQ(vocab->tokens[1000], "<extra>");
  EXPECT_EQ(vocab->types[1000], TokenType::kControl);
  EXPECT_EQ(vocab->types[999], TokenType::kUnused);
  EXPECT_EQ(vocab->tokens[999], "[PAD999]");
  EXPECT_EQ(vocab->pad, 1000);
  EXPECT_EQ(vocab->tokens[vocab->eos], "<|end|>");
  EXPECT_EQ(vocab->unk, -1);  // that of the model, which has none
}

TEST(TokenizerJson, MergesAsPairsAndAsStringsAreTheSame) {
  Json pairs = Base(0), strings = Base(0);
  for (Json& merge : strings["model"]["merges"]) {
    if (merge.is_array()) merge = merge[0].get<std::string>() + " " + merge[1].get<std::string>();
  }
  for (Json& merge : pairs["model"]["merges"]) {
    if (!merge.is_string()) continue;
    const std::string text = merge;
    merge = Json::array({text.substr(0, text.find(' ')), text.substr(text.find(' ') + 1)});
  }
  absl::StatusOr<Vocab> a = VocabFromTokenizerJson(Dump(pairs)), b = VocabFromTokenizerJson(Dump(strings));
  ASSERT_TRUE(a.ok() && b.ok());
  EXPECT_FALSE(a->merges.empty());
  EXPECT_EQ(a->merges, b->merges);
}

TEST(TokenizerJson, WarnsAboutNfc) {
  Json document = Base(0);
  document["normalizer"] = {{"type", "NFC"}};
  const absl::StatusOr<Vocab> vocab = VocabFromTokenizerJson(Dump(document));
  ASSERT_TRUE(vocab.ok()) << vocab.status();
  ASSERT_EQ(vocab->warnings.size(), 1u);
  EXPECT_NE(vocab->warnings[0].find("NFC"), std::string::npos);
}

struct Bad {
  const char* name;
  size_t base;
  const char* patch;
  absl::StatusCode code;
  const char* says;
};

TEST(TokenizerJson, RefusesWhatItCannotDo) {
  const absl::StatusCode unimplemented = absl::StatusCode::kUnimplemented, invalid = absl::StatusCode::kInvalidArgument;
  const Bad bads[] = {
      {"unigram", 1, R"({"model": {"type": "Unigram"}})", unimplemented, "Unigram"},
      {"wordpiece", 1, R"({"model": {"type": "WordPiece"}})", unimplemented, "WordPiece"},
      {"no model", 0, R"({"model": null})", invalid, "model"},
      {"suffix", 0, R"({"model": {"end_of_word_suffix": "</w>"}})", unimplemented, "end_of_word_suffix"},
      {"no vocab", 0, R"({"model": {"vocab": []}})", invalid, "vocab"},
      {"text id", 0, R"({"model": {"vocab": {"a": "x"}}})", invalid, "integer id"},
      {"same id", 0, R"({"model": {"vocab": {"zz1": 5, "zz2": 5}}})", invalid, "both"},
      {"huge id", 0, R"({"model": {"vocab": {"zz1": 4000000000}}})", invalid, "4000000000"},
      {"negative id", 0, R"({"model": {"vocab": {"zz1": -1}}})", invalid, "-1"},
      {"no merges", 0, R"({"model": {"merges": {}}})", invalid, "merges"},
      {"bad pair", 0, R"({"model": {"merges": [["a"]]}})", invalid, "merge 0"},
      {"nfkc", 0, R"({"normalizer": {"type": "NFKC"}})", unimplemented, "NFKC"},
      {"whitespace", 0, R"({"pre_tokenizer": {"type": "Whitespace"}})", unimplemented, "Whitespace"},
      {"no byte level", 0, R"({"pre_tokenizer": null})", unimplemented, "byte-level"},
      {"bert", 0, R"({"post_processor": {"type": "BertProcessing"}})", unimplemented, "BertProcessing"},
      {"removed", 0,
       R"({"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "a"}, "behavior": "Removed", "invert": false}})",
       unimplemented, "Removed"},
      {"two in front", 0, R"({"post_processor": {"type": "TemplateProcessing",
          "special_tokens": {"x": {"ids": [1, 2]}}, "single": [{"SpecialToken": {"id": "x"}}]}})",
       unimplemented, "template"},
      {"template id", 0, R"({"post_processor": {"type": "TemplateProcessing",
          "special_tokens": {"x": {"ids": [99999999]}}, "single": [{"SpecialToken": {"id": "x"}}]}})",
       invalid, "99999999"},
      {"added id", 0, R"({"added_tokens": [{"content": "x", "id": "y"}]})", invalid, "added token"},
      {"added text", 0, R"({"added_tokens": [{"id": 4}]})", invalid, "added token"},
  };
  for (const Bad& bad : bads) {
    Json document = Base(bad.base);
    document.merge_patch(Json::parse(bad.patch));
    const absl::StatusOr<Vocab> vocab = VocabFromTokenizerJson(Dump(document));
    ASSERT_FALSE(vocab.ok()) << bad.name;
    EXPECT_EQ(vocab.status().code(), bad.code) << bad.name << ": " << vocab.status();
    EXPECT_NE(vocab.status().message().find(bad.says), absl::string_view::npos) << bad.name << ": " << vocab.status();
  }
  for (const char* text : {"", "{", "[]", "null", "\xFF", "{\"a\": \"\xFF\"}", "{} x"}) {
    EXPECT_FALSE(VocabFromTokenizerJson(text).ok()) << text;
  }
  EXPECT_FALSE(VocabFromTokenizerJson(Dump(Base(0)), "{").ok());
  EXPECT_FALSE(VocabFromTokenizerJson(Dump(Base(0)), R"({"added_tokens_decoder": {"x": {}}})").ok());
}

TEST(TokenizerJson, DeepNestingIsNoStackOverflow) {
  for (const char* key : {"normalizer", "pre_tokenizer", "post_processor", "added_tokens", "model"}) {
    std::string deep(200'000, '[');
    deep.append(200'000, ']');
    std::string text = Dump(Base(0));
    text.insert(1, std::string("\"") + key + "\":" + deep + ",");  // the later of two equal keys wins
    (void)VocabFromTokenizerJson(text);
    text.insert(text.size() - 1, std::string(",\"") + key + "\":" + deep);
    EXPECT_FALSE(VocabFromTokenizerJson(text).ok()) << key;
  }
}

TEST(TokenizerJson, CutShortNeverSucceeds) {
  const std::string whole = Dump(Base(1));
  for (size_t size = 0; size < whole.size(); size += 37) {
    EXPECT_FALSE(VocabFromTokenizerJson(absl::string_view(whole).substr(0, size)).ok()) << size;
  }
}

}  // namespace
}  // namespace concord::text

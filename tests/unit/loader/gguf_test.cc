#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "loader_testing.h"
#include "runtime/base/vocab.h"
#include "runtime/loader/gguf_types.h"

namespace concord::loader {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(Gguf, ReadsASmallFile) {
  const ExactBytes bytes(SmallGguf().Encode());
  const auto source = OpenMemory(bytes.span(), "dir/small.gguf");
  ASSERT_TRUE(source.ok()) << source.status();
  const ModelSource& model = **source;
  EXPECT_EQ(model.format(), Format::kGguf);
  EXPECT_EQ(model.architecture(), "llama");
  EXPECT_EQ(model.name(), "small.gguf");
  EXPECT_EQ(model.total_bytes(), 24 + 34);
  ASSERT_EQ(model.tensors().size(), 2u);
  const Tensor* a = model.Find("a.weight");
  ASSERT_NE(a, nullptr);
  EXPECT_THAT(a->dims, ElementsAre(2, 3));  // GGUF's ne is 3, 2
  EXPECT_EQ(a->type, packing::Find("f32"));
  EXPECT_EQ(a->file_type, "F32");
  float value = 0;
  std::memcpy(&value, a->data + 5 * sizeof(float), sizeof(float));
  EXPECT_EQ(value, 5.5f);
  EXPECT_EQ((*model.Require("b.weight"))->type, packing::Find("q8_0"));
  EXPECT_EQ(*model.Optional("c.weight"), nullptr);
  EXPECT_THAT(Message(model.Require("c.weight").status()), AllOf(HasSubstr("'c.weight'"), HasSubstr("'b.weight'")));
  EXPECT_EQ(*model.config().RequireInt({.gguf = "block_count", .hf = ""}), 2);
  EXPECT_EQ(*model.config().FloatOr({.gguf = "scale", .hf = ""}, 0), 1.5);
  EXPECT_EQ(*model.config().BoolOr({.gguf = "flag", .hf = ""}, false), true);
  EXPECT_THAT(**model.config().IntArray({.gguf = "list", .hf = ""}), ElementsAre(-1, 2, 3));
  ASSERT_NE(model.tokenizer().vocab, nullptr);
  EXPECT_EQ(model.tokenizer().vocab->kind, VocabKind::kByteLevelBpe);
  EXPECT_THAT(model.tokenizer().vocab->tokens, ElementsAre("a", "\xC4\xA0"));
  EXPECT_EQ(model.gguf_entries().size(), 7u);
  EXPECT_EQ(model.metadata()[6].second, "['a', '\xC4\xA0']");
}

TEST(Gguf, VersionTwoIsTheSame) {
  GgufParts parts = SmallGguf();
  parts.version = 2;
  EXPECT_TRUE(OpenBytes(parts.Encode()).ok());
}

TEST(Gguf, EveryTruncationIsRefused) {
  const std::string whole = SmallGguf().Encode();
  ASSERT_TRUE(OpenBytes(whole).ok());
  for (size_t size = 0; size < whole.size(); ++size) {
    const absl::Status status = OpenBytes(whole.substr(0, size));
    EXPECT_FALSE(status.ok()) << "cut to " << size;
    EXPECT_THAT(Message(status), HasSubstr("test.gguf")) << "cut to " << size;
  }
}

TEST(Gguf, NoChangedByteCrashes) {
  const std::string whole = SmallGguf().Encode();
  for (size_t at = 0; at < whole.size(); ++at) {
    for (int flip : {0x01, 0x02, 0x10, 0x40, 0x80, 0xFF}) {
      std::string spoilt = whole;
      spoilt[at] = static_cast<char>(spoilt[at] ^ flip);
      OpenBytes(spoilt).IgnoreError();
      OpenBytes(spoilt, {.progress = {}, .list_only = true}).IgnoreError();
    }
  }
}

TEST(Gguf, NoRandomDamageCrashes) {
  std::mt19937_64 random(20240611);
  const std::string whole = SmallGguf().Encode();
  for (int round = 0; round < 3000; ++round) {
    std::string spoilt = whole;
    for (int k = 0; k < 4; ++k) {
      const size_t at = random() % (spoilt.size() - 8);
      const uint64_t value = random() >> (random() % 64);
      std::memcpy(&spoilt[at], &value, 1 + random() % 8);
    }
    OpenBytes(spoilt).IgnoreError();
  }
}

// One fault each, with the words that its message must hold.
struct Fault {
  const char* what;
  void (*spoil)(GgufParts&);
  std::vector<std::string> words;
  absl::StatusCode code = absl::StatusCode::kInvalidArgument;
};

std::vector<Fault> Faults() {
  using P = GgufParts;
  const auto unimplemented = absl::StatusCode::kUnimplemented;
  return {
      {"magic", [](P& p) { p.magic = "GGML"; }, {"not a GGUF file", "'GGML'"}},
      {"version 1", [](P& p) { p.version = 1; }, {"version 1", "2 and 3"}, unimplemented},
      {"version 4", [](P& p) { p.version = 4; }, {"version 4", "2 and 3"}, unimplemented},
      {"big-endian", [](P& p) { p.version = 0x03000000; }, {"big-endian"}, unimplemented},
      {"tensor count", [](P& p) { p.extra_tensors = 1ull << 62; }, {"tensors", "no room"}},
      {"kv count", [](P& p) { p.extra_kvs = 1ull << 40; }, {"metadata entries", "no room"}},
      {"one tensor too many", [](P& p) { p.extra_tensors = 1; }, {"tensor"}},
      {"key length",
       [](P& p) { p.kvs[1] = ByteString().U64(1ull << 63).Raw("llama.x").str(); },
       {"key of metadata entry 1", "9223372036854775808", "left"}},
      {"long key", [](P& p) { p.kvs.push_back(P::U32Kv(std::string(70000, 'k'), 1)); }, {"70000", "65535"}},
      {"empty key", [](P& p) { p.kvs.push_back(P::U32Kv("", 1)); }, {"entry 7", "empty"}},
      {"duplicate key", [](P& p) { p.kvs.push_back(p.kvs[1]); }, {"'llama.block_count'", "twice"}},
      {"value type", [](P& p) { p.kvs.push_back(P::Kv("x", 13, "")); }, {"'x'", "value type 13"}},
      {"nested array",
       [](P& p) { p.kvs.push_back(P::Kv("x", 9, ByteString().U32(9).U64(1).U32(4).U64(0).str())); },
       {"'x'", "array of arrays"},
       unimplemented},
      {"array length",
       [](P& p) { p.kvs.push_back(P::Kv("x", 9, ByteString().U32(10).U64(1ull << 61).str())); },
       {"'x'", "2305843009213693952 values"}},
      {"string array count",
       [](P& p) { p.kvs.push_back(P::Kv("x", 9, ByteString().U32(8).U64(1ull << 60).str())); },
       {"'x'", "values of type string"}},
      {"string in array",
       [](P& p) { p.kvs.push_back(P::Kv("x", 9, ByteString().U32(8).U64(2).Str("a").U64(1ull << 40).str())); },
       {"string 1 of 'x'"}},
      {"bool", [](P& p) { p.kvs[3] = P::Kv("llama.flag", 7, "\x02"); }, {"'llama.flag'", "neither 0 nor 1"}},
      {"alignment type", [](P& p) { p.kvs.push_back(P::StringKv("general.alignment", "32")); }, {"u32"}},
      {"alignment 24", [](P& p) { p.kvs.push_back(P::U32Kv("general.alignment", 24)); }, {"24", "power of two"}},
      {"alignment 0", [](P& p) { p.kvs.push_back(P::U32Kv("general.alignment", 0)); }, {"power of two"}},
      {"no architecture", [](P& p) { p.kvs.erase(p.kvs.begin()); }, {"general.architecture"}},
      {"architecture type", [](P& p) { p.kvs[0] = P::U32Kv("general.architecture", 1); }, {"want a string"}},
      {"not a model", [](P& p) { p.kvs.push_back(P::StringKv("general.type", "adapter")); }, {"'adapter'"}},
      {"zero dimension", [](P& p) { p.tensors[0].ne[1] = 0; }, {"'a.weight'", "dimension 1 is 0"}},
      {"negative dimension", [](P& p) { p.tensors[0].ne[1] = ~0ull; }, {"'a.weight'", "dimension 1"}},
      {"no dimensions", [](P& p) { p.tensors[0].ne.clear(); }, {"'a.weight'", "0 dimensions"}},
      {"five dimensions",
       [](P& p) {
         p.tensors[0].ne = {1, 1, 1, 1, 6};
       },
       {"'a.weight'", "5 dimensions"}},
      {"overflow",
       [](P& p) {
         p.tensors[0].ne = {1ull << 40, 1ull << 40};
       },
       {"'a.weight'", "overflow"}},
      {"byte overflow",
       [](P& p) {
         p.tensors[0].ne = {1ull << 31, 1ull << 31};
       },
       {"'a.weight'", "overflow"}},
      {"block", [](P& p) { p.tensors[1].ne[0] = 33; }, {"'b.weight'", "33", "multiple of 32", "Q8_0"}},
      {"unaligned", [](P& p) { p.tensors[1].offset = 33; }, {"'b.weight'", "33", "alignment 32"}},
      {"beyond the end", [](P& p) { p.tensors[1].offset = 64; }, {"'b.weight'", "ends at"}},
      {"huge offset", [](P& p) { p.tensors[1].offset = ~0ull - 31; }, {"'b.weight'"}},
      {"overlap", [](P& p) { p.tensors[1].offset = 0; }, {"'a.weight'", "'b.weight'", "overlap"}},
      {"duplicate name", [](P& p) { p.tensors[1].name = "a.weight"; }, {"two tensors", "'a.weight'"}},
      {"empty name", [](P& p) { p.tensors[1].name = ""; }, {"tensor 1", "empty"}},
      {"bad UTF-8", [](P& p) { p.tensors[1].name = "\xFF\xFE"; }, {"tensor 1", "UTF-8"}},
      {"removed type", [](P& p) { p.tensors[0].type = 4; }, {"'a.weight'", "Q4_2", "removed"}, unimplemented},
      {"removed type 38", [](P& p) { p.tensors[0].type = 38; }, {"IQ4_NL_8_8", "removed"}, unimplemented},
      {"ik type", [](P& p) { p.tensors[0].type = 97; }, {"type 97", "ik_llama.cpp's own"}, unimplemented},
      {"ik Q6_0", [](P& p) { p.tensors[0].type = 133; }, {"Q6_0", "ik_llama.cpp's own"}, unimplemented},
      {"unknown type", [](P& p) { p.tensors[0].type = 4711; }, {"unknown type 4711"}, unimplemented},
      {"tokens of numbers",
       [](P& p) { p.kvs[6] = P::Kv("tokenizer.ggml.tokens", 9, ByteString().U32(4).U64(1).U32(1).str()); },
       {"'tokenizer.ggml.tokens'", "array of u32", "want an array of strings"}},
      {"no tokens", [](P& p) { p.kvs.pop_back(); }, {"tokenizer.ggml.tokens"}},
      {"token type",
       [](P& p) { p.kvs.push_back(P::Kv("tokenizer.ggml.token_type", 9, ByteString().U32(5).U64(1).U32(9).str())); },
       {"token 0", "type 9"}},
      {"template type", [](P& p) { p.kvs.push_back(P::U32Kv("tokenizer.chat_template", 1)); }, {"want a string"}},
  };
}

TEST(Gguf, EachFaultIsNamed) {
  for (const Fault& fault : Faults()) {
    GgufParts parts = SmallGguf();
    fault.spoil(parts);
    const absl::Status status = OpenBytes(parts.Encode());
    EXPECT_EQ(status.code(), fault.code) << fault.what << ": " << status;
    EXPECT_THAT(Message(status), HasSubstr("test.gguf")) << fault.what;
    for (const std::string& word : fault.words) EXPECT_THAT(Message(status), HasSubstr(word)) << fault.what;
  }
}

TEST(Gguf, TypesThatAreNotReadAreNamedOrListed) {
  GgufParts parts = SmallGguf();
  parts.tensors[0] = {"a.weight", {256}, 16, 0};  // IQ2_XXS: 66 bytes
  parts.tensors[1].offset = 96;
  parts.data = std::string(96 + 34, '\0');
  const std::string file = parts.Encode();
  const absl::Status status = OpenBytes(file);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(Message(status), AllOf(HasSubstr("'a.weight'"), HasSubstr("IQ2_XXS"), HasSubstr("q4_k")));
  const ExactBytes bytes(file);
  const auto listed = OpenMemory(bytes.span(), "x", {.progress = {}, .list_only = true});
  ASSERT_TRUE(listed.ok()) << listed.status();
  EXPECT_EQ((*listed)->Find("a.weight")->type, nullptr);
  EXPECT_EQ((*listed)->Require("a.weight").status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_EQ((*listed)->Optional("a.weight").status().code(), absl::StatusCode::kUnimplemented);
}

TEST(Gguf, TypeTableAgreesWithThePackings) {
  int32_t count = 0;
  const packing::Packing* const* all = packing::All(&count);
  for (int32_t i = 0; i < count; ++i) {
    if (all[i]->gguf_type < 0) continue;
    const GgufTensorType* type = FindGgufTensorType(static_cast<uint32_t>(all[i]->gguf_type));
    ASSERT_NE(type, nullptr) << all[i]->name;
    EXPECT_EQ(type->block_elems, all[i]->block_elems) << all[i]->name;
    EXPECT_EQ(type->block_bytes, all[i]->block_bytes) << all[i]->name;
  }
}

TEST(Gguf, UnknownTokenizerDoesNotHideTheModel) {
  GgufParts parts = SmallGguf();
  parts.kvs[5] = GgufParts::StringKv("tokenizer.ggml.model", "t5");
  const ExactBytes bytes(parts.Encode());
  const auto source = OpenMemory(bytes.span(), "x");
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_EQ((*source)->tokenizer().vocab, nullptr);
  EXPECT_THAT(Message((*source)->tokenizer().vocab_status), HasSubstr("'t5'"));
}

TEST(Gguf, RecommendedSamplingAndStopTokens) {
  GgufParts parts = SmallGguf();
  parts.kvs.push_back(GgufParts::Kv("general.sampling.temp", 6, ByteString().Put(0.5f).str()));
  parts.kvs.push_back(GgufParts::Kv("general.sampling.top_k", 5, ByteString().Put(20).str()));
  parts.kvs.push_back(GgufParts::U32Kv("tokenizer.ggml.eos_token_id", 1));
  parts.kvs.push_back(GgufParts::U32Kv("tokenizer.ggml.eot_token_id", 0));
  parts.kvs.push_back(GgufParts::U32Kv("tokenizer.ggml.bos_token_id", 0xFFFFFFFF));
  const ExactBytes bytes(parts.Encode());
  const auto source = OpenMemory(bytes.span(), "x");
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_EQ((*source)->generation().temperature, 0.5);
  EXPECT_EQ((*source)->generation().top_k, 20);
  EXPECT_THAT((*source)->generation().eos_ids, ElementsAre(1, 0));
  EXPECT_FALSE((*source)->generation().bos_id.has_value());
}

// Part `index` of a model of `count` parts; each holds one tensor.
std::string SplitPart(uint16_t index, uint16_t count, int32_t tensors) {
  GgufParts parts;
  const auto u16 = [](uint16_t v) { return ByteString().Put(v).str(); };
  if (index == 0) parts.kvs.push_back(GgufParts::StringKv("general.architecture", "llama"));
  parts.kvs.push_back(GgufParts::Kv("split.no", 2, u16(index)));
  parts.kvs.push_back(GgufParts::Kv("split.count", 2, u16(count)));
  parts.kvs.push_back(GgufParts::Kv("split.tensors.count", 5, ByteString().Put(tensors).str()));
  parts.tensors = {{"t" + std::to_string(index), {8}, 0, 0}};
  parts.data = ByteString().Put(static_cast<float>(index)).Raw(std::string(28, '\0')).str();
  return parts.Encode();
}

TEST(GgufSplit, AllPartsAreOneModel) {
  const ScratchFolder folder;
  const std::string first = folder.Write("m-00001-of-00003.gguf", SplitPart(0, 3, 3));
  const std::string second = folder.Write("m-00002-of-00003.gguf", SplitPart(1, 3, 3));
  folder.Write("m-00003-of-00003.gguf", SplitPart(2, 3, 3));
  const auto source = Open(first);
  ASSERT_TRUE(source.ok()) << source.status();
  ASSERT_EQ((*source)->tensors().size(), 3u);
  for (int i = 0; i < 3; ++i) {
    const Tensor* tensor = (*source)->Find("t" + std::to_string(i));
    ASSERT_NE(tensor, nullptr);
    EXPECT_EQ(tensor->file_index, i);
    float value = -1;
    std::memcpy(&value, tensor->data, sizeof(value));
    EXPECT_EQ(value, static_cast<float>(i));
  }
  int64_t last = 0;
  (*source)->Prefetch([&](const Progress& p) {
    EXPECT_GT(p.done_bytes, last);
    EXPECT_LE(p.done_bytes, p.total_bytes);
    last = p.done_bytes;
  });
  EXPECT_GT(last, 3 * 32);
  EXPECT_THAT(Message(Open(second).status()), AllOf(HasSubstr("part 2 of 3"), HasSubstr("m-00001-of-00003.gguf")));
}

TEST(GgufSplit, FaultsAreNamed) {
  const ScratchFolder folder;
  const std::string first = folder.Write("m-00001-of-00002.gguf", SplitPart(0, 2, 2));
  EXPECT_EQ(Open(first).status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(Message(Open(first).status()), HasSubstr("m-00002-of-00002.gguf"));
  const auto with_second = [&](const std::string& bytes) {
    folder.Write("m-00002-of-00002.gguf", bytes);
    return Message(Open(first).status());
  };
  EXPECT_THAT(with_second(SplitPart(0, 2, 2)), AllOf(HasSubstr("m-00002"), HasSubstr("part 1 of 2")));
  EXPECT_THAT(with_second(SplitPart(1, 3, 3)), HasSubstr("part 2 of 3"));
  EXPECT_THAT(with_second(SplitPart(1, 2, 2).substr(0, 40)), AllOf(HasSubstr("m-00002"), HasSubstr("copied whole")));
  folder.Write("m-00002-of-00002.gguf", SplitPart(1, 2, 2));
  folder.Write("m-00001-of-00002.gguf", SplitPart(0, 2, 7));
  EXPECT_THAT(Message(Open(first).status()), AllOf(HasSubstr("hold 2"), HasSubstr("want 7")));
  const std::string renamed = folder.Write("other.gguf", SplitPart(0, 2, 2));
  EXPECT_THAT(Message(Open(renamed).status()), HasSubstr("NAME-00001-of-00002.gguf"));
  EXPECT_THAT(Message(OpenBytes(SplitPart(0, 2, 2))), HasSubstr("NAME-00001-of-00002.gguf"));
}

TEST(Gguf, Stories260K) {
  const std::string path = std::string(CONCORD_SHARED_DIR) + "/data/stories260K.gguf";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no test data at " << path;
  const auto source = Open(path);
  ASSERT_TRUE(source.ok()) << source.status();
  const ModelSource& model = **source;
  EXPECT_EQ(model.architecture(), "llama");
  EXPECT_EQ(*model.config().RequireInt({.gguf = "block_count", .hf = ""}), 5);
  EXPECT_EQ(*model.config().RequireInt({.gguf = "embedding_length", .hf = ""}), 64);
  EXPECT_THAT((*model.Require("token_embd.weight"))->dims, ElementsAre(512, 64));
  EXPECT_THAT((*model.Require("blk.4.ffn_up.weight"))->dims, ElementsAre(172, 64));
  ASSERT_NE(model.tokenizer().vocab, nullptr);
  EXPECT_EQ(model.tokenizer().vocab->kind, VocabKind::kSpm);
  EXPECT_EQ(model.tokenizer().vocab->tokens.size(), 512u);
  EXPECT_EQ(model.tokenizer().vocab->scores.size(), 512u);
  EXPECT_EQ(model.tokenizer().vocab->bos, 1);
  EXPECT_EQ(model.tokenizer().vocab->types[3], TokenType::kByte);
  Touch(model);
}

}  // namespace
}  // namespace concord::loader

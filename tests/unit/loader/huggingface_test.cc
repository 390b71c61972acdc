#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "loader_testing.h"

namespace concord::loader {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

// A safetensors file of f32 vectors of one element, tensor i holding the value i.
std::string Shard(const std::vector<std::string>& names) {
  std::string header = "{";
  ByteString data;
  for (size_t i = 0; i < names.size(); ++i) {
    header += (i == 0 ? "\"" : ", \"") + names[i] + R"(": {"dtype": "F32", "shape": [1], "data_offsets": [)" +
              std::to_string(4 * i) + ", " + std::to_string(4 * i + 4) + "]}";
    data.Put(static_cast<float>(i));
  }
  return ByteString().Str(header + "}").Raw(data.str()).str();
}

constexpr char kConfig[] = R"({"architectures": ["LlamaForCausalLM"], "hidden_size": 64, "eos_token_id": 2})";

TEST(HuggingFace, OneFile) {
  const ScratchFolder folder;
  folder.Write("config.json", kConfig);
  folder.Write("model.safetensors", Shard({"a", "b"}));
  folder.Write("tokenizer.json", "{\"t\": 1}");
  folder.Write("tokenizer_config.json", R"({"chat_template": "from config"})");
  folder.Write("tokenizer.model", "sp");
  folder.Write("generation_config.json", R"({"eos_token_id": [7, 8]})");
  const auto source = Open(folder.path() + "/");
  ASSERT_TRUE(source.ok()) << source.status();
  const ModelSource& model = **source;
  EXPECT_EQ(model.format(), Format::kHuggingFace);
  EXPECT_EQ(model.architecture(), "LlamaForCausalLM");
  EXPECT_EQ(model.name(), std::filesystem::path(folder.path()).filename().string());
  EXPECT_EQ(*model.config().RequireInt({.gguf = "embedding_length", .hf = "hidden_size"}), 64);
  EXPECT_EQ(model.tensors().size(), 2u);
  EXPECT_EQ(model.tokenizer().tokenizer_json, "{\"t\": 1}");
  EXPECT_EQ(model.tokenizer().tokenizer_model, "sp");
  EXPECT_EQ(model.tokenizer().vocab, nullptr);
  EXPECT_FALSE(model.tokenizer().empty());
  EXPECT_EQ(model.chat_template(), "from config");
  EXPECT_THAT(model.generation().eos_ids, ElementsAre(7, 8));
  EXPECT_FALSE(model.metadata().empty());
  folder.Write("chat_template.jinja", "from file");
  EXPECT_EQ((*Open(folder.path()))->chat_template(), "from file");
}

TEST(HuggingFace, Shards) {
  const ScratchFolder folder;
  folder.Write("config.json", kConfig);
  folder.Write("x-1.safetensors", Shard({"a", "unmapped"}));
  folder.Write("x-2.safetensors", Shard({"b", "a"}));  // this "a" is not the mapped one
  folder.Write("model.safetensors.index.json", R"({"metadata": {"total_size": 8}, "weight_map": {"a":
               "x-1.safetensors", "b": "x-2.safetensors"}})");
  const auto source = Open(folder.path());
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_EQ((*source)->tensors().size(), 2u);
  EXPECT_EQ((*source)->Find("a")->file_index, 0);
  EXPECT_EQ((*source)->Find("b")->file_index, 1);
  EXPECT_EQ((*source)->Find("unmapped"), nullptr);
}

TEST(HuggingFace, LinksAreFollowed) {
  const ScratchFolder blobs, folder;
  std::filesystem::create_symlink(blobs.Write("1", kConfig), folder / "config.json");
  std::filesystem::create_symlink(blobs.Write("2", Shard({"a"})), folder / "model.safetensors");
  EXPECT_TRUE(Open(folder.path()).ok());
}

TEST(HuggingFace, FaultyIndexes) {
  const ScratchFolder folder;
  folder.Write("config.json", kConfig);
  folder.Write("x.safetensors", Shard({"a"}));
  const auto with_index = [&](const std::string& index) {
    folder.Write("model.safetensors.index.json", index);
    return Message(Open(folder.path()).status());
  };
  const auto map = [](const std::string& file) { return "{\"weight_map\": {\"a\": " + file + "}}"; };
  EXPECT_EQ(with_index(map("\"x.safetensors\"")), "");
  for (const char* bad : {"\"../x.safetensors\"", "\"/etc/passwd\"", "\"a\\\\b\"", "\"..\"", "\"\"", "\"x\\u0000y\""}) {
    EXPECT_THAT(with_index(map(bad)), AllOf(HasSubstr("'a'"), HasSubstr("plain name"))) << bad;
  }
  EXPECT_THAT(with_index(map("3")), HasSubstr("not a string"));
  EXPECT_THAT(with_index("{}"), HasSubstr("weight_map"));
  EXPECT_THAT(with_index("[]"), HasSubstr("JSON object"));
  EXPECT_THAT(with_index(map("\"gone.safetensors\"")), AllOf(HasSubstr("gone.safetensors"), HasSubstr("missing")));
  EXPECT_THAT(with_index(R"({"weight_map": {"a": "x.safetensors", "nope": "x.safetensors"}})"),
              AllOf(HasSubstr("x.safetensors"), HasSubstr("'nope'")));
  EXPECT_THAT(with_index(R"({"weight_map": {"a": "x.safetensors", "a": "y"}})"), HasSubstr("twice"));
}

TEST(HuggingFace, FaultyFolders) {
  const ScratchFolder folder;
  const auto message = [&] { return Message(Open(folder.path()).status()); };
  EXPECT_THAT(message(), AllOf(HasSubstr(folder.path()), HasSubstr("no config.json")));
  folder.Write("llama.gguf", "x");
  EXPECT_THAT(message(), HasSubstr("'llama.gguf'"));
  folder.Write("config.json", "{");
  EXPECT_THAT(message(), AllOf(HasSubstr("config.json"), HasSubstr("JSON")));
  folder.Write("config.json", "{}");
  EXPECT_THAT(message(), HasSubstr("architectures"));
  folder.Write("config.json", kConfig);
  EXPECT_THAT(message(), HasSubstr("no weights"));
  folder.Write("pytorch_model.bin", "x");
  EXPECT_THAT(message(), AllOf(HasSubstr("pytorch_model.bin"), HasSubstr("safetensors")));
  folder.Write("model.safetensors", "version https://git-lfs.github.com/spec/v1\n");
  EXPECT_THAT(message(), AllOf(HasSubstr("model.safetensors"), HasSubstr("Git LFS")));
  folder.Write("model.safetensors", Shard({"a"}));
  EXPECT_EQ(message(), "");
  folder.Write("generation_config.json", "{\"eos_token_id\": \"x\"}");
  EXPECT_THAT(message(), AllOf(HasSubstr("generation_config.json"), HasSubstr("'eos_token_id'")));
  folder.Write("generation_config.json", "version https://git-lfs.github.com/spec/v1\n");
  EXPECT_THAT(message(), AllOf(HasSubstr("generation_config.json"), HasSubstr("Git LFS")));
}

TEST(Open, WhatIsNoModel) {
  const ScratchFolder folder;
  const auto message = [&](const std::string& name, const std::string& bytes) {
    return Message(Open(folder.Write(name, bytes)).status());
  };
  EXPECT_THAT(message("a.safetensors", Shard({"a"})), HasSubstr("give the folder"));
  EXPECT_THAT(message("config.json", kConfig), HasSubstr("give the folder"));
  EXPECT_THAT(message("m.bin", "PK\x03\x04zip"), HasSubstr("PyTorch"));
  EXPECT_THAT(message("m.pt", "whatever"), HasSubstr("PyTorch"));
  EXPECT_THAT(message("m.gguf", "version https://git-lfs.github.com/spec/v1\n"), HasSubstr("git lfs pull"));
  EXPECT_THAT(message("m.gguf", ""), HasSubstr("empty"));
  EXPECT_THAT(message("m.gguf", "no\x01\xFF"), AllOf(HasSubstr("not a model"), HasSubstr("\\x01\\xff")));
  EXPECT_THAT(Message(Open("").status()), HasSubstr("empty"));
  EXPECT_EQ(Open(folder / "nothing.gguf").status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(Message(Open(folder / "nothing.gguf").status()), HasSubstr("No such file"));
  EXPECT_EQ(Open(std::string("a\0b", 3)).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Open("/dev/zero").status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace concord::loader

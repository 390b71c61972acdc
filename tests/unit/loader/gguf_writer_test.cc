#include "runtime/loader/gguf_writer.h"

#include <unistd.h>

#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "loader_testing.h"
#include "runtime/base/vocab.h"

namespace concord::loader {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

absl::Span<const std::byte> AsBytes(const std::string& text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

std::string RandomBytes(size_t size, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::string bytes(size, '\0');
  for (char& c : bytes) c = static_cast<char>(random());
  return bytes;
}

TEST(GgufWriter, WhatIsWrittenIsRead) {
  for (uint32_t alignment : {8u, 32u, 128u}) {
    const ScratchFolder folder;
    const std::string path = folder / "out.gguf";
    GgufWriter writer;
    writer.SetString("general.architecture", "qwen2");
    writer.SetU32("general.alignment", alignment);
    writer.SetU64("qwen2.big", 1ull << 40);
    writer.SetI32("qwen2.negative", -7);
    writer.SetF32("qwen2.ratio", 0.25f);
    writer.SetBool("qwen2.yes", false);
    writer.SetBool("qwen2.yes", true);  // replaces
    writer.SetString("tokenizer.ggml.model", "llama");
    writer.SetStrings("tokenizer.ggml.tokens", {"x", "", std::string("a\0b", 3)});
    writer.SetF32s("tokenizer.ggml.scores", std::vector<float>{0, -1, -2.5f});
    writer.SetI32s("tokenizer.ggml.token_type", std::vector<int32_t>{1, 3, 6});
    const char* types[] = {"f32", "q4_k", "f16", "q8_0"};
    const std::vector<int64_t> dims[] = {{3, 5}, {2, 3, 256}, {1}, {7, 96}};
    std::vector<std::string> data;
    for (int i = 0; i < 4; ++i) {
      ASSERT_TRUE(writer.AddTensor("tensor" + std::to_string(i), *packing::Find(types[i]), dims[i]).ok());
      data.push_back(RandomBytes(static_cast<size_t>(writer.size_bytes(i)), 17 + static_cast<uint64_t>(i)));
    }
    ASSERT_TRUE(writer.Open(path).ok());
    EXPECT_FALSE(std::filesystem::exists(path));  // not before it is whole
    for (const std::string& bytes : data) {
      const size_t half = bytes.size() / 2;
      ASSERT_TRUE(writer.Append(AsBytes(bytes.substr(0, half))).ok());
      ASSERT_TRUE(writer.Append(AsBytes(bytes.substr(half))).ok());
    }
    ASSERT_TRUE(writer.Finish().ok());
    EXPECT_EQ(folder.file_count(), 1u);
    EXPECT_EQ(static_cast<int64_t>(std::filesystem::file_size(path)), writer.file_bytes());

    const auto source = Open(path);
    ASSERT_TRUE(source.ok()) << source.status();
    const Config& config = (*source)->config();
    EXPECT_EQ(*config.RequireInt({.gguf = "big", .hf = ""}), int64_t{1} << 40);
    EXPECT_EQ(*config.RequireInt({.gguf = "negative", .hf = ""}), -7);
    EXPECT_EQ(*config.RequireFloat({.gguf = "ratio", .hf = ""}), 0.25);
    EXPECT_EQ(*config.BoolOr({.gguf = "yes", .hf = ""}, false), true);
    const Vocab& vocab = *(*source)->tokenizer().vocab;
    EXPECT_THAT(vocab.tokens, ElementsAre("x", "", std::string("a\0b", 3)));
    EXPECT_THAT(vocab.scores, ElementsAre(0, -1, -2.5f));
    EXPECT_THAT(vocab.types, ElementsAre(TokenType::kNormal, TokenType::kControl, TokenType::kByte));
    for (size_t i = 0; i < 4; ++i) {
      const Tensor& tensor = (*source)->tensors()[i];
      EXPECT_EQ(tensor.dims, dims[i]);
      EXPECT_EQ(reinterpret_cast<uintptr_t>(tensor.data) % alignment, 0u);
      EXPECT_EQ(std::string(reinterpret_cast<const char*>(tensor.data), static_cast<size_t>(tensor.size_bytes)),
                data[i]);
    }
  }
}

TEST(GgufWriter, MetadataCopiesFromFileToFile) {
  const ExactBytes bytes(SmallGguf().Encode());
  const auto source = OpenMemory(bytes.span(), "x");
  ASSERT_TRUE(source.ok());
  GgufWriter writer;
  for (const GgufEntry& entry : (*source)->gguf_entries()) writer.SetRaw(entry.key, entry.value_type, entry.value);
  writer.SetU32("general.file_type", 7);
  const ExactBytes copy(writer.Header());
  const auto again = OpenMemory(copy.span(), "y");
  ASSERT_TRUE(again.ok()) << again.status();
  ASSERT_EQ((*again)->metadata().size(), (*source)->metadata().size() + 1);
  for (size_t i = 0; i < (*source)->metadata().size(); ++i)
    EXPECT_EQ((*again)->metadata()[i], (*source)->metadata()[i]);
}

TEST(GgufWriter, NothingHalfWrittenStays) {
  const ScratchFolder folder;
  const std::string path = folder.Write("out.gguf", "what was there before");
  {
    GgufWriter writer;
    ASSERT_TRUE(writer.AddTensor("a", *packing::Find("f32"), std::vector<int64_t>{4}).ok());
    ASSERT_TRUE(writer.Open(path).ok());
    ASSERT_TRUE(writer.Append(AsBytes("12345678")).ok());
    EXPECT_EQ(writer.Append(AsBytes("123456789")).code(), absl::StatusCode::kInvalidArgument);  // beyond the tensor
    EXPECT_THAT(Message(writer.Finish()), HasSubstr("'a'"));
    EXPECT_FALSE(writer.Append(AsBytes("1234")).ok());
  }
  {
    GgufWriter writer;
    ASSERT_TRUE(writer.Open(path).ok());
  }  // destroyed in the middle
  EXPECT_EQ(ReadAll(path), "what was there before");
  EXPECT_EQ(folder.file_count(), 1u);
  GgufWriter writer;
  EXPECT_EQ(writer.Open(folder / "no/such/folder.gguf").code(), absl::StatusCode::kNotFound);
}

TEST(GgufWriter, AFullDiskIsAnError) {
  // Every write to /dev/full fails with ENOSPC; a link to it stands for the temporary file.
  const ScratchFolder folder;
  const std::string path = folder / "out.gguf";
  std::filesystem::create_symlink("/dev/full", path + "." + std::to_string(getpid()) + ".part");
  GgufWriter writer;
  ASSERT_TRUE(writer.AddTensor("a", *packing::Find("f32"), std::vector<int64_t>{4}).ok());
  const absl::Status status = writer.Open(path);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_THAT(Message(status), HasSubstr("No space left"));
  EXPECT_FALSE(writer.Append(AsBytes("0123456789abcdef")).ok());
  EXPECT_FALSE(writer.Finish().ok());
  EXPECT_EQ(folder.file_count(), 0u);
}

TEST(GgufWriter, RefusesWhatNoReaderTakes) {
  GgufWriter writer;
  const packing::Packing& q4_k = *packing::Find("q4_k");
  const auto add = [&](const std::string& name, std::vector<int64_t> dims) {
    return Message(writer.AddTensor(name, q4_k, dims));
  };
  EXPECT_THAT(add("a", {2, 255}), HasSubstr("multiple of 256"));
  EXPECT_THAT(add("a", {}), HasSubstr("0 dimensions"));
  EXPECT_THAT(add("a", {1, 1, 1, 1, 256}), HasSubstr("5 dimensions"));
  EXPECT_THAT(add("a", {0, 256}), HasSubstr("dimension of 0"));
  EXPECT_THAT(add(std::string(64, 'n'), {256}), HasSubstr("64 bytes"));
  EXPECT_THAT(add("a", {int64_t{1} << 40, int64_t{1} << 40}), HasSubstr("too large"));
  EXPECT_EQ(writer.n_tensors(), 0);
}

}  // namespace
}  // namespace concord::loader

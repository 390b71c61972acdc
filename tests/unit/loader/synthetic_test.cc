#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "loader_testing.h"
#include "runtime/base/vocab.h"
#include "runtime/loader/synthetic_plan.h"

namespace concord::loader {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<float> Decode(const Tensor& tensor) {
  const int64_t blocks = tensor.size_bytes / tensor.type->block_bytes;
  std::vector<float> values(static_cast<size_t>(blocks * tensor.type->block_elems));
  tensor.type->decode(tensor.data, blocks, values.data());
  return values;
}

constexpr const char* kTypes[] = {"bf16", "f16",  "f32",    "iq4_nl", "iq4_xs", "mxfp4", "q2_k", "q3_k", "q4_0",
                                  "q4_1", "q4_k", "q4_k_m", "q5_0",   "q5_1",   "q5_k",  "q6_k", "q8_0"};

TEST(Synthetic, WeightsOfEveryTypeAreRandomAndOfTheRightSize) {
  for (const char* type : kTypes) {
    const auto source = Open(std::string("synthetic:tiny:") + type);
    ASSERT_TRUE(source.ok()) << source.status();
    EXPECT_EQ((*source)->format(), Format::kSynthetic);
    for (const Tensor& tensor : (*source)->tensors()) {
      const std::vector<float> values = Decode(tensor);
      double sum = 0, squares = 0;
      for (float v : values) {
        ASSERT_TRUE(std::isfinite(v));
        sum += v;
        squares += static_cast<double>(v) * v;
      }
      const double n = static_cast<double>(values.size());
      if (tensor.name.find("norm.weight") != std::string::npos) {
        EXPECT_EQ(sum, n) << tensor.name;
        EXPECT_EQ(squares, n) << tensor.name;
      } else {
        EXPECT_NEAR(sum / n, 0, 0.001) << tensor.name << " " << type;
        EXPECT_NEAR(std::sqrt(squares / n), 0.02, 0.001) << tensor.name << " " << type;
      }
    }
  }
}

TEST(Synthetic, TheSameNameGivesTheSameBytes) {
  const auto a = Open("synthetic:tiny"), b = Open("synthetic:tiny:q4_k_m");
  ASSERT_TRUE(a.ok() && b.ok());
  for (const Tensor& tensor : (*a)->tensors()) {
    const Tensor* other = (*b)->Find(tensor.name);
    ASSERT_NE(other, nullptr);
    EXPECT_EQ(std::memcmp(tensor.data, other->data, static_cast<size_t>(tensor.size_bytes)), 0) << tensor.name;
  }
  const Tensor *gate = (*a)->Find("blk.0.ffn_gate.weight"), *up = (*a)->Find("blk.0.ffn_up.weight");
  EXPECT_NE(std::memcmp(gate->data, up->data, static_cast<size_t>(up->size_bytes)), 0);
}

TEST(Synthetic, SettingsAndVocabulary) {
  const auto source = Open("synthetic:tiny:q8_0");
  ASSERT_TRUE(source.ok());
  const Config& config = (*source)->config();
  EXPECT_EQ((*source)->architecture(), "llama");
  EXPECT_EQ(*config.RequireInt({.gguf = "block_count", .hf = ""}), 2);
  EXPECT_EQ(*config.RequireInt({.gguf = "attention.head_count_kv", .hf = ""}), 2);
  EXPECT_THAT((*source)->Find("token_embd.weight")->dims, ElementsAre(512, 256));
  EXPECT_THAT((*source)->Find("blk.1.ffn_down.weight")->dims, ElementsAre(256, 512));
  EXPECT_EQ((*source)->Find("output.weight"), nullptr);
  const Vocab& vocab = *(*source)->tokenizer().vocab;
  ASSERT_EQ(vocab.tokens.size(), 512u);
  EXPECT_EQ(vocab.tokens['A'], "A");
  EXPECT_EQ(vocab.tokens[' '], "\xC4\xA0");  // U+0120
  EXPECT_EQ(vocab.tokens[255], "\xC3\xBF");
  EXPECT_EQ(vocab.tokens[511], "<|endoftext|>");
  EXPECT_EQ(vocab.types[511], TokenType::kControl);
  EXPECT_EQ(vocab.eos, 511);
}

TEST(Synthetic, EveryShapeCanBePlannedInEveryType) {
  for (const SyntheticShape& shape : kSyntheticShapes) {
    for (const char* type : kTypes) {
      const auto tensors = PlanSyntheticTensors(shape, type);
      ASSERT_TRUE(tensors.ok()) << tensors.status();
      GgufWriter writer;
      for (const SyntheticTensor& tensor : *tensors) {
        EXPECT_TRUE(writer.AddTensor(tensor.name, *tensor.type, tensor.dims).ok()) << tensor.name;
      }
    }
  }
}

TEST(Synthetic, Gpt2HasItsOwnTensors) {
  const auto source = Open("synthetic:gpt2-124m:q4_0");
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_EQ((*source)->architecture(), "gpt2");
  EXPECT_THAT((*source)->Find("position_embd.weight")->dims, ElementsAre(1024, 768));
  EXPECT_THAT((*source)->Find("blk.11.attn_qkv.weight")->dims, ElementsAre(2304, 768));
  EXPECT_THAT((*source)->Find("blk.11.attn_qkv.bias")->dims, ElementsAre(2304));
  EXPECT_NEAR(*(*source)->config().RequireFloat({.gguf = "attention.layer_norm_epsilon", .hf = ""}), 1e-5, 1e-9);
}

TEST(Synthetic, UnknownNamesListTheKnown) {
  EXPECT_THAT(Message(Open("synthetic:huge").status()), AllOf(HasSubstr("'huge'"), HasSubstr("llama-3.2-1b")));
  EXPECT_THAT(Message(Open("synthetic:tiny:q9").status()), AllOf(HasSubstr("'q9'"), HasSubstr("q4_k_m")));
  EXPECT_THAT(Message(Open("synthetic:").status()), HasSubstr("tiny"));
  EXPECT_FALSE(Open("synthetic:tiny:q8_0:x").ok());
}

TEST(Synthetic, ReportsProgress) {
  int64_t last = 0, total = 0;
  const auto source = Open("synthetic:tiny", {.progress =
                                                  [&](const Progress& p) {
                                                    EXPECT_GE(p.done_bytes, last);
                                                    last = p.done_bytes;
                                                    total = p.total_bytes;
                                                  },
                                              .list_only = false});
  ASSERT_TRUE(source.ok());
  EXPECT_EQ(last, (*source)->total_bytes());
  EXPECT_EQ(total, last);
}

}  // namespace
}  // namespace concord::loader

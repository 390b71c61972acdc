// A real trained model, stories260K (TinyStories, MIT), where it is at hand: its text from the GGUF file, and from a
// Hugging Face folder made of it here.
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "concord/concord.h"
#include "runtime/base/vocab.h"
#include "runtime/loader/model_source.h"
#include "tests/emulators/discrete/path.h"

namespace concord {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr char kBegins[] =
    "Once upon a time, there was a little girl named Lily. She loved to play outside in the park. One day, she saw a "
    "big, "
    "red ball. She wanted to play with it, but it was too high.";

std::string Stories() {
  const std::string path = std::string(CONCORD_SHARED_DIR) + "/data/stories260K.gguf";
  return fs::exists(path) ? path : "";
}

std::string Generate(const std::string& path, const LoadOptions& options, int64_t max_tokens) {
  absl::StatusOr<Model> model = Model::Load(path, options);
  EXPECT_TRUE(model.ok()) << model.status();
  if (!model.ok()) return "";
  absl::StatusOr<Engine> engine = Engine::Create(*model, {});
  EXPECT_TRUE(engine.ok()) << engine.status();
  Request request;
  request.prompt = "Once upon a time";
  request.sampling.temperature = 0;
  request.max_tokens = max_tokens;
  absl::StatusOr<Stream> stream = engine->Generate(request);
  EXPECT_TRUE(stream.ok()) << stream.status();
  std::string text = request.prompt;
  for (const Token& t : *stream) text += t.text;
  EXPECT_TRUE(stream->status().ok()) << stream->status();
  return text;
}

// Protobuf wire format, as far as a tokenizer.model needs it.
std::string Varint(uint64_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  return out + static_cast<char>(value);
}
std::string Field(int number, uint64_t value) { return Varint(number << 3) + Varint(value); }
std::string Field(int number, const std::string& bytes) {
  return Varint(number << 3 | 2) + Varint(bytes.size()) + bytes;
}
std::string Field(int number, float value) {
  return Varint(number << 3 | 5) + std::string(reinterpret_cast<const char*>(&value), 4);
}

std::string SentencePieceModel(const Vocab& vocab) {
  std::string out;
  for (size_t i = 0; i < vocab.tokens.size(); ++i) {
    out += Field(
        1, Field(1, vocab.tokens[i]) + Field(2, vocab.scores[i]) + Field(3, static_cast<uint64_t>(vocab.types[i])));
  }
  out += Field(2, Field(3, uint64_t{2}) + Field(35, uint64_t{1}) + Field(40, uint64_t{0}) + Field(41, uint64_t{1}) +
                      Field(42, uint64_t{2}));
  out += Field(
      3, Field(1, std::string("identity")) + Field(3, uint64_t{1}) + Field(4, uint64_t{0}) + Field(5, uint64_t{1}));
  return out;
}

std::string HuggingFaceName(std::string name) {
  static const std::pair<const char*, const char*> kNames[] = {
      {"token_embd", "model.embed_tokens"}, {"output_norm", "model.norm"},
      {"attn_norm", "input_layernorm"},     {"attn_q", "self_attn.q_proj"},
      {"attn_k", "self_attn.k_proj"},       {"attn_v", "self_attn.v_proj"},
      {"attn_output", "self_attn.o_proj"},  {"ffn_norm", "post_attention_layernorm"},
      {"ffn_gate", "mlp.gate_proj"},        {"ffn_up", "mlp.up_proj"},
      {"ffn_down", "mlp.down_proj"}};
  std::string prefix;
  if (name.rfind("blk.", 0) == 0) {
    const size_t dot = name.find('.', 4);
    prefix = "model.layers." + name.substr(4, dot - 4) + ".";
    name = name.substr(dot + 1);
  }
  const std::string stem = name.substr(0, name.rfind('.'));
  for (const auto& [gguf, hf] : kNames) {
    if (stem == gguf) return prefix + hf + ".weight";
  }
  return "";
}

// q and k rows from GGUF's order (pairs beside each other) to Hugging Face's (halves): per head of d rows,
// hf[j · d/2 + i] = gguf[2 i + j].
std::string UnpermuteRows(const loader::Tensor& t, int64_t heads) {
  const int64_t d = t.dims[0] / heads, row = t.dims[1] * 4;
  std::string out(t.size_bytes, '\0');
  for (int64_t h = 0; h < heads; ++h) {
    for (int64_t i = 0; i < d; ++i) {
      const int64_t to = h * d + (i % 2) * (d / 2) + i / 2;
      std::memcpy(out.data() + to * row, reinterpret_cast<const char*>(t.data) + (h * d + i) * row, row);
    }
  }
  return out;
}

void WriteFile(const fs::path& path, const std::string& bytes) { std::ofstream(path, std::ios::binary) << bytes; }

void WriteSafetensors(const loader::ModelSource& source, const fs::path& path) {
  json header;
  std::string data;
  for (const loader::Tensor& t : source.tensors()) {
    const std::string name = HuggingFaceName(t.name);
    if (name.empty()) continue;
    std::string bytes(reinterpret_cast<const char*>(t.data), t.size_bytes);
    if (t.name.find("attn_q.") != std::string::npos) bytes = UnpermuteRows(t, 8);
    if (t.name.find("attn_k.") != std::string::npos) bytes = UnpermuteRows(t, 4);
    header[name] = {{"dtype", "F32"}, {"shape", t.dims}, {"data_offsets", {data.size(), data.size() + bytes.size()}}};
    data += bytes;
  }
  const std::string text = header.dump();
  const uint64_t size = text.size();
  WriteFile(path, std::string(reinterpret_cast<const char*>(&size), 8) + text + data);
}

TEST(Stories, GgufOnEveryDevice) {
  if (Stories().empty()) GTEST_SKIP() << "there is no ../shared/data/stories260K.gguf";
  EXPECT_EQ(Generate(Stories(), {}, 120).rfind(kBegins, 0), 0u);
  EXPECT_EQ(Generate(Stories(), {.compute = "exact", .kv_type = "f32"}, 120).rfind(kBegins, 0), 0u);
  EXPECT_EQ(Generate(Stories(), {.devices = {"reference"}}, 40), Generate(Stories(), {}, 40));
}

// Read on one device and written on another, whatever the types of the two KV caches.
TEST(Stories, HandedOverBetweenDevices) {
  if (Stories().empty()) GTEST_SKIP() << "there is no ../shared/data/stories260K.gguf";
  const std::string want = Generate(Stories(), {.compute = "exact", .kv_type = "f32"}, 120);
  EXPECT_EQ(want.rfind(kBegins, 0), 0u);
  const auto text = [](const char* prefill, const char* decode, const char* kv, const char* decode_kv) {
    return Generate(Stories(),
                    {.prefill_device = prefill,
                     .decode_device = decode,
                     .plugins = {CONCORD_DISCRETE_PLUGIN},
                     .compute = "exact",
                     .kv_type = kv,
                     .decode_kv_type = decode_kv},
                    120);
  };
  EXPECT_EQ(text("reference", "cpu", "f32", "f32"), want);
  EXPECT_EQ(text("discrete", "cpu", "f32", "f32"), want);
  EXPECT_EQ(text("cpu", "discrete", "f32", "f32"), want);
  EXPECT_EQ(text("discrete", "cpu", "f32", "f16").rfind(kBegins, 0), 0u);
  EXPECT_EQ(text("discrete", "cpu", "f16", "f32").rfind(kBegins, 0), 0u);
  EXPECT_EQ(text("reference", "cpu", "f16", "bf16").substr(0, 80), want.substr(0, 80));
}

TEST(Stories, HuggingFaceFolderGivesTheSameText) {
  if (Stories().empty()) GTEST_SKIP() << "there is no ../shared/data/stories260K.gguf";
  const auto source = loader::Open(Stories());
  ASSERT_TRUE(source.ok()) << source.status();
  const fs::path folder = fs::path(testing::TempDir()) / "stories260K-hf";
  fs::create_directories(folder);
  const json config = {{"architectures", {"LlamaForCausalLM"}},
                       {"model_type", "llama"},
                       {"hidden_size", 64},
                       {"intermediate_size", 172},
                       {"num_hidden_layers", 5},
                       {"num_attention_heads", 8},
                       {"num_key_value_heads", 4},
                       {"rms_norm_eps", 1e-5},
                       {"rope_theta", 10000.0},
                       {"max_position_embeddings", 512},
                       {"vocab_size", 512},
                       {"tie_word_embeddings", true},
                       {"bos_token_id", 1},
                       {"eos_token_id", 2}};
  WriteFile(folder / "config.json", config.dump());
  WriteFile(folder / "tokenizer_config.json", R"({"add_bos_token": true, "add_eos_token": false})");
  WriteFile(folder / "tokenizer.model", SentencePieceModel(*(*source)->tokenizer().vocab));
  WriteSafetensors(**source, folder / "model.safetensors");
  EXPECT_EQ(Generate(folder.string(), {}, 120), Generate(Stories(), {}, 120));
  fs::remove_all(folder);
}

}  // namespace
}  // namespace concord

#pragma once

#include <cstdint>

namespace concord::loader {

// The shape of a real model, for synthetic ones.
struct SyntheticShape {
  const char* name;
  const char* arch;  // llama qwen2 qwen3 qwen3moe gpt2
  int64_t layers;
  int64_t width;
  int64_t heads;
  int64_t kv_heads;
  int64_t head_dim;
  int64_t ffn_width;  // of one expert, where there are experts
  int64_t vocab;
  int64_t context;
  double rope_base;  // 0: learned positions
  bool tied;         // output weights are the embedding
  int64_t experts = 0;
  int64_t experts_used = 0;  // by a token
};

inline constexpr SyntheticShape kSyntheticShapes[] = {
    {"gpt2-124m", "gpt2", 12, 768, 12, 12, 64, 3072, 50257, 1024, 0, true},
    {"llama-2-7b", "llama", 32, 4096, 32, 32, 128, 11008, 32000, 8192, 1e4, false},
    {"llama-3-8b", "llama", 32, 4096, 32, 8, 128, 14336, 128256, 8192, 5e5, false},
    {"llama-3.2-1b", "llama", 16, 2048, 32, 8, 64, 8192, 128256, 8192, 5e5, true},
    {"llama-3.2-3b", "llama", 28, 3072, 24, 8, 128, 8192, 128256, 8192, 5e5, true},
    {"qwen2.5-0.5b", "qwen2", 24, 896, 14, 2, 64, 4864, 151936, 8192, 1e6, true},
    // The first 12 layers of 48, which have room where the whole has not: a layer costs what it costs there.
    {"qwen3-30b-a3b-12l", "qwen3moe", 12, 2048, 32, 4, 128, 768, 151936, 8192, 1e6, false, 128, 8},
    {"qwen3-0.6b", "qwen3", 28, 1024, 16, 8, 128, 3072, 151936, 8192, 1e6, true},
    {"tiny", "llama", 2, 256, 4, 2, 64, 512, 512, 8192, 1e4, true},
};

}  // namespace concord::loader

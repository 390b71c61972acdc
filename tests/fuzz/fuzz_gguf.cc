// GGUF bytes to a model source, and everything that it hands out.
// libFuzzer: -max_len=4096
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>

#include "absl/types/span.h"
#include "runtime/base/vocab.h"
#include "runtime/loader/model_source.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::Span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
  for (const bool list_only : {false, true}) {
    const auto source = concord::loader::OpenMemory(bytes, "fuzz", {.progress = {}, .list_only = list_only});
    if (!source.ok()) continue;
    volatile uint64_t sum = 0;
    for (const concord::loader::Tensor& tensor : (*source)->tensors()) {
      for (int64_t i = 0; i < tensor.size_bytes; ++i) sum = sum + static_cast<uint8_t>(tensor.data[i]);
    }
    for (const auto& [key, value] : (*source)->metadata()) sum = sum + key.size() + value.size();
    for (const auto& entry : (*source)->gguf_entries()) {
      for (char c : entry.value) sum = sum + static_cast<uint8_t>(c);
    }
    if ((*source)->tokenizer().vocab != nullptr) {
      for (const auto& token : (*source)->tokenizer().vocab->tokens) sum = sum + token.size();
    }
    (*source)->config().IntPerLayer({.gguf = "attention.head_count", .hf = ""}, 3, 1).status().IgnoreError();
  }
  return 0;
}

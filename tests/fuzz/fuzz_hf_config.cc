// The JSON files of a Hugging Face folder to settings, stop tokens and chat template.
// libFuzzer: -max_len=4096
#include <cstddef>
#include <cstdint>

#include "runtime/loader/config.h"
#include "runtime/loader/hf_config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using concord::loader::Names;
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  const auto config = concord::loader::ParseHfConfig(text, "config.json");
  concord::loader::ParseHfChatTemplate(text, "tokenizer_config.json").status().IgnoreError();
  if (!config.ok()) return 0;
  concord::loader::HfArchitecture(*config, "config.json").status().IgnoreError();
  concord::loader::ParseHfGeneration(text, "generation_config.json", *config).status().IgnoreError();
  for (const auto& [key, value] : config->values()) {
    const Names names{.gguf = "", .hf = key};
    concord::loader::PrintValue(value);
    config->Has(names);
    config->Int(names).status().IgnoreError();
    config->Float(names).status().IgnoreError();
    config->Bool(names).status().IgnoreError();
    config->String(names).status().IgnoreError();
    config->FloatArray(names).status().IgnoreError();
    config->StringArray(names).status().IgnoreError();
    config->IntPerLayer(names, 4, 0).status().IgnoreError();
  }
  return 0;
}

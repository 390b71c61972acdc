#pragma once

#include <memory>
#include <string>

#include "runtime/base/vocab.h"
#include "runtime/loader/config.h"
#include "runtime/loader/gguf_reader.h"
#include "runtime/loader/model_source.h"

namespace concord::loader {

// All settings but the vocabulary's arrays, which nobody asks for by name and which are long.
Config GgufConfig(const GgufFile& file, const std::string& architecture);

// A metadata value as one line; arrays are shortened.
std::string PrintGgufValue(const GgufKeyValue& kv);

// The tokenizer; null when the file has none, Unimplemented when it is of a kind that Concord does not read.
absl::StatusOr<std::shared_ptr<const Vocab>> GgufVocab(const GgufFile& file, const Config& config);

// Stop tokens and general.sampling.*.
absl::StatusOr<GenerationDefaults> GgufGeneration(const Config& config, const Vocab* vocab);

}  // namespace concord::loader

#pragma once

#include <string>

#include "runtime/base/status.h"
#include "runtime/loader/config.h"
#include "runtime/loader/model_source.h"

namespace concord::loader {

// config.json as settings. `what` names the file in messages.
absl::StatusOr<Config> ParseHfConfig(absl::string_view text, absl::string_view what);

// architectures[0], else model_type.
absl::StatusOr<std::string> HfArchitecture(const Config& config, absl::string_view what);

// generation_config.json (empty text: there is none), with config.json's token ids where it says nothing.
absl::StatusOr<GenerationDefaults> ParseHfGeneration(absl::string_view text, absl::string_view what,
                                                     const Config& config);

// `chat_template` of tokenizer_config.json or chat_template.json: a string, or the one named "default" (else the first)
// of a list of {name, template}. Empty when there is none.
absl::StatusOr<std::string> ParseHfChatTemplate(absl::string_view text, absl::string_view what);

}  // namespace concord::loader

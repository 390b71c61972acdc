#pragma once

#include "runtime/base/status.h"
#include "runtime/base/vocab.h"
#include "runtime/text/hf_json.h"

namespace concord::text {

// Reads "normalizer" and "pre_tokenizer" of a tokenizer.json: sets the kind, the split steps and the space prefix.
absl::Status ReadHfPipeline(const Json& tokenizer, Vocab* vocab);

// Reads "post_processor": which tokens stand in front of and behind a text.
absl::Status ReadHfPostProcessor(const Json& tokenizer, Vocab* vocab);

}  // namespace concord::text

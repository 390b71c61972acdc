#pragma once

#include <memory>

#include "runtime/loader/model_source.h"
#include "runtime/text/tokenizer.h"

namespace concord::exec {

// The tokenizer of a model, from whichever form its file has, with its generation settings' stop tokens.
// NotFound when the file has none.
absl::StatusOr<std::unique_ptr<text::Tokenizer>> MakeTokenizer(const loader::ModelSource& source);

}  // namespace concord::exec

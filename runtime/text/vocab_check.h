#pragma once

#include <cstdint>
#include <vector>

#include "runtime/base/status.h"
#include "runtime/base/vocab.h"

namespace concord::text {

// Whether the parts of `vocab` agree with each other and all ids lie in it. Padding ids that do not, which published
// files have, are taken away; all else that is wrong is an error.
absl::Status CheckVocab(Vocab* vocab);

// The ids that end a generation, in increasing order.
std::vector<int32_t> EndOfGeneration(const Vocab& vocab);

}  // namespace concord::text

#pragma once

#include <algorithm>
#include <cstdint>

#include "ops/core/tensor_type.h"

namespace concord::cli {

// The sizes of a step, by symbol; fits every map or list of named sizes in graph/.
template <typename SymbolValues>
SymbolValues StepSizes(int64_t n_tokens, int64_t n_seqs, int64_t n_outputs, int64_t n_blocks, int64_t max_blocks) {
  return {{ops::kNTokens, n_tokens},
          {ops::kNSeqs, n_seqs},
          {ops::kNOutputs, n_outputs},
          {ops::kNBlocks, n_blocks},
          {ops::kMaxBlocks, max_blocks}};
}

}  // namespace concord::cli

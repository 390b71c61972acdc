#pragma once

#include <cstdint>

#include "ops/core/tensor_type.h"
#include "runtime/exec/step_batch.h"
#include "runtime/graph/sizes.h"

namespace concord::exec {

// The bytes of a value in a step, told without a lookup: its size is a product of constants, capacities and these.
class StepBytes {
 public:
  // `capacities` gives what does not change from step to step. Errors: a symbol without a value.
  static absl::StatusOr<StepBytes> Of(const ops::TensorType& type, graph::SymbolValues capacities) {
    StepBytes bytes;
    for (const ops::Dim& dim : type.dims) {
      bytes.tokens_ += dim == ops::Dim::Symbol(ops::kNTokens);
      bytes.seqs_ += dim == ops::Dim::Symbol(ops::kNSeqs);
      bytes.outputs_ += dim == ops::Dim::Symbol(ops::kNOutputs);
    }
    for (const char* symbol : {ops::kNTokens, ops::kNSeqs, ops::kNOutputs}) capacities[symbol] = 1;
    CONCORD_ASSIGN_OR_RETURN(bytes.unit_, graph::ResolveBytes(type, capacities));
    return bytes;
  }

  uint64_t In(const StepBatch& batch) const {
    uint64_t bytes = static_cast<uint64_t>(unit_);
    for (int i = 0; i < tokens_; ++i) bytes *= batch.tokens.size();
    for (int i = 0; i < seqs_; ++i) bytes *= batch.kv_len.size();
    for (int i = 0; i < outputs_; ++i) bytes *= batch.output_rows.size();
    return bytes;
  }

 private:
  int64_t unit_ = 0;
  int tokens_ = 0, seqs_ = 0, outputs_ = 0;  // how often each is a dim
};

}  // namespace concord::exec

#pragma once

#include <string>
#include <vector>

#include "runtime/base/packing/packing.h"
#include "runtime/loader/model_source.h"

namespace concord::cli {

// A recipe of `run-model quantize --type`.
struct QuantizeType {
  const char* name;    // "q4_k_m"
  const char* base;    // packing of matrices
  const char* better;  // packing of those that matter most
  int file_type;       // general.file_type of GGUF
};

const std::vector<QuantizeType>& QuantizeTypes();
const QuantizeType* FindQuantizeType(const std::string& name);  // null when unknown

struct QuantizedTensor {
  const loader::Tensor* source = nullptr;
  const packing::Packing* type = nullptr;
  bool fell_back = false;  // its rows do not fill whole blocks of what the recipe wants
};

// What each tensor of `source` becomes, in file order:
//   vectors: f32. Matrices named ....weight: the recipe's base; q8_0 or else f16 where a row is no multiple of its
//   block. What the recipe calls better goes to the output matrix (the embedding, when tied) and to attn_v and ffn_down
//   of the first and last eighth of the layers and every third between. Position tables and expert routers keep their
//   type.
// InvalidArgument when a tensor is quantised already.
absl::StatusOr<std::vector<QuantizedTensor>> PlanQuantize(const loader::ModelSource& source,
                                                          const QuantizeType& recipe);

}  // namespace concord::cli

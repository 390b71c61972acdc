#include "runtime/cli/quantize_plan.h"

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "runtime/cli/exit_code.h"

namespace concord::cli {
namespace {

bool IsPlainFloat(const packing::Packing& type) {
  const absl::string_view name = type.name;
  return name == "f32" || name == "f16" || name == "bf16";
}

// "blk.12.attn_v.weight": 12; -1 for tensors outside of layers.
int64_t Layer(absl::string_view name) {
  int64_t layer = -1;
  if (!absl::StartsWith(name, "blk.")) return -1;
  name.remove_prefix(4);
  return absl::SimpleAtoi(name.substr(0, name.find('.')), &layer) ? layer : -1;
}

class Planner {
 public:
  Planner(const loader::ModelSource& source, const QuantizeType& recipe)
      : base_(packing::Find(recipe.base)), better_(packing::Find(recipe.better)) {
    for (const loader::Tensor& t : source.tensors()) layers_ = std::max(layers_, Layer(t.name) + 1);
    tied_ = source.Find("output.weight") == nullptr;
  }

  QuantizedTensor Plan(const loader::Tensor& tensor) const {
    QuantizedTensor out{&tensor, tensor.type, false};
    if (tensor.dims.size() < 2) {
      out.type = packing::Find("f32");
    } else if (IsMatrix(tensor.name)) {
      const packing::Packing* wanted = IsBetter(tensor.name) ? better_ : base_;
      out.type = Fitting(wanted, tensor.dims.back());
      out.fell_back = out.type != wanted;
    }
    return out;
  }

 private:
  static bool IsMatrix(absl::string_view name) {
    return absl::EndsWith(name, ".weight") && !absl::StartsWith(name, "position_embd") &&
           !absl::StartsWith(name, "token_types") && !absl::StrContains(name, "ffn_gate_inp");
  }
  bool IsBetter(absl::string_view name) const {
    if (name == "output.weight" || (tied_ && name == "token_embd.weight")) return true;
    const int64_t layer = Layer(name);
    const bool sensitive = absl::StrContains(name, ".attn_v.") || absl::StrContains(name, ".attn_qkv.") ||
                           absl::StrContains(name, ".ffn_down");
    return sensitive && (layer < layers_ / 8 || layer >= 7 * layers_ / 8 || (layer - layers_ / 8) % 3 == 2);
  }
  static const packing::Packing* Fitting(const packing::Packing* wanted, int64_t row) {
    for (const packing::Packing* type : {wanted, packing::Find("q8_0")}) {
      if (row % type->block_elems == 0) return type;
    }
    return packing::Find("f16");
  }

  const packing::Packing* base_;
  const packing::Packing* better_;
  int64_t layers_ = 0;
  bool tied_ = false;
};

}  // namespace

const std::vector<QuantizeType>& QuantizeTypes() {
  // Names, what most matrices become, what those that matter most become, and general.file_type of GGUF.
  static const auto* types = new std::vector<QuantizeType>{
      {"bf16", "bf16", "bf16", 32},   {"f16", "f16", "f16", 1},     {"iq4_nl", "iq4_nl", "iq4_nl", 25},
      {"mxfp4", "mxfp4", "q8_0", 38}, {"q4_0", "q4_0", "q4_0", 2},  {"q4_1", "q4_1", "q4_1", 3},
      {"q4_k_m", "q4_k", "q6_k", 15}, {"q5_0", "q5_0", "q5_0", 8},  {"q5_1", "q5_1", "q5_1", 9},
      {"q5_k_m", "q5_k", "q6_k", 17}, {"q6_k", "q6_k", "q6_k", 18}, {"q8_0", "q8_0", "q8_0", 7}};
  return *types;
}

const QuantizeType* FindQuantizeType(const std::string& name) {
  for (const QuantizeType& type : QuantizeTypes()) {
    if (name == type.name) return &type;
  }
  return nullptr;
}

absl::StatusOr<std::vector<QuantizedTensor>> PlanQuantize(const loader::ModelSource& source,
                                                          const QuantizeType& recipe) {
  const Planner planner(source, recipe);
  std::vector<QuantizedTensor> plan;
  for (const loader::Tensor& tensor : source.tensors()) {
    if (tensor.type == nullptr || (!IsPlainFloat(*tensor.type) && tensor.type->block_elems > 1)) {
      return UsageError(
          absl::StrCat(source.path(), ": tensor '", tensor.name, "' is ", tensor.file_type,
                       ", quantised already; quantising twice loses twice: take the F32, F16 or BF16 version"));
    }
    plan.push_back(IsPlainFloat(*tensor.type) ? planner.Plan(tensor) : QuantizedTensor{&tensor, tensor.type, false});
  }
  return plan;
}

}  // namespace concord::cli

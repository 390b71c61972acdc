#pragma once

#include <string>
#include <vector>

#include "runtime/graph/builder.h"
#include "runtime/models/common/rope.h"
#include "runtime/models/model.h"

namespace concord::models {

using graph::kNoValue;
using graph::ValueId;

// The name of a weight in both kinds of file, without ".weight": relative to the present layer inside Layer(),
// else whole.
struct WeightName {
  const char* huggingface;
  const char* gguf;
};

// One projection of experts: "gate_proj" as in mlp.experts.7.gate_proj.weight, and "ffn_gate_exps". Newer files hold
// gate and up in one tensor, "gate_up_proj" or "ffn_gate_up_exps", the rows of gate first in each expert's matrix.
struct ExpertName {
  enum class Part { kWhole, kGate, kUp };
  const char* huggingface;
  const char* gguf;
  Part part = Part::kWhole;
};

// What a layer of experts is, beside its weights: see ops/moe_route.cc.
struct ExpertSizes {
  int64_t experts = 0;  // of which `used` act on a token
  int64_t used = 0;
  int64_t d_ff = 0;  // of one expert
};

// A graph builder that finds weights by name in a model file, checks their shapes and knows the vocabulary of decoder
// blocks. Errors stick, as in graph::Builder.
class ModelBuilder {
 public:
  // `prefixes`: what Hugging Face names may begin with; the first for which <prefix><probe> exists is taken.
  ModelBuilder(const loader::ModelSource& source, const BuildOptions& options, const char* name,
               std::vector<const char*> prefixes, const char* probe);

  graph::Builder& g() { return g_; }
  const loader::ModelSource& source() const { return source_; }
  const loader::Config& config() const { return source_.config(); }
  const BuildOptions& options() const { return options_; }
  bool gguf() const { return source_.format() != loader::Format::kHuggingFace; }

  // Names inside are those of layer i: "<prefix>layers.i." (hf_layers says "layers" or "h") and "blk.i.".
  [[nodiscard]] graph::Builder::ScopeGuard Layer(int64_t i, const char* hf_layers = "layers");
  void EndLayer() { layer_hf_.clear(), layer_gguf_.clear(); }

  bool Has(WeightName name, const char* suffix = ".weight") const;
  // The rows of a tensor, for widths that only the tensor tells; -1 where it is absent.
  int64_t Rows(WeightName name) const;
  // A weight of `dims`, [out, in] for matrices. Vectors become f32 whatever the file has. With source.transpose the
  // file has [in, out]; with source.row_count only those rows are used and dims[0] counts them.
  ValueId Weight(WeightName name, std::vector<int64_t> dims, graph::WeightSource source = {},
                 const char* suffix = ".weight");

  // The matrices [experts, out, in] of one projection of a layer's experts: one stacked tensor, a tensor for each
  // expert, or a part of a tensor that holds gate and up, whichever the file has.
  ValueId ExpertWeight(const ExpertName& name, int64_t experts, int64_t out, int64_t in);

  ValueId Embed(ValueId ids, ValueId table);
  // x W^T, plus the bias where the file has one.
  ValueId Linear(ValueId x, WeightName name, int64_t in, int64_t out, int64_t heads = 0,
                 graph::WeightSource source = {});
  ValueId RmsNorm(ValueId x, WeightName name, int64_t width, double eps);
  ValueId LayerNorm(ValueId x, WeightName name, int64_t width, double eps);
  // `inv_freq` is a Table of the same RopeTable that attn_factor comes from.
  ValueId Rope(ValueId x, ValueId inv_freq, double attn_factor, const char* kind);
  ValueId Add(ValueId a, ValueId b);
  // down(act(gate x) · up x)
  ValueId GatedFfn(ValueId x, WeightName gate, WeightName up, WeightName down, int64_t d, int64_t d_ff,
                   const char* act);
  // sum over the experts e that `routing` (attributes of moe_route, k aside) picks for a token, of its weight times
  // down_e(silu(gate_e x) · up_e x), with the names that most families share. Logits and weights in f32.
  ValueId Experts(ValueId x, int64_t d, const ExpertSizes& sizes, ops::Attrs routing);
  // Keeps the rows whose logits are wanted. Behind attention of the last layer: of the others nothing but keys and
  // values is read, by any later step, so a prompt needs that layer's feed-forward for its last token alone.
  ValueId OutputRows(ValueId x);

  ValueId Tokens() { return g_.Input("tokens", {ops::Dim::Symbol(ops::kNTokens)}); }
  ValueId Positions() { return g_.Input("positions", {ops::Dim::Symbol(ops::kNTokens)}); }

  absl::StatusOr<graph::Module> Finish(int64_t n_vocab, int64_t max_context);

 private:
  ValueId FusedExpertWeight(const ExpertName& name, int64_t experts, int64_t out, int64_t in);
  std::string FileName(WeightName name, const char* suffix) const;
  absl::Status CheckNoLayerIsLeft() const;

  const loader::ModelSource& source_;
  BuildOptions options_;
  graph::Builder g_;
  std::string prefix_;     // of Hugging Face names
  std::string layers_hf_;  // what they call layers
  int64_t n_layers_ = 0;
  std::string layer_hf_, layer_gguf_;  // of the present layer
};

}  // namespace concord::models

#include "runtime/models/common/model_builder.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "runtime/base/checked.h"

namespace concord::models {
namespace {

std::string Dims(const std::vector<int64_t>& dims) { return absl::StrCat("[", absl::StrJoin(dims, ", "), "]"); }

}  // namespace

ModelBuilder::ModelBuilder(const loader::ModelSource& source, const BuildOptions& options, const char* name,
                           std::vector<const char*> prefixes, const char* probe)
    : source_(source), options_(options), g_(name) {
  if (gguf()) return;
  for (const char* prefix : prefixes) {
    if (source.Find(absl::StrCat(prefix, probe)) != nullptr) {
      prefix_ = prefix;
      return;
    }
  }
  g_.Fail(absl::InvalidArgumentError(absl::StrCat("no tensor '", probe, "' under any of the prefixes '",
                                                  absl::StrJoin(prefixes, "', '"), "'; is this a whole checkpoint?")));
}

graph::Builder::ScopeGuard ModelBuilder::Layer(int64_t i, const char* hf_layers) {
  layers_hf_ = hf_layers;
  n_layers_ = std::max(n_layers_, i + 1);
  layer_hf_ = absl::StrCat(hf_layers, ".", i, ".");
  layer_gguf_ = absl::StrCat("blk.", i, ".");
  return g_.Scope(absl::StrCat("layers.", i));
}

std::string ModelBuilder::FileName(WeightName name, const char* suffix) const {
  if (gguf()) return absl::StrCat(layer_gguf_, name.gguf, suffix);
  // lm_head stands outside the trunk whose prefix the others share.
  const bool whole = layer_hf_.empty() && absl::string_view(name.huggingface) == "lm_head";
  return absl::StrCat(whole ? "" : prefix_, layer_hf_, name.huggingface, suffix);
}

bool ModelBuilder::Has(WeightName name, const char* suffix) const {
  return source_.Find(FileName(name, suffix)) != nullptr;
}

int64_t ModelBuilder::Rows(WeightName name) const {
  const loader::Tensor* tensor = source_.Find(FileName(name, ".weight"));
  return tensor == nullptr || tensor->dims.empty() ? -1 : tensor->dims[0];
}

ValueId ModelBuilder::Weight(WeightName name, std::vector<int64_t> dims, graph::WeightSource source,
                             const char* suffix) {
  if (!g_.ok()) return kNoValue;
  source.tensor = FileName(name, suffix);
  absl::StatusOr<const loader::Tensor*> found = source_.Require(source.tensor);
  if (!found.ok()) return g_.Fail(found.status()), kNoValue;
  const loader::Tensor& tensor = **found;
  std::vector<int64_t> in_file = tensor.dims;
  if (source.transpose && in_file.size() == 2) std::swap(in_file[0], in_file[1]);
  std::vector<int64_t> want = dims;
  if (!source.stack.empty()) want.erase(want.begin());
  if (source.row_count >= 0) {
    const size_t at = want.size() == 3 ? 1 : 0;
    want[at] = in_file.size() <= at ? -1 : in_file[at];  // any height that holds the rows
    if (want[at] < source.row_begin + source.row_count) want[at] = source.row_begin + source.row_count;
  }
  if (in_file != want) {
    if (source.transpose && want.size() == 2) std::swap(want[0], want[1]);
    g_.Fail(absl::InvalidArgumentError(absl::StrCat("tensor '", source.tensor, "' has shape ", Dims(tensor.dims),
                                                    ", but the settings of this model need ", Dims(want))));
    return kNoValue;
  }
  const bool vector = dims.size() == 1;
  ops::TensorType type{vector ? packing::Find("f32") : tensor.type, {dims.begin(), dims.end()}, ""};
  // Named as in Hugging Face files whatever the format, so that listings of one architecture read alike.
  std::string value_name = absl::StrCat(name.huggingface, suffix);
  if (source.row_count >= 0)
    absl::StrAppend(&value_name, "[", source.row_begin, ":", source.row_begin + source.row_count, "]");
  return g_.Weight(value_name, std::move(type), std::move(source));
}

// Named as the tensor of a stack would be, whichever way the file has it.
ValueId ModelBuilder::ExpertWeight(const ExpertName& name, int64_t experts, int64_t out, int64_t in) {
  const std::string each = absl::StrCat("mlp.experts.%.", name.huggingface);
  const auto expert = [&](int64_t e) { return absl::StrReplaceAll(each, {{"%", absl::StrCat(e)}}); };
  const std::string stacked = absl::StrCat("mlp.experts.", name.huggingface);
  if (gguf() && !Has({"", name.gguf}) && name.part != ExpertName::Part::kWhole) {
    return FusedExpertWeight(name, experts, out, in);
  }
  if (gguf()) return Weight({stacked.c_str(), name.gguf}, {experts, out, in});
  if (!Has({expert(0).c_str(), ""})) return FusedExpertWeight(name, experts, out, in);
  const std::string beyond = expert(experts);
  if (Has({beyond.c_str(), ""})) {
    g_.Fail(absl::InvalidArgumentError(absl::StrCat("there is a tensor '", FileName({beyond.c_str(), ""}, ".weight"),
                                                    "', but the settings of this model name ", experts, " experts")));
    return kNoValue;
  }
  graph::WeightSource source;
  for (int64_t e = 1; e < experts; ++e) source.stack.push_back(FileName({expert(e).c_str(), ""}, ".weight"));
  for (const std::string& tensor : source.stack) {
    const absl::StatusOr<const loader::Tensor*> found = source_.Require(tensor);
    if (!found.ok()) return g_.Fail(found.status()), kNoValue;
  }
  return Weight({expert(0).c_str(), ""}, {experts, out, in}, std::move(source));
}

// Of a tensor with the rows of gate and up in each matrix, or of one that is stacked without a suffix (transformers 5).
ValueId ModelBuilder::FusedExpertWeight(const ExpertName& name, int64_t experts, int64_t out, int64_t in) {
  graph::WeightSource source;
  if (name.part == ExpertName::Part::kWhole) {
    const std::string whole = absl::StrCat("mlp.experts.", name.huggingface);
    return Weight({whole.c_str(), name.gguf}, {experts, out, in}, source, "");
  }
  source.row_begin = name.part == ExpertName::Part::kUp ? out : 0;
  source.row_count = out;
  return Weight({"mlp.experts.gate_up_proj", "ffn_gate_up_exps"}, {experts, out, in}, source, gguf() ? ".weight" : "");
}

ValueId ModelBuilder::Experts(ValueId x, int64_t d, const ExpertSizes& sizes, ops::Attrs routing) {
  using Part = ExpertName::Part;
  routing.Set("k", sizes.used);
  const ValueId logits = Linear(x, {"mlp.gate", "ffn_gate_inp"}, d, sizes.experts);
  const std::vector<ValueId> routed = g_.Apply("moe_route", {{"logits", logits}}, std::move(routing));
  if (!g_.ok()) return kNoValue;
  const ValueId ids = routed[0], weights = routed[1];
  const auto linear = [&](ValueId in, const ExpertName& name, int64_t width, int64_t out) {
    return g_.Apply1("linear_experts", {{"x", in}, {"w", ExpertWeight(name, sizes.experts, out, width)}, {"ids", ids}});
  };
  const ValueId gate = linear(x, {"gate_proj", "ffn_gate_exps", Part::kGate}, d, sizes.d_ff);
  const ValueId up = linear(x, {"up_proj", "ffn_up_exps", Part::kUp}, d, sizes.d_ff);
  const ValueId h = g_.Apply1("glu", {{"gate", gate}, {"up", up}});
  return g_.Apply1("weighted_sum", {{"x", linear(h, {"down_proj", "ffn_down_exps"}, sizes.d_ff, d)}, {"w", weights}});
}

ValueId ModelBuilder::Embed(ValueId ids, ValueId table) { return g_.Apply1("embed", {{"ids", ids}, {"table", table}}); }

ValueId ModelBuilder::Linear(ValueId x, WeightName name, int64_t in, int64_t out, int64_t heads,
                             graph::WeightSource source) {
  const ValueId w = Weight(name, {out, in}, source);
  source.transpose = false;
  const ValueId bias = Has(name, ".bias") ? Weight(name, {out}, source, ".bias") : kNoValue;
  ops::Attrs attrs;
  if (heads > 0) attrs.Set("heads", heads);
  return g_.Apply1("linear", {{"x", x}, {"w", w}, {"bias", bias}}, attrs);
}

ValueId ModelBuilder::RmsNorm(ValueId x, WeightName name, int64_t width, double eps) {
  return g_.Apply1("rms_norm", {{"x", x}, {"w", Weight(name, {width})}}, {{"eps", eps}});
}

ValueId ModelBuilder::LayerNorm(ValueId x, WeightName name, int64_t width, double eps) {
  const ValueId b = Has(name, ".bias") ? Weight(name, {width}, {}, ".bias") : kNoValue;
  return g_.Apply1("layer_norm", {{"x", x}, {"w", Weight(name, {width})}, {"b", b}}, {{"eps", eps}});
}

ValueId ModelBuilder::Rope(ValueId x, ValueId inv_freq, double attn_factor, const char* kind) {
  return g_.Apply1("rope", {{"x", x}, {"positions", Positions()}, {"inv_freq", inv_freq}},
                   {{"kind", std::string(kind)}, {"attn_factor", attn_factor}});
}

ValueId ModelBuilder::Add(ValueId a, ValueId b) { return g_.Apply1("add", {{"a", a}, {"b", b}}); }

ValueId ModelBuilder::GatedFfn(ValueId x, WeightName gate, WeightName up, WeightName down, int64_t d, int64_t d_ff,
                               const char* act) {
  const ValueId g = Linear(x, gate, d, d_ff);
  const ValueId h = g_.Apply1("glu", {{"gate", g}, {"up", Linear(x, up, d, d_ff)}}, {{"act", std::string(act)}});
  return Linear(h, down, d_ff, d);
}

ValueId ModelBuilder::OutputRows(ValueId x) {
  return g_.Apply1("take_rows", {{"x", x}, {"rows", g_.Input("output_rows", {ops::Dim::Symbol(ops::kNOutputs)})}});
}

// A file with more layers than its settings say would run, and write nonsense.
absl::Status ModelBuilder::CheckNoLayerIsLeft() const {
  const std::string prefix = gguf() ? "blk." : absl::StrCat(prefix_, layers_hf_, ".");
  for (const loader::Tensor& tensor : source_.tensors()) {
    absl::string_view rest = tensor.name;
    int64_t layer = 0;
    if (!absl::ConsumePrefix(&rest, prefix) || !absl::SimpleAtoi(rest.substr(0, rest.find('.')), &layer)) continue;
    if (layer < n_layers_) continue;
    return absl::InvalidArgumentError(absl::StrCat("tensor '", tensor.name, "' is of layer ", layer,
                                                   ", but the settings of this model name ", n_layers_,
                                                   " layers; one of the two is damaged"));
  }
  return absl::OkStatus();
}

absl::StatusOr<graph::Module> ModelBuilder::Finish(int64_t n_vocab, int64_t max_context) {
  CONCORD_ASSIGN_OR_RETURN(graph::Module module, g_.Finish());
  CONCORD_RETURN_IF_ERROR(CheckNoLayerIsLeft());
  if (!gguf()) {  // there the tensor alone counts: converters leave a stale number behind
    CONCORD_ASSIGN_OR_RETURN(const int64_t named, config().IntOr({"vocab_size", "vocab_size"}, n_vocab));
    if (named != n_vocab) {
      return absl::InvalidArgumentError(
          absl::StrCat("config.json names a vocab_size of ", named, ", but the embedding has ", n_vocab, " rows"));
    }
  }
  module.n_vocab = n_vocab;
  module.max_context = max_context;
  return module;
}

}  // namespace concord::models

#include "runtime/models/common/rope.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "absl/strings/match.h"

namespace concord::models {
namespace {

using loader::ModelSource;
using loader::Names;

constexpr Names kType = {"rope.scaling.type", "rope_scaling.rope_type"};
constexpr Names kFactor = {"rope.scaling.factor|rope.scale_linear", "rope_scaling.factor"};
// Phi writes the length at the top level, and transformers lets that one win.
constexpr Names kOriginal = {"rope.scaling.original_context_length",
                             "original_max_position_embeddings|rope_scaling.original_max_position_embeddings"};
constexpr Names kContext = {"context_length", "max_position_embeddings|n_positions"};
// Two meanings: config.json gives the factor itself, GGUF one more factor on what the scaling gives.
constexpr Names kAttnFactor = {"rope.scaling.attn_factor", "rope_scaling.attention_factor"};

struct Scaling {
  const ModelSource& source;
  int64_t n_rot;
  int64_t context;  // tokens that the table is made for
  double base = 0;
  double trained = 0;       // tokens that the model was made for; 0 = the file does not say
  double original = 0;      // tokens before its context was extended; where nothing is said, `trained`
  std::vector<double> inv;  // [n_rot / 2]
  double attn_factor = 1;

  bool gguf() const { return source.config().dialect() == loader::Config::Dialect::kGguf; }
  bool is_long() const { return static_cast<double>(context) > original; }
};

// The factor as the file gives it. Without one, `from_lengths` takes it from the two lengths (yarn with null, Phi's
// longrope); for the rest of config.json it is an error, while ggml runs such GGUF files unscaled.
absl::StatusOr<double> Factor(const Scaling& s, bool from_lengths) {
  const loader::Config& config = s.source.config();
  CONCORD_ASSIGN_OR_RETURN(const std::optional<double> given, config.Float(kFactor));
  double factor = 1;
  if (given.has_value()) {
    factor = *given;
  } else if (from_lengths && s.trained > 0 && s.original > 0) {
    factor = s.trained / s.original;
  } else if (!s.gguf()) {
    return absl::InvalidArgumentError(absl::StrCat(config.KeyName(kFactor), " is missing; the scaling needs it"));
  }
  if (factor > 0 && std::isfinite(factor)) return factor;
  return absl::InvalidArgumentError(absl::StrCat(config.KeyName(kFactor), " is ", factor, "; want a positive number"));
}

std::vector<double> Frequencies(double base, int64_t n_rot) {
  std::vector<double> inv(n_rot / 2);
  for (size_t i = 0; i < inv.size(); ++i) inv[i] = std::pow(base, -2.0 * static_cast<double>(i) / n_rot);
  return inv;
}

// Divides every frequency by the element of a tensor or list, all positive.
absl::Status DivideBy(const std::vector<double>& divisors, absl::string_view what, Scaling* s) {
  if (divisors.size() != s->inv.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, " has ", divisors.size(), " elements, want ", s->inv.size(), " (half the rotary dims)"));
  }
  for (size_t i = 0; i < divisors.size(); ++i) {
    if (!(divisors[i] > 0)) return absl::InvalidArgumentError(absl::StrCat(what, "[", i, "] is not positive"));
    s->inv[i] /= divisors[i];
  }
  return absl::OkStatus();
}

// False when the file has no such tensor.
absl::StatusOr<bool> DivideByTensor(const char* name, Scaling* s) {
  CONCORD_ASSIGN_OR_RETURN(const loader::Tensor* tensor, s->source.Optional(name));
  if (tensor == nullptr) return false;
  if (tensor->dims.size() != 1 || tensor->type->Bytes(tensor->dims[0]) != tensor->size_bytes) {
    return absl::InvalidArgumentError(absl::StrCat(name, " is not a vector"));
  }
  std::vector<float> values(tensor->dims[0]);
  tensor->type->decode(tensor->data, tensor->dims[0] / tensor->type->block_elems, values.data());
  CONCORD_RETURN_IF_ERROR(DivideBy(std::vector<double>(values.begin(), values.end()), name, s));
  return true;
}

absl::Status Linear(Scaling* s) {
  CONCORD_ASSIGN_OR_RETURN(const double factor, Factor(*s, false));
  for (double& v : s->inv) v /= factor;
  return absl::OkStatus();
}

// NTK-aware scaling for the length that the table is made for; nothing changes within the trained length.
absl::Status Dynamic(Scaling* s) {
  CONCORD_ASSIGN_OR_RETURN(const double factor, Factor(*s, false));
  if (s->trained <= 0 || static_cast<double>(s->context) <= s->trained || s->n_rot <= 2) return absl::OkStatus();
  const double growth = factor * static_cast<double>(s->context) / s->trained - (factor - 1);
  s->inv = Frequencies(s->base * std::pow(growth, s->n_rot / (s->n_rot - 2.0)), s->n_rot);
  return absl::OkStatus();
}

absl::Status Llama3(Scaling* s) {
  const loader::Config& config = s->source.config();
  CONCORD_ASSIGN_OR_RETURN(const double factor, Factor(*s, false));
  CONCORD_ASSIGN_OR_RETURN(const double low, config.FloatOr({"", "rope_scaling.low_freq_factor"}, 1));
  CONCORD_ASSIGN_OR_RETURN(const double high, config.FloatOr({"", "rope_scaling.high_freq_factor"}, 4));
  if (!(s->original > 0) || !(low > 0) || !(high > 0)) {
    return absl::InvalidArgumentError(
        "rope_scaling of type llama3 needs a positive original_max_position_embeddings, "
        "low_freq_factor and high_freq_factor");
  }
  for (double& inv : s->inv) {
    const double wavelength = 2 * M_PI / inv;
    if (wavelength > s->original / low) {
      inv /= factor;
    } else if (wavelength >= s->original / high) {
      const double smooth = high == low ? 0 : (s->original / wavelength - low) / (high - low);
      inv = (1 - smooth) * inv / factor + smooth * inv;
    }
  }
  return absl::OkStatus();
}

double YarnMagnitude(double factor, double mscale) { return factor > 1 ? 0.1 * mscale * std::log(factor) + 1 : 1; }

struct YarnSettings {
  double factor, fast, slow;
  double extrapolation = 1;  // share of the unscaled frequencies where they are kept; 0 = interpolation everywhere
  bool truncate = true;
};

absl::StatusOr<YarnSettings> ReadYarn(const Scaling& s) {
  const loader::Config& config = s.source.config();
  YarnSettings y;
  CONCORD_ASSIGN_OR_RETURN(y.factor, Factor(s, !s.gguf()));
  CONCORD_ASSIGN_OR_RETURN(y.fast, config.FloatOr({"rope.scaling.yarn_beta_fast", "rope_scaling.beta_fast"}, 0));
  CONCORD_ASSIGN_OR_RETURN(y.slow, config.FloatOr({"rope.scaling.yarn_beta_slow", "rope_scaling.beta_slow"}, 0));
  CONCORD_ASSIGN_OR_RETURN(y.extrapolation, config.FloatOr({"rope.scaling.yarn_ext_factor", ""}, 1));
  CONCORD_ASSIGN_OR_RETURN(y.truncate, config.BoolOr({"", "rope_scaling.truncate"}, true));
  if (y.fast == 0) y.fast = 32;  // 0 stands for the default, as in transformers
  if (y.slow == 0) y.slow = 1;
  if (y.extrapolation < 0) y.extrapolation = 1;  // ggml's "not set"
  if (y.fast > 0 && y.slow > 0 && std::isfinite(y.extrapolation)) return y;
  return absl::InvalidArgumentError(absl::StrCat("rope scaling of type yarn has beta_fast ", y.fast, ", beta_slow ",
                                                 y.slow, " and an extrapolation factor of ", y.extrapolation,
                                                 "; the betas must be positive"));
}

// What yarn puts on cos and sin. DeepSeek's two mscales are one key in GGUF, yarn_log_multiplier: mscale_all_dim, in
// DeepSeek's own architectures a tenth of it; mscale is 1 there, or the same, which leaves a factor of 1.
absl::StatusOr<double> YarnAttnFactor(const Scaling& s, const YarnSettings& y) {
  const loader::Config& config = s.source.config();
  const Names explicit_factor = {"rope.scaling.yarn_attn_factor", kAttnFactor.hf};
  CONCORD_ASSIGN_OR_RETURN(const std::optional<double> given, config.Float(explicit_factor));
  CONCORD_ASSIGN_OR_RETURN(double all_dim,
                           config.FloatOr({"rope.scaling.yarn_log_multiplier", "rope_scaling.mscale_all_dim"}, 0));
  CONCORD_ASSIGN_OR_RETURN(double mscale, config.FloatOr({"", "rope_scaling.mscale"}, s.gguf() ? 1 : 0));
  if (given.has_value()) return *given;
  if (y.extrapolation == 0) return 1;  // ggml: without extrapolation it is not yarn but linear scaling
  if (s.gguf() && absl::StartsWith(s.source.architecture(), "deepseek")) mscale = all_dim = 10 * all_dim;
  if (mscale == 0 || all_dim == 0) return YarnMagnitude(y.factor, 1);
  return YarnMagnitude(y.factor, mscale) / YarnMagnitude(y.factor, all_dim);
}

absl::Status Yarn(Scaling* s) {
  CONCORD_ASSIGN_OR_RETURN(const YarnSettings y, ReadYarn(*s));
  if (!(s->original > 0)) {
    CONCORD_ASSIGN_OR_RETURN(s->original, s->source.config().RequireFloat(kContext));
  }
  const double r = static_cast<double>(s->n_rot);
  const auto correction = [&](double beta) {
    return r * std::log(s->original / (2 * M_PI * beta)) / (2 * std::log(s->base));
  };
  double low = correction(y.fast), high = correction(y.slow);
  if (y.truncate) low = std::floor(low), high = std::ceil(high);
  low = std::clamp(low, 0.0, r - 1), high = std::clamp(high, 0.0, r - 1);
  if (low == high) high += 0.001;
  for (size_t i = 0; i < s->inv.size(); ++i) {
    const double ramp = std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0);
    const double kept = (1 - ramp) * y.extrapolation;
    s->inv[i] = s->inv[i] / y.factor * (1 - kept) + s->inv[i] * kept;
  }
  CONCORD_ASSIGN_OR_RETURN(s->attn_factor, YarnAttnFactor(*s, y));
  return absl::OkStatus();
}

// The divisors of config.json; GGUF has them as tensors: ApplyGgufExtras.
absl::Status LongRope(Scaling* s) {
  const loader::Config& config = s->source.config();
  if (!s->gguf()) {
    const Names names = {"", s->is_long() ? "rope_scaling.long_factor" : "rope_scaling.short_factor"};
    CONCORD_ASSIGN_OR_RETURN(const auto factors, config.FloatArray(names));
    if (!factors.has_value()) return absl::InvalidArgumentError(absl::StrCat(names.hf, " is missing"));
    CONCORD_RETURN_IF_ERROR(DivideBy(*factors, names.hf, s));
  }
  CONCORD_ASSIGN_OR_RETURN(const std::optional<double> given, config.Float(kAttnFactor));
  if (given.has_value()) {
    if (!s->gguf()) s->attn_factor = *given;
    return absl::OkStatus();
  }
  CONCORD_ASSIGN_OR_RETURN(const double factor, Factor(*s, true));
  if (factor > 1) s->attn_factor = std::sqrt(1 + std::log(factor) / std::log(s->original));
  return absl::OkStatus();
}

// GGUF: what stands beside the type. The divisors of llama3 and longrope are tensors and act because they are there
// (Phi-3 files of 2024 name no type); attn_factor is one more factor on cos and sin, for every type.
absl::Status ApplyGgufExtras(const std::string& type, Scaling* s) {
  const loader::Config& config = s->source.config();
  CONCORD_ASSIGN_OR_RETURN(bool divided, DivideByTensor("rope_freqs.weight", s));
  const char* name = s->is_long() ? "rope_factors_long.weight" : "rope_factors_short.weight";
  if (!divided) {
    CONCORD_ASSIGN_OR_RETURN(divided, DivideByTensor(name, s));
  }
  if (!divided && type == "longrope") {
    return absl::InvalidArgumentError(
        absl::StrCat(config.KeyName(kType), " is longrope, but the file has no tensor ", name));
  }
  CONCORD_ASSIGN_OR_RETURN(const double attn_factor, config.FloatOr(kAttnFactor, 1));
  s->attn_factor *= attn_factor;
  return absl::OkStatus();
}

struct Kind {
  const char* name;
  absl::Status (*apply)(Scaling*);
};
constexpr Kind kKinds[] = {{"dynamic", Dynamic},   {"linear", Linear}, {"llama3", Llama3},
                           {"longrope", LongRope}, {"su", LongRope},   {"yarn", Yarn}};

absl::Status Apply(const std::string& type, Scaling* s) {
  if (type.empty() || type == "none" || type == "default") return absl::OkStatus();
  std::string known;
  for (const Kind& kind : kKinds) {
    if (type == kind.name) return kind.apply(s);
    absl::StrAppend(&known, ", ", kind.name);
  }
  return absl::UnimplementedError(
      absl::StrCat(s->source.config().KeyName(kType), " is '", type, "'; Concord knows none", known));
}

}  // namespace

absl::StatusOr<RopeTable> MakeRopeTable(const ModelSource& source, int64_t n_rot, double default_base,
                                        int64_t context_tokens) {
  const loader::Config& config = source.config();
  if (n_rot <= 0 || n_rot % 2 != 0 || n_rot > 65536) {
    return absl::InvalidArgumentError(absl::StrCat("the rotary width is ", n_rot, ", want an even positive number"));
  }
  Scaling s{.source = source, .n_rot = n_rot, .context = context_tokens};
  CONCORD_ASSIGN_OR_RETURN(s.base, config.FloatOr({"rope.freq_base", "rope_theta"}, default_base));
  CONCORD_ASSIGN_OR_RETURN(s.trained, config.FloatOr(kContext, 0));
  CONCORD_ASSIGN_OR_RETURN(s.original, config.FloatOr(kOriginal, 0));
  CONCORD_ASSIGN_OR_RETURN(std::string type, config.StringOr(kType, ""));
  if (!(s.base > 1)) return absl::InvalidArgumentError(absl::StrCat("rope base ", s.base, " must be greater than 1"));
  if (!(s.original > 0)) s.original = s.trained;
  if (type.empty() && s.gguf() && config.Has(kFactor)) type = "linear";  // ggml's default type
  s.inv = Frequencies(s.base, n_rot);
  CONCORD_RETURN_IF_ERROR(Apply(type, &s));
  if (s.gguf()) CONCORD_RETURN_IF_ERROR(ApplyGgufExtras(type, &s));
  if (!(s.attn_factor > 0) || !std::isfinite(s.attn_factor)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the rope scaling gives an attention factor of ", s.attn_factor, "; want a positive number"));
  }
  RopeTable table;
  table.inv_freq.assign(s.inv.begin(), s.inv.end());
  table.attn_factor = s.attn_factor;
  return table;
}

}  // namespace concord::models

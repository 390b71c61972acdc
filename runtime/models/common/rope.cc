#include "runtime/models/common/rope.h"

#include <algorithm>
#include <cmath>

namespace concord::models {
namespace {

using loader::ModelSource;
using loader::Names;

constexpr Names kType = {"rope.scaling.type", "rope_scaling.rope_type"};
constexpr Names kFactor = {"rope.scaling.factor", "rope_scaling.factor"};
constexpr Names kOriginal = {"rope.scaling.original_context_length", "rope_scaling.original_max_position_embeddings"};
constexpr Names kContext = {"context_length", "max_position_embeddings|n_positions"};

struct Scaling {
  const ModelSource& source;
  int64_t n_rot;
  int64_t context;  // tokens that the table is made for
  double base = 0;
  double factor = 1;
  double original = 0;
  std::vector<double> inv;
  double attn_factor = 1;
};

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

absl::Status DivideByTensor(const char* name, Scaling* s) {
  CONCORD_ASSIGN_OR_RETURN(const loader::Tensor* tensor, s->source.Optional(name));
  if (tensor == nullptr) return absl::OkStatus();
  if (tensor->dims.size() != 1 || tensor->type->Bytes(tensor->dims[0]) != tensor->size_bytes) {
    return absl::InvalidArgumentError(absl::StrCat(name, " is not a vector"));
  }
  std::vector<float> values(tensor->dims[0]);
  tensor->type->decode(tensor->data, tensor->dims[0] / tensor->type->block_elems, values.data());
  return DivideBy(std::vector<double>(values.begin(), values.end()), name, s);
}

absl::Status Linear(Scaling* s) {
  for (double& v : s->inv) v /= s->factor;
  return absl::OkStatus();
}

// NTK-aware scaling for the length that the table is made for; nothing changes within the trained length.
absl::Status Dynamic(Scaling* s) {
  CONCORD_ASSIGN_OR_RETURN(const double trained, s->source.config().FloatOr(kContext, 0));
  if (trained <= 0 || static_cast<double>(s->context) <= trained || s->n_rot <= 2) return absl::OkStatus();
  const double growth = s->factor * static_cast<double>(s->context) / trained - (s->factor - 1);
  s->inv = Frequencies(s->base * std::pow(growth, s->n_rot / (s->n_rot - 2.0)), s->n_rot);
  return absl::OkStatus();
}

absl::Status Llama3(Scaling* s) {
  const loader::Config& config = s->source.config();
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
      inv /= s->factor;
    } else if (wavelength >= s->original / high) {
      const double smooth = high == low ? 0 : (s->original / wavelength - low) / (high - low);
      inv = (1 - smooth) * inv / s->factor + smooth * inv;
    }
  }
  return absl::OkStatus();
}

double YarnMagnitude(double factor, double mscale) { return factor > 1 ? 0.1 * mscale * std::log(factor) + 1 : 1; }

absl::Status Yarn(Scaling* s) {
  const loader::Config& config = s->source.config();
  CONCORD_ASSIGN_OR_RETURN(const double fast,
                           config.FloatOr({"rope.scaling.yarn_beta_fast", "rope_scaling.beta_fast"}, 32));
  CONCORD_ASSIGN_OR_RETURN(const double slow,
                           config.FloatOr({"rope.scaling.yarn_beta_slow", "rope_scaling.beta_slow"}, 1));
  CONCORD_ASSIGN_OR_RETURN(const bool truncate, config.BoolOr({"", "rope_scaling.truncate"}, true));
  CONCORD_ASSIGN_OR_RETURN(const double mscale, config.FloatOr({"", "rope_scaling.mscale"}, 0));
  CONCORD_ASSIGN_OR_RETURN(const double mscale_all, config.FloatOr({"", "rope_scaling.mscale_all_dim"}, 0));
  CONCORD_ASSIGN_OR_RETURN(const double attn,
                           config.FloatOr({"rope.scaling.attn_factor", "rope_scaling.attention_factor"}, 0));
  if (!(s->original > 0)) {
    CONCORD_ASSIGN_OR_RETURN(s->original, config.RequireFloat(kContext));
  }
  const double r = static_cast<double>(s->n_rot);
  const auto correction = [&](double beta) {
    return r * std::log(s->original / (2 * M_PI * beta)) / (2 * std::log(s->base));
  };
  double low = correction(fast), high = correction(slow);
  if (truncate) low = std::floor(low), high = std::ceil(high);
  low = std::clamp(low, 0.0, r - 1), high = std::clamp(high, 0.0, r - 1);
  if (low == high) high += 0.001;
  for (size_t i = 0; i < s->inv.size(); ++i) {
    const double ramp = std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0);
    s->inv[i] = s->inv[i] / s->factor * ramp + s->inv[i] * (1 - ramp);
  }
  if (attn > 0) {
    s->attn_factor = attn;
  } else if (mscale > 0 && mscale_all > 0) {
    s->attn_factor = YarnMagnitude(s->factor, mscale) / YarnMagnitude(s->factor, mscale_all);
  } else {
    s->attn_factor = YarnMagnitude(s->factor, 1);
  }
  return absl::OkStatus();
}

absl::Status LongRope(Scaling* s) {
  const loader::Config& config = s->source.config();
  CONCORD_ASSIGN_OR_RETURN(const double trained, config.FloatOr(kContext, 0));
  if (!(s->original > 0)) s->original = trained;
  const bool is_long = static_cast<double>(s->context) > s->original;
  if (config.dialect() == loader::Config::Dialect::kGguf) {
    CONCORD_RETURN_IF_ERROR(DivideByTensor(is_long ? "rope_factors_long.weight" : "rope_factors_short.weight", s));
  } else {
    const Names names = {"", is_long ? "rope_scaling.long_factor" : "rope_scaling.short_factor"};
    CONCORD_ASSIGN_OR_RETURN(const auto factors, config.FloatArray(names));
    if (!factors.has_value()) return absl::InvalidArgumentError(absl::StrCat(names.hf, " is missing"));
    CONCORD_RETURN_IF_ERROR(DivideBy(*factors, names.hf, s));
  }
  CONCORD_ASSIGN_OR_RETURN(const double attn,
                           config.FloatOr({"rope.scaling.attn_factor", "rope_scaling.attention_factor"}, 0));
  const double growth = s->original > 0 ? std::max(trained / s->original, s->factor) : s->factor;
  s->attn_factor = attn > 0 ? attn : growth > 1 ? std::sqrt(1 + std::log(growth) / std::log(s->original)) : 1;
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
  CONCORD_ASSIGN_OR_RETURN(s.factor, config.FloatOr(kFactor, 1));
  CONCORD_ASSIGN_OR_RETURN(s.original, config.FloatOr(kOriginal, 0));
  CONCORD_ASSIGN_OR_RETURN(const std::string type, config.StringOr(kType, ""));
  if (!(s.base > 1) || !(s.factor > 0)) {
    return absl::InvalidArgumentError(absl::StrCat("rope base ", s.base, " and scaling factor ", s.factor,
                                                   " must be positive, the base greater than 1"));
  }
  s.inv = Frequencies(s.base, n_rot);
  CONCORD_RETURN_IF_ERROR(Apply(type, &s));
  // GGUF keeps the llama3 scaling as a tensor of divisors.
  if (config.dialect() == loader::Config::Dialect::kGguf)
    CONCORD_RETURN_IF_ERROR(DivideByTensor("rope_freqs.weight", &s));
  RopeTable table;
  table.inv_freq.assign(s.inv.begin(), s.inv.end());
  table.attn_factor = s.attn_factor;
  return table;
}

}  // namespace concord::models

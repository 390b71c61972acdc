#include "runtime/cts/tiny_model.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_format.h"
#include "ops/core/numerics.h"
#include "runtime/graph/lower.h"
#include "runtime/models/model.h"

namespace concord::cts {
namespace {

// Odd where the architecture allows it: a head group of 3, widths that are no powers of two but whole blocks of 32.
constexpr loader::SyntheticShape kShapes[] = {
    {"cts-gpt2", "gpt2", 2, 96, 3, 3, 32, 160, 300, 256, 0, true},
    {"cts-llama", "llama", 2, 96, 6, 2, 32, 160, 300, 256, 1e4, false},
    {"cts-qwen2", "qwen2", 2, 96, 3, 1, 32, 160, 300, 256, 1e6, true},
    {"cts-qwen3", "qwen3", 2, 96, 6, 2, 32, 160, 300, 256, 1e6, true},
    {"cts-qwen3moe", "qwen3moe", 2, 96, 6, 2, 32, 64, 300, 256, 1e6, true, 7, 3},
};

constexpr int64_t kPrompts[] = {1, 7, 40};  // tokens; the last needs a second KV block

// Why the device does not compute some op of the model as it is written; empty when it does compute all.
absl::StatusOr<std::string> Refusal(const loader::SyntheticShape& shape, const TinyVariant& variant,
                                    const hal::Device& device) {
  CONCORD_ASSIGN_OR_RETURN(const auto source, loader::MakeSynthetic(shape, variant.weights, {}));
  CONCORD_ASSIGN_OR_RETURN(const graph::Module module,
                           models::BuildModule(*source, {.kv_packing = variant.kv, .context_tokens = 64}));
  CONCORD_ASSIGN_OR_RETURN(const graph::LoweredProgram program,
                           graph::LoweredProgram::Lower(module.main, graph::WholeGraph(module.main)));
  for (uint32_t op = 0; op < module.main.nodes.size(); ++op) {
    CONCORD_ASSIGN_OR_RETURN(const hal::Support support, device.QueryOp(program.desc(), op));
    if (!support.ok()) return absl::StrCat(module.main.nodes[op].op->name, ": ", support.reason);
  }
  return std::string();
}

}  // namespace

absl::Span<const loader::SyntheticShape> TinyShapes() { return kShapes; }

// Both sides compute exactly what the weights say, one in f32 and one in float64: 1e-4 is what
// DESIGN §6 holds models to. A key or value that falls to the other side of a rounding boundary of its cache moves by a
// unit of that type, and that moves an average over values by no more; a weight that the host has to decode for a
// device is rounded to f16, which is less.
double TinyTolerance(const TinyVariant& variant) { return 1e-4 + ops::StoreTolerance(*packing::Find(variant.kv)); }

Case TinyCase(std::string name, const TinyVariant& variant, std::function<absl::Status(Context&, CaseResult*)> run) {
  return {std::move(name), [&variant, run = std::move(run)](Context& context) {
            CaseResult numbers;
            CaseResult result = ToResult(run(context, &numbers));
            result.error = numbers.error;
            result.tolerance = TinyTolerance(variant);
            return result;
          }};
}

absl::StatusOr<std::unique_ptr<TinyModel>> TinyModel::Create(const loader::SyntheticShape& shape,
                                                             const TinyVariant& variant,
                                                             std::shared_ptr<hal::Device> device) {
  CONCORD_ASSIGN_OR_RETURN(auto source, loader::MakeSynthetic(shape, variant.weights, {}));
  absl::StatusOr<std::shared_ptr<const exec::LoadedModel>> model = exec::LoadedModel::Load(
      std::move(source), {device}, {.compute = "exact", .kv_type = variant.kv, .canary = "off"});
  if (!model.ok()) {
    CONCORD_ASSIGN_OR_RETURN(const std::string refusal, Refusal(shape, variant, *device));
    return refusal.empty() ? model.status() : Refused(refusal);
  }
  auto tiny = std::make_unique<TinyModel>();
  tiny->model_ = *std::move(model);
  constexpr int64_t kSeqs = std::size(kPrompts);
  CONCORD_ASSIGN_OR_RETURN(
      tiny->runner_,
      exec::StepRunner::Create(tiny->model_,
                               {.n_tokens = 64, .n_seqs = kSeqs, .n_outputs = kSeqs, .n_blocks = 8, .max_blocks = 2}));
  tiny->batch_.Reserve(64, kSeqs, kSeqs, 2);
  return tiny;
}

std::vector<TinySequence> TinyModel::Prompts(uint64_t seed) {
  ops::CaseRng rng(seed + 17);
  std::vector<TinySequence> sequences;
  int32_t block = 7;  // from the end of the pool backwards: not where a naive index would look
  for (const int64_t length : kPrompts) {
    TinySequence& s = sequences.emplace_back();
    for (int64_t i = 0; i < length; ++i) s.tokens.push_back(static_cast<int32_t>(rng.Int(0, 299)));
    for (int b = 0; b < 2; ++b) s.blocks.push_back(block--);
  }
  return sequences;
}

absl::StatusOr<std::vector<float>> TinyModel::Step(const std::vector<TinySequence>& sequences,
                                                   const std::vector<int64_t>& done) {
  batch_.Clear();
  for (size_t s = 0; s < sequences.size(); ++s) {
    const auto count = static_cast<int64_t>(sequences[s].tokens.size()) - done[s];
    batch_.Add(sequences[s].tokens.data(), done[s], count, sequences[s].blocks, model_->block_tokens());
    batch_.output_rows.push_back(static_cast<int32_t>(batch_.tokens.size()) - 1);
  }
  CONCORD_RETURN_IF_ERROR(runner_->Run(batch_));
  const float* logits = runner_->logits()[0];
  return std::vector<float>(logits, logits + sequences.size() * n_vocab());
}

size_t LargestLogit(const float* logits, size_t n) {
  return static_cast<size_t>(std::max_element(logits, logits + n) - logits);
}

absl::Status CompareLogits(const float* got, const float* want, size_t n, double tolerance, absl::string_view where,
                           CaseResult* result) {
  double largest = 0, worst = 0;
  size_t at = 0;
  for (size_t i = 0; i < n; ++i) {
    largest = std::max(largest, std::fabs(static_cast<double>(want[i])));
    const double off = std::fabs(static_cast<double>(got[i]) - want[i]);
    if (off <= worst) continue;
    worst = std::isnan(off) ? INFINITY : off;
    at = i;
  }
  result->error = std::max(result->error, worst / largest);
  if (!(worst <= tolerance * largest)) {
    return absl::InternalError(
        absl::StrFormat("%s: logit %d is %.9g, want %.9g ± %.3g", where, at, got[at], want[at], tolerance * largest));
  }
  const size_t got_token = LargestLogit(got, n), want_token = LargestLogit(want, n);
  if (want[want_token] - want[got_token] <= 2 * tolerance * largest) return absl::OkStatus();
  return absl::InternalError(absl::StrFormat("%s: the greedy token is %d, want %d", where, got_token, want_token));
}

}  // namespace concord::cts

// Whole models: a tiny one of each architecture, made up here, on the device and on the float64 reference. Prompts of
// several sequences in one step, then decoding one by one, each step fed with the reference's tokens.
#include <algorithm>
#include <cmath>

#include "absl/strings/str_format.h"
#include "ops/core/numerics.h"
#include "runtime/cts/case.h"
#include "runtime/exec/capacities.h"
#include "runtime/exec/loaded_model.h"
#include "runtime/exec/step_runner.h"
#include "runtime/graph/lower.h"
#include "runtime/loader/synthetic.h"
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

struct Variant {
  const char* weights;
  const char* kv;
};
constexpr Variant kVariants[] = {{"f32", "f32"}, {"q8_0", "f16"}, {"q4_0", "q8_0"}};

// Of the largest logit. Both sides compute exactly what the weights say, one in f32 and one in float64: 1e-4 is what
// DESIGN §6 holds models to. A key or value that falls to the other side of a rounding boundary of its cache moves by a
// unit of that type, and that moves an average over values by no more; a weight that the host has to decode for a
// device is rounded to f16, which is less.
double ToleranceOf(const Variant& variant) { return 1e-4 + ops::StoreTolerance(*packing::Find(variant.kv)); }

constexpr int64_t kPrompts[] = {1, 7, 40};  // tokens; the last needs a second KV block
constexpr int kDecodeSteps = 6;

struct Sequence {
  std::vector<int32_t> tokens;
  std::vector<int32_t> blocks;
};

// One model on one device.
class Run {
 public:
  static absl::StatusOr<std::unique_ptr<Run>> Create(const loader::SyntheticShape& shape, const Variant& variant,
                                                     std::shared_ptr<hal::Device> device) {
    CONCORD_ASSIGN_OR_RETURN(auto source, loader::MakeSynthetic(shape, variant.weights, {}));
    auto run = std::make_unique<Run>();
    CONCORD_ASSIGN_OR_RETURN(run->model_,
                             exec::LoadedModel::Load(std::move(source), {std::move(device)},
                                                     {.compute = "exact", .kv_type = variant.kv, .canary = "off"}));
    constexpr int64_t kSeqs = std::size(kPrompts);
    CONCORD_ASSIGN_OR_RETURN(
        run->runner_,
        exec::StepRunner::Create(
            run->model_, {.n_tokens = 64, .n_seqs = kSeqs, .n_outputs = kSeqs, .n_blocks = 8, .max_blocks = 2}));
    run->batch_.Reserve(64, kSeqs, kSeqs, 2);
    return run;
  }

  // Runs what each sequence holds behind `done` tokens; the logits of each one's last token, one after the other.
  absl::StatusOr<std::vector<float>> Step(const std::vector<Sequence>& sequences, const std::vector<int64_t>& done) {
    batch_.Clear();
    for (size_t s = 0; s < sequences.size(); ++s) {
      const auto count = static_cast<int64_t>(sequences[s].tokens.size()) - done[s];
      batch_.Add(sequences[s].tokens.data(), done[s], count, sequences[s].blocks, model_->block_tokens());
      batch_.output_rows.push_back(static_cast<int32_t>(batch_.tokens.size()) - 1);
    }
    CONCORD_RETURN_IF_ERROR(runner_->Run(batch_));
    const float* logits = runner_->logits()[0];
    return std::vector<float>(logits, logits + sequences.size() * static_cast<size_t>(model_->n_vocab()));
  }

  const exec::LoadedModel& model() const { return *model_; }

 private:
  std::shared_ptr<const exec::LoadedModel> model_;
  std::unique_ptr<exec::StepRunner> runner_;
  exec::StepBatch batch_;
};

// Why the device does not compute some op of the model as it is written; empty when it does compute all.
absl::StatusOr<std::string> Refusal(const loader::SyntheticShape& shape, const Variant& variant,
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

std::vector<Sequence> Prompts(uint64_t seed) {
  ops::CaseRng rng(seed + 17);
  std::vector<Sequence> sequences;
  int32_t block = 7;  // from the end of the pool backwards: not where a naive index would look
  for (const int64_t length : kPrompts) {
    Sequence& s = sequences.emplace_back();
    for (int64_t i = 0; i < length; ++i) s.tokens.push_back(static_cast<int32_t>(rng.Int(0, 299)));
    for (int b = 0; b < 2; ++b) s.blocks.push_back(block--);
  }
  return sequences;
}

size_t Largest(const float* logits, size_t n) {
  return static_cast<size_t>(std::max_element(logits, logits + n) - logits);
}

// The device's likeliest token must be the reference's, or one that the tolerance cannot tell from it.
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
  const size_t got_token = Largest(got, n), want_token = Largest(want, n);
  if (want[want_token] - want[got_token] <= 2 * tolerance * largest) return absl::OkStatus();
  return absl::InternalError(absl::StrFormat("%s: the greedy token is %d, want %d", where, got_token, want_token));
}

absl::Status Compare(Run& device, Run& reference, const Variant& variant, uint64_t seed, CaseResult* result) {
  std::vector<Sequence> sequences = Prompts(seed);
  std::vector<int64_t> done(sequences.size(), 0);
  const auto n_vocab = static_cast<size_t>(reference.model().n_vocab());
  for (int step = 0; step <= kDecodeSteps; ++step) {
    CONCORD_ASSIGN_OR_RETURN(const std::vector<float> want, reference.Step(sequences, done));
    CONCORD_ASSIGN_OR_RETURN(const std::vector<float> got, device.Step(sequences, done));
    for (size_t s = 0; s < sequences.size(); ++s) {
      const std::string where = absl::StrCat(step == 0 ? "prefill" : absl::StrCat("decode step ", step), ", sequence ",
                                             s, " of ", sequences.size(), ", ", sequences[s].tokens.size(), " tokens");
      const float* wanted = want.data() + s * n_vocab;
      CONCORD_RETURN_IF_ERROR(
          CompareLogits(got.data() + s * n_vocab, wanted, n_vocab, ToleranceOf(variant), where, result));
      done[s] = static_cast<int64_t>(sequences[s].tokens.size());
      sequences[s].tokens.push_back(static_cast<int32_t>(Largest(wanted, n_vocab)));
    }
  }
  return absl::OkStatus();
}

absl::Status RunModelCase(Context& context, const loader::SyntheticShape& shape, const Variant& variant,
                          CaseResult* result) {
  CONCORD_ASSIGN_OR_RETURN(std::shared_ptr<hal::Device> reference, context.Reference());
  CONCORD_ASSIGN_OR_RETURN(const auto want, Run::Create(shape, variant, std::move(reference)));
  const auto got = Run::Create(shape, variant, context.device_ptr());
  if (!got.ok()) {
    CONCORD_ASSIGN_OR_RETURN(const std::string refusal, Refusal(shape, variant, context.device()));
    return refusal.empty() ? got.status() : Refused(refusal);
  }
  return Compare(**got, *want, variant, context.seed(), result);
}

std::vector<Case> ModelCases() {
  std::vector<Case> cases;
  for (const loader::SyntheticShape& shape : kShapes) {
    for (const Variant& variant : kVariants) {
      cases.push_back({absl::StrCat("models/", shape.arch, "/", variant.weights, "_kv_", variant.kv),
                       [&shape, &variant](Context& context) {
                         CaseResult numbers;
                         CaseResult result = ToResult(RunModelCase(context, shape, variant, &numbers));
                         result.error = numbers.error;
                         result.tolerance = ToleranceOf(variant);
                         return result;
                       }});
    }
  }
  return cases;
}

}  // namespace

CONCORD_DEFINE_CTS_GROUP(models) { return {.name = "models", .step = 11, .cases = ModelCases}; }

}  // namespace concord::cts

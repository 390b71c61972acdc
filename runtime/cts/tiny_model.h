#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime/cts/case.h"
#include "runtime/cts/case_result.h"
#include "runtime/cts/context.h"
#include "runtime/exec/loaded_model.h"
#include "runtime/exec/step_runner.h"
#include "runtime/loader/synthetic.h"

namespace concord::cts {

// Types of the weights and of the KV cache.
struct TinyVariant {
  const char* weights;
  const char* kv;
};

// Tiny models, made up here: one of each architecture.
absl::Span<const loader::SyntheticShape> TinyShapes();

// Of the largest logit: how far two right devices may be apart.
double TinyTolerance(const TinyVariant& variant);

// A case that compares logits: `run` raises the error of the result that it is given. `variant` outlives the case.
Case TinyCase(std::string name, const TinyVariant& variant, std::function<absl::Status(Context&, CaseResult*)> run);

struct TinySequence {
  std::vector<int32_t> tokens;
  std::vector<int32_t> blocks;
};

// One model on one device, computing exactly.
class TinyModel {
 public:
  // Refused(), with the reason, where the device does not compute some op of the model as it is written.
  static absl::StatusOr<std::unique_ptr<TinyModel>> Create(const loader::SyntheticShape& shape,
                                                           const TinyVariant& variant,
                                                           std::shared_ptr<hal::Device> device);

  // Prompts of several lengths, the longest in two KV blocks; tokens drawn by `seed`.
  static std::vector<TinySequence> Prompts(uint64_t seed);

  // Runs what each sequence holds behind `done` tokens; the logits of each one's last token, one after the other.
  absl::StatusOr<std::vector<float>> Step(const std::vector<TinySequence>& sequences, const std::vector<int64_t>& done);

  size_t n_vocab() const { return static_cast<size_t>(model_->n_vocab()); }
  const exec::StepRunner& runner() const { return *runner_; }

 private:
  std::shared_ptr<const exec::LoadedModel> model_;
  std::unique_ptr<exec::StepRunner> runner_;
  exec::StepBatch batch_;
};

size_t LargestLogit(const float* logits, size_t n);

// Raises the error of `result`. A failure says `where`; the likeliest token must be the same too, or one that the
// tolerance cannot tell from it.
absl::Status CompareLogits(const float* got, const float* want, size_t n, double tolerance, absl::string_view where,
                           CaseResult* result);

}  // namespace concord::cts

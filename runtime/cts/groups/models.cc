// Whole models: a tiny one of each architecture, on the device and on the float64 reference. Prompts of several
// sequences in one step, then decoding one by one, each step fed with the reference's tokens.
#include "runtime/cts/case.h"
#include "runtime/cts/tiny_model.h"

namespace concord::cts {
namespace {

constexpr TinyVariant kVariants[] = {{"f32", "f32"}, {"q8_0", "f16"}, {"q4_0", "q8_0"}};
constexpr int kDecodeSteps = 6;

absl::Status Compare(TinyModel& device, TinyModel& reference, const TinyVariant& variant, uint64_t seed,
                     CaseResult* result) {
  std::vector<TinySequence> sequences = TinyModel::Prompts(seed);
  std::vector<int64_t> done(sequences.size(), 0);
  const size_t n_vocab = reference.n_vocab();
  for (int step = 0; step <= kDecodeSteps; ++step) {
    CONCORD_ASSIGN_OR_RETURN(const std::vector<float> want, reference.Step(sequences, done));
    CONCORD_ASSIGN_OR_RETURN(const std::vector<float> got, device.Step(sequences, done));
    for (size_t s = 0; s < sequences.size(); ++s) {
      const std::string where = absl::StrCat(step == 0 ? "prefill" : absl::StrCat("decode step ", step), ", sequence ",
                                             s, " of ", sequences.size(), ", ", sequences[s].tokens.size(), " tokens");
      const float* wanted = want.data() + s * n_vocab;
      CONCORD_RETURN_IF_ERROR(
          CompareLogits(got.data() + s * n_vocab, wanted, n_vocab, TinyTolerance(variant), where, result));
      done[s] = static_cast<int64_t>(sequences[s].tokens.size());
      sequences[s].tokens.push_back(static_cast<int32_t>(LargestLogit(wanted, n_vocab)));
    }
  }
  return absl::OkStatus();
}

absl::Status RunModelCase(Context& context, const loader::SyntheticShape& shape, const TinyVariant& variant,
                          CaseResult* result) {
  CONCORD_ASSIGN_OR_RETURN(std::shared_ptr<hal::Device> reference, context.Reference());
  CONCORD_ASSIGN_OR_RETURN(const auto want, TinyModel::Create(shape, variant, std::move(reference)));
  CONCORD_ASSIGN_OR_RETURN(const auto got, TinyModel::Create(shape, variant, context.device_ptr()));
  return Compare(*got, *want, variant, context.seed(), result);
}

std::vector<Case> ModelCases() {
  std::vector<Case> cases;
  for (const loader::SyntheticShape& shape : TinyShapes()) {
    for (const TinyVariant& variant : kVariants) {
      cases.push_back(TinyCase(absl::StrCat("models/", shape.arch, "/", variant.weights, "_kv_", variant.kv), variant,
                               [&shape, &variant](Context& context, CaseResult* result) {
                                 return RunModelCase(context, shape, variant, result);
                               }));
    }
  }
  return cases;
}

}  // namespace

CONCORD_DEFINE_CTS_GROUP(models) { return {.name = "models", .step = 12, .cases = ModelCases}; }

}  // namespace concord::cts

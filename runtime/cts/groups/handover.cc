// Prompts computed on the device and answered on the float64 reference, and the other way round: the keys and values
// that cross, by copies or by the device's own exports and imports, mean to the one what they meant to the other.
#include "runtime/cts/case.h"
#include "runtime/cts/tiny_model.h"
#include "runtime/exec/kv_handover.h"

namespace concord::cts {
namespace {

constexpr TinyVariant kVariants[] = {{"f32", "f32"}, {"f32", "f16"}, {"f32", "bf16"}, {"f32", "q8_0"}};
constexpr char kArchitecture[] = "llama";  // two KV heads of three query heads: their order in a block matters
constexpr int kDecodeSteps = 3;
constexpr int64_t kMaxTokens = 64;
constexpr int32_t kPoolBlocks = 8;

const loader::SyntheticShape& Shape() {
  for (const loader::SyntheticShape& shape : TinyShapes()) {
    if (absl::string_view(shape.arch) == kArchitecture) return shape;
  }
  return TinyShapes()[0];
}

// The prompts' keys and values to `to`, where the sequences have other blocks from then on.
absl::Status HandOver(const TinyModel& from, const TinyModel& to, std::vector<TinySequence>* sequences) {
  CONCORD_ASSIGN_OR_RETURN(const auto handover, exec::KvHandover::Create(from.runner(), to.runner(), kMaxTokens));
  for (TinySequence& s : *sequences) {
    std::vector<int32_t> blocks = s.blocks;
    for (int32_t& block : blocks) block = (block + 3) % kPoolBlocks;
    CONCORD_RETURN_IF_ERROR(handover->Move(static_cast<int64_t>(s.tokens.size()), s.blocks, blocks));
    s.blocks = std::move(blocks);
  }
  return absl::OkStatus();
}

void Append(const std::vector<float>& logits, size_t n_vocab, std::vector<TinySequence>* sequences) {
  for (size_t s = 0; s < sequences->size(); ++s) {
    (*sequences)[s].tokens.push_back(static_cast<int32_t>(LargestLogit(logits.data() + s * n_vocab, n_vocab)));
  }
}

absl::Status Compare(TinyModel& prefill, TinyModel& decode, TinyModel& reference, const TinyVariant& variant,
                     uint64_t seed, CaseResult* result) {
  std::vector<TinySequence> sequences = TinyModel::Prompts(seed), wanted = sequences;
  std::vector<int64_t> done(sequences.size(), 0);
  CONCORD_RETURN_IF_ERROR(prefill.Step(sequences, done).status());
  CONCORD_RETURN_IF_ERROR(HandOver(prefill, decode, &sequences));
  CONCORD_ASSIGN_OR_RETURN(std::vector<float> want, reference.Step(wanted, done));
  const size_t n_vocab = reference.n_vocab();
  for (int step = 1; step <= kDecodeSteps; ++step) {
    for (size_t s = 0; s < done.size(); ++s) done[s] = static_cast<int64_t>(sequences[s].tokens.size());
    Append(want, n_vocab, &sequences);
    Append(want, n_vocab, &wanted);
    CONCORD_ASSIGN_OR_RETURN(want, reference.Step(wanted, done));
    CONCORD_ASSIGN_OR_RETURN(const std::vector<float> got, decode.Step(sequences, done));
    for (size_t s = 0; s < sequences.size(); ++s) {
      const std::string where = absl::StrCat("step ", step, " after the hand-over, sequence ", s, ", ",
                                             sequences[s].tokens.size(), " tokens");
      CONCORD_RETURN_IF_ERROR(CompareLogits(got.data() + s * n_vocab, want.data() + s * n_vocab, n_vocab,
                                            TinyTolerance(variant), where, result));
    }
  }
  return absl::OkStatus();
}

absl::Status Run(Context& context, bool prefill_here, const TinyVariant& variant, CaseResult* result) {
  CONCORD_ASSIGN_OR_RETURN(const std::shared_ptr<hal::Device> reference, context.Reference());
  CONCORD_ASSIGN_OR_RETURN(const auto want, TinyModel::Create(Shape(), variant, reference));
  CONCORD_ASSIGN_OR_RETURN(const auto there, TinyModel::Create(Shape(), variant, reference));
  CONCORD_ASSIGN_OR_RETURN(const auto here, TinyModel::Create(Shape(), variant, context.device_ptr()));
  const absl::Status status = prefill_here ? Compare(*here, *there, *want, variant, context.seed(), result)
                                           : Compare(*there, *here, *want, variant, context.seed(), result);
  return absl::IsUnimplemented(status) ? Refused(status.message()) : status;
}

std::vector<Case> HandoverCases() {
  std::vector<Case> cases;
  for (const bool prefill_here : {true, false}) {
    for (const TinyVariant& variant : kVariants) {
      cases.push_back(TinyCase(absl::StrCat("handover/", prefill_here ? "prefill" : "decode", "/", variant.kv), variant,
                               [prefill_here, &variant](Context& context, CaseResult* result) {
                                 return Run(context, prefill_here, variant, result);
                               }));
    }
  }
  return cases;
}

}  // namespace

CONCORD_DEFINE_CTS_GROUP(handover) { return {.name = "handover", .step = 13, .cases = HandoverCases}; }

}  // namespace concord::cts

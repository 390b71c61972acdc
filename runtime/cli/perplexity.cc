#include <algorithm>
#include <cmath>

#include "absl/strings/str_format.h"
#include "runtime/cli/command.h"
#include "runtime/cli/exit_code.h"
#include "runtime/cli/format.h"
#include "runtime/cli/interrupts.h"
#include "runtime/cli/model_options.h"
#include "runtime/exec/loaded_model.h"
#include "runtime/models/model.h"

namespace concord::cli {
namespace {

// What the literature and other runtimes use, so that values can be compared.
constexpr int64_t kDefaultWindow = 512;

// -log p(token) under softmax of `logits`.
double NegativeLogLikelihood(const float* logits, int64_t n_vocab, int32_t token) {
  const double largest = *std::max_element(logits, logits + n_vocab);
  double sum = 0;
  for (int64_t i = 0; i < n_vocab; ++i) sum += std::exp(static_cast<double>(logits[i]) - largest);
  return std::log(sum) + largest - static_cast<double>(logits[token]);
}

// Mean and spread of the likelihoods seen so far.
struct Tally {
  int64_t count = 0;
  double sum = 0, sum_of_squares = 0;

  void Add(double x) { ++count, sum += x, sum_of_squares += x * x; }
  double mean() const { return sum / static_cast<double>(count); }
  double perplexity() const { return std::exp(mean()); }
  // One standard error, carried from the mean to its exponential.
  double error() const {
    const double n = static_cast<double>(count);
    const double variance = std::max(0.0, (sum_of_squares / n - mean() * mean()) * n / std::max(1.0, n - 1));
    return perplexity() * std::sqrt(variance / n);
  }
};

class Perplexity : public Command {
 public:
  void Declare(Arguments& args) override {
    model_.DeclareModel(args, true);
    args.Positional("FILE", &file_, "the text; -: standard input", true);
    args.Value("--stride", "TOKENS", &stride_, "how far a window moves; 0: half of --context").AtLeast(0);
    model_.Declare(args);
    model_.DeclareCanary(args);
    model_.trace.Declare(args);
    args.Example("run-model perplexity model.gguf wiki.test.raw --context 512",
                 "how well it foretells a text; less is better");
  }

  absl::Status Run(Console& console) override {
    CONCORD_ASSIGN_OR_RETURN(const std::string text, ReadText(file_));
    if (model_.context == 0) {
      CONCORD_ASSIGN_OR_RETURN(const std::unique_ptr<loader::ModelSource> source,
                               OpenModel(model_.model, {.no_weights = true}));
      const int64_t most = models::MaxContext(*source).value_or(0);
      model_.context = most > 0 ? std::min(most, kDefaultWindow) : kDefaultWindow;
    }
    return model_.trace.Around(console, [&] { return LoadAndScore(text, console); });
  }

 private:
  absl::Status LoadAndScore(const std::string& text, Console& console) {
    CONCORD_ASSIGN_OR_RETURN(const Model model, LoadModel(model_, console));
    const absl::StatusOr<std::vector<int32_t>> tokens = model.Tokenize(text, false, false);
    if (!tokens.ok()) return RequestError(tokens.status());
    absl::StatusOr<Engine> engine = Engine::Create(model, model_.ToEngineOptions());
    if (!engine.ok()) return RequestError(engine.status());
    const InterruptScope scope([] {});
    Tally tally;
    CONCORD_RETURN_IF_ERROR(Score(model, *engine, *tokens, &tally, console));
    return Report(*tokens, tally, console);
  }

  // Windows of `context` tokens, each `stride` further on; a window scores what none before it has.
  absl::Status Score(const Model& model, Engine& engine, const std::vector<int32_t>& tokens, Tally* tally,
                     Console& console) {
    const text::Tokenizer& tokenizer = *model.impl()->loaded->tokenizer();
    const int64_t bos = tokenizer.adds_bos() ? 1 : 0;
    const int64_t window = model_.context - bos, count = static_cast<int64_t>(tokens.size());
    if (stride_ == 0) stride_ = std::max<int64_t>(1, window / 2);
    if (window < 2 || stride_ > window) {
      return UsageError(
          absl::StrCat("a window has ", window, " tokens and moves by ", stride_, "; want --stride up to --context"));
    }
    int64_t scored = 1 - bos;  // without a BOS nothing foretells the first token
    if (count - scored < 2) return UsageError(absl::StrCat(file_, " has ", count, " tokens; a measurement needs more"));
    for (int64_t begin = 0; scored < count; begin += stride_) {
      const int64_t end = std::min(begin + window, count);
      std::vector<int32_t> input;
      if (bos != 0) input.push_back(tokenizer.bos());
      input.insert(input.end(), tokens.begin() + begin, tokens.begin() + end);
      const absl::Status status = engine.Score(input, [&](int64_t first, int64_t rows, const float* logits) {
        // Row r has seen input[0..r], which ends with token begin + r - bos, and foretells the next.
        for (int64_t r = 0; r < rows; ++r) {
          const int64_t next = begin + first + r - bos + 1;
          if (next < scored || next >= end) continue;
          tally->Add(NegativeLogLikelihood(logits + r * model.info().n_vocab, model.info().n_vocab, tokens[next]));
        }
        return !InterruptScope::interrupted();
      });
      if (InterruptScope::interrupted()) return Interrupted();
      if (!status.ok()) return RunError(status);
      if (!std::isfinite(tally->sum))
        return ModelError(absl::InvalidArgumentError("the model gives logits that are not finite"));
      scored = end;
      console.Progress("perplexity", static_cast<double>(scored), static_cast<double>(count),
                       absl::StrFormat("%.4f", tally->perplexity()));
    }
    return absl::OkStatus();
  }

  absl::Status Report(const std::vector<int32_t>& tokens, const Tally& tally, Console& console) const {
    if (console.json) {
      return console.Print(Dump({{"perplexity", tally.perplexity()},
                                 {"error", tally.error()},
                                 {"mean_nll", tally.mean()},
                                 {"tokens", tokens.size()},
                                 {"scored", tally.count},
                                 {"context", model_.context},
                                 {"stride", stride_}}));
    }
    CONCORD_RETURN_IF_ERROR(
        console.Print(absl::StrFormat("perplexity %.4f ± %.4f\n", tally.perplexity(), tally.error())));
    console.Note(absl::StrCat(tally.count, " of ", tokens.size(), " tokens scored, windows of ", model_.context,
                              " tokens, stride ", stride_));
    return absl::OkStatus();
  }

  ModelOptions model_;
  std::string file_;
  int64_t stride_ = 0;
};

}  // namespace

CONCORD_DEFINE_COMMAND(perplexity) {
  return {.name = "perplexity",
          .summary = "Measure how well a model foretells a text",
          .details =
              "The text is cut into windows of --context tokens (512, or what the model was made for), each --stride "
              "further on. Every token is scored once, in the first window that holds it, so that all but those of the "
              "first window are foretold from at least context - stride tokens. The value is exp of the mean of -log "
              "p; the error is one standard error, tokens taken as independent. The model's BOS, if it has one, begins "
              "every window.",
          .make = Make<Perplexity>};
}

}  // namespace concord::cli

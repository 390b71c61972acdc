#include <chrono>
#include <iostream>

#include "absl/strings/str_format.h"
#include "runtime/cli/command.h"
#include "runtime/cli/exit_code.h"
#include "runtime/cli/format.h"
#include "runtime/cli/interrupts.h"
#include "runtime/cli/model_options.h"
#include "runtime/cli/run_report.h"
#include "runtime/cli/sampling_options.h"
#include "runtime/exec/loaded_model.h"

namespace concord::cli {
namespace {

constexpr char kDemoPrompt[] = "Once upon a time";

const char* ReasonName(FinishReason reason) {
  switch (reason) {
    case FinishReason::kStop:
      return "stop";
    case FinishReason::kMaxTokens:
      return "max_tokens";
    case FinishReason::kContextFull:
      return "context_full";
    case FinishReason::kCancelled:
      return "interrupted";
    default:
      return "error";
  }
}

const char* ReasonSentence(FinishReason reason) {
  switch (reason) {
    case FinishReason::kStop:
      return "the model ended";
    case FinishReason::kMaxTokens:
      return "--max-tokens reached";
    case FinishReason::kContextFull:
      return "the context is full (--context)";
    default:
      return "interrupted";
  }
}

double Rate(int64_t count, double seconds) { return seconds > 0 ? static_cast<double>(count) / seconds : 0; }

// The first generated token comes out of the prompt's last step: its time belongs to the prompt.
double DecodeRate(const Result& r) { return Rate(r.generated_tokens - 1, r.decode_seconds); }

std::string Statistic(const Result& r, uint64_t seed) {
  return absl::StrFormat("[%d prompt tokens, %.1f tok/s; %d tokens, %.1f tok/s; %s; seed %d]", r.prompt_tokens,
                         Rate(r.prompt_tokens, r.prefill_seconds), r.generated_tokens, DecodeRate(r),
                         ReasonSentence(r.finish_reason), seed);
}

struct Answer {
  std::string text;
  std::vector<Token> tokens;
  Result result;
};

class Generate : public Command {
 public:
  void Declare(Arguments& args) override {
    model_.DeclareModel(args, false);
    args.Group("Prompt");
    args.Value("-p,--prompt", "TEXT", &prompt_, "go on from this text");
    args.Value("-f,--file", "FILE", &file_, "go on from the text in this file; -: standard input");
    args.Flag("--no-bos", &no_bos_, "without the token that the model puts in front by itself");
    sampling_.Declare(args);
    model_.Declare(args);
    model_.DeclareCanary(args);
    model_.trace.Declare(args);
    report_.Declare(args);
    args.Example("run-model", "the built-in model; on a terminal, a chat");
    args.Example("run-model model.gguf -p \"Once upon a time\" -n 100", "prints the prompt and what comes after it");
    args.Example("run-model ./Qwen3-0.6B --temperature 0 -f question.txt",
                 "a Hugging Face folder, always the same text");
    args.Example("run-model model.gguf -p Hello --device vulkan:0,cpu --report",
                 "on two devices, and whether it went as planned");
    args.Example("run-model model.gguf -p Hello --trace trace.json",
                 "where the time went: open trace.json in ui.perfetto.dev");
    args.Example("echo \"The sea is\" | run-model model.gguf --json", "prompt from a pipe, one JSON object out");
  }

  absl::Status Run(Console& console) override {
    CONCORD_RETURN_IF_ERROR(ReadPrompt(console));
    if (sampling_.logprobs.has_value() && !console.json) return UsageError("--logprobs needs --json");
    return model_.trace.Around(console, [&] { return LoadAndWrite(console); });
  }

 private:
  absl::Status LoadAndWrite(Console& console) {
    CONCORD_RETURN_IF_ERROR(report_.Begin(model_, 1, console));
    const auto begin = std::chrono::steady_clock::now();
    CONCORD_ASSIGN_OR_RETURN(const Model model, LoadModel(model_, console));
    CONCORD_ASSIGN_OR_RETURN(Engine engine, MakeEngine(model));
    load_seconds_ = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    Request request;
    CONCORD_RETURN_IF_ERROR(sampling_.Apply(model, &request));
    if (no_bos_) request.add_bos = false;
    if (!prompt_.has_value()) {
      CONCORD_RETURN_IF_ERROR(RequestError(model.Tokenize("").status()));  // no tokenizer: said before a line is typed
      return Chat(engine, request, console);
    }
    request.prompt = *prompt_;
    return Complete(model, engine, request, console);
  }

  // Leaves prompt_ empty for a chat.
  absl::Status ReadPrompt(const Console& console) {
    if (prompt_.has_value() && file_.has_value()) return UsageError("want -p or -f, not both");
    if (file_.has_value()) {
      CONCORD_ASSIGN_OR_RETURN(prompt_, ReadText(*file_));
    }
    if (prompt_.has_value()) return absl::OkStatus();
    if (console.input_is_terminal()) {
      return console.json ? UsageError("--json needs a prompt: -p TEXT or -f FILE") : absl::OkStatus();
    }
    CONCORD_ASSIGN_OR_RETURN(std::string text, ReadText("-"));
    if (text.empty() && !model_.model.empty()) return UsageError("no prompt: give -p TEXT, -f FILE or standard input");
    prompt_ = text.empty() ? kDemoPrompt : std::move(text);
    return absl::OkStatus();
  }

  absl::StatusOr<Engine> MakeEngine(const Model& model) const {
    absl::StatusOr<Engine> engine = Engine::Create(model, model_.ToEngineOptions());
    if (!engine.ok()) return RequestError(engine.status());
    return engine;
  }

  // Streams `before` and then the answer to standard output; with --json nothing, but keeps the tokens. What is wrong
  // with the request shows before anything is printed. Ctrl-C ends the answer.
  static absl::StatusOr<Answer> Stream(Engine& engine, const Request& request, const std::string& before,
                                       Console& console) {
    absl::StatusOr<concord::Stream> stream = engine.Generate(request);
    if (!stream.ok()) return RequestError(stream.status());
    const InterruptScope scope([&] { stream->Cancel(); });
    if (!console.json) CONCORD_RETURN_IF_ERROR(console.Print(before));
    Answer answer;
    while (std::optional<Token> token = stream->Next()) {
      answer.text += token->text;
      if (console.json) {
        answer.tokens.push_back(*std::move(token));
      } else if (const absl::Status written = console.Print(token->text); !written.ok()) {
        stream->Cancel();
        return written;
      }
    }
    if (!stream->status().ok()) {
      if (!console.json) (void)console.Print("\n");  // the message begins a line
      return RunError(stream->status());
    }
    answer.result = stream->result();
    return answer;
  }

  absl::Status Complete(const Model& model, Engine& engine, const Request& request, Console& console) {
    absl::StatusOr<Answer> answer = Stream(engine, request, request.prompt, console);
    if (!answer.ok()) return answer.status();
    const Result& r = answer->result;
    CONCORD_RETURN_IF_ERROR(report_.Prefill(r.prompt_tokens, 1, r.prefill_seconds));
    CONCORD_RETURN_IF_ERROR(report_.Decode(r.prompt_tokens, r.generated_tokens - 1, 1, r.decode_seconds));
    report_.End(model);
    if (console.json) {
      CONCORD_RETURN_IF_ERROR(console.Print(Dump(AsJson(model, request, *answer))));
    } else {
      CONCORD_RETURN_IF_ERROR(console.Print("\n"));
      console.Note(Statistic(answer->result, request.sampling.seed));
      if (report_.wanted()) console.Note(report_.Text());
    }
    return answer->result.finish_reason == FinishReason::kCancelled ? Interrupted() : absl::OkStatus();
  }

  // Every line goes on from all that was said before.
  absl::Status Chat(Engine& engine, Request request, Console& console) const {
    console.Note("Type a line and the model goes on from it. Ctrl-C ends an answer, Ctrl-D the program.");
    std::string said;
    while (true) {
      console.Prompt("> ");
      std::string line;
      if (!std::getline(std::cin, line)) break;
      if (line.empty() && said.empty()) continue;
      request.prompt = absl::StrCat(said, said.empty() || line.empty() ? "" : "\n", line);
      absl::StatusOr<Answer> answer = Stream(engine, request, "", console);
      if (absl::IsOutOfRange(answer.status()) && !said.empty()) {
        console.Note("[the context is full: beginning anew with your last line]");
        request.prompt = line;
        said.clear();
        answer = Stream(engine, request, "", console);
      }
      if (absl::IsOutOfRange(answer.status())) {
        console.Warn(answer.status().message());
        continue;
      }
      if (!answer.ok()) return answer.status();
      said = request.prompt + answer->text;
      CONCORD_RETURN_IF_ERROR(console.Print("\n"));
      console.Note(Statistic(answer->result, request.sampling.seed));
    }
    console.Prompt("\n");
    return absl::OkStatus();
  }

  Json AsJson(const Model& model, const Request& request, const Answer& answer) const {
    const Result& r = answer.result;
    Json ids = Json::array(), logprobs = Json::array();
    for (const Token& token : answer.tokens) {
      ids.push_back(token.id);
      Json top = Json::array();
      for (const TokenProbability& p : token.top) {
        top.push_back({{"id", p.id}, {"text", model.TokenText(p.id)}, {"logprob", p.logprob}});
      }
      logprobs.push_back({{"id", token.id}, {"text", token.text}, {"logprob", token.logprob}, {"top", top}});
    }
    Json json = {{"model", model.info().name},
                 {"device", model.info().device},
                 {"prompt", request.prompt},
                 {"text", answer.text},
                 {"tokens", ids},
                 {"finish_reason", ReasonName(r.finish_reason)},
                 {"seed", request.sampling.seed},
                 {"prompt_tokens", r.prompt_tokens},
                 {"generated_tokens", r.generated_tokens},
                 {"timings",
                  {{"load_seconds", load_seconds_},
                   {"prefill_seconds", r.prefill_seconds},
                   {"decode_seconds", r.decode_seconds},
                   {"prefill_tokens_per_s", Rate(r.prompt_tokens, r.prefill_seconds)},
                   {"decode_tokens_per_s", DecodeRate(r)}}}};
    if (report_.wanted()) json["report"] = report_.AsJson();
    if (!r.warnings.empty()) json["warnings"] = r.warnings;
    if (!r.stop_text.empty()) json["stop_text"] = r.stop_text;
    if (sampling_.logprobs.has_value()) json["logprobs"] = logprobs;
    return json;
  }

  ModelOptions model_;
  SamplingOptions sampling_;
  RunReport report_;
  std::optional<std::string> prompt_, file_;
  bool no_bos_ = false;
  double load_seconds_ = 0;
};

}  // namespace

CONCORD_DEFINE_COMMAND(generate) {
  return {
      .name = "generate",
      .summary = "Let a model write: prints the prompt and what comes after it",
      .details =
          "On a terminal without a prompt: a chat. Text goes to standard output, all else to standard error.\n"
          "Exit codes: 0 done, 2 usage, 3 bad model file, 4 not enough memory, 5 device or plugin, 130 interrupted.",
      .make = Make<Generate>};
}

}  // namespace concord::cli

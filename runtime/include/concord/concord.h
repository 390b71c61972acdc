#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "concord/log_level.h"
#include "concord/plan.h"

// Concord as a C++ library: load a model, make an engine on it, stream tokens from it.
//
//   auto model  = concord::Model::Load("qwen3-8b-q4_k_m.gguf", {.devices = {"cpu"}});
//   auto engine = concord::Engine::Create(*model, {});
//   auto stream = engine->Generate({.prompt = "Once upon a time"});
//   for (const concord::Token& t : *stream) std::cout << t.text << std::flush;
//   if (!stream->status().ok()) ...
//
// Nothing here throws, aborts or writes to a console. Handles are cheap to move and copies share one object; an Engine
// keeps its Model alive, a Stream its Engine. Every member function may be called from any thread unless it says
// otherwise. concord/c_api.h offers the same verbs with a stable C ABI.
namespace concord {

class Tracer;

struct TraceOptions {
  int64_t max_events = 2'000'000;  // kept, at 80 bytes each; what comes after them is counted
};

// A record of loading, scheduling and all devices on one clock, for ui.perfetto.dev. It goes along in LoadOptions, and
// the model and its engines write into it as long as they live. Any thread.
class Trace {
 public:
  Trace() = default;  // records nothing
  static Trace Create(const TraceOptions& options = {});

  // What has been recorded so far, as Chrome's Trace Event Format, to a file that is there whole or not at all.
  // Errors: FailedPrecondition for a Trace that records nothing; those of the file system.
  absl::Status WriteJson(const std::string& path) const;
  int64_t dropped_events() const;  // more than max_events, or faster than a device could keep them

  const std::shared_ptr<Tracer>& impl() const { return impl_; }

 private:
  std::shared_ptr<Tracer> impl_;
};

struct LoadProgress {
  std::string stage;  // "reading weights"
  int64_t done_bytes = 0;
  int64_t total_bytes = 0;  // 0: unknown
};

struct EngineOptions {
  int64_t max_tokens_in_flight = 512;  // tokens a step: long prompts go in pieces of at most this
  int64_t max_sequences = 16;          // requests that run at once; more wait
  int64_t kv_tokens = 0;               // tokens that all sequences together may hold; 0: one full context
};

struct LoadOptions {
  // Where it runs, as `run-model devices` lists them; "auto" is the CPU and every device that is not software on its
  // cores; empty: {"cpu"}. An op that its device refuses runs on the first of
  // the others that takes it, which the log, the plan and EngineStats say; with one device it is an error.
  std::vector<std::string> devices;
  // Which part of the model runs where: "layers 0-7=vulkan:0; output=cpu; *=opencl:0". A rule is WHAT=DEVICE, WHAT
  // being "layers N", "layers N-M", "experts", "embed", "output" or "*"; the closest rule counts. Empty: chosen for
  // you.
  std::string place;
  // Hand-over: prompts are computed on one device and answers on another, the KV cache being brought over, converted
  // where the two want it otherwise, and held against checksums. Both or none, and then `devices` and `place` are
  // empty.
  std::string prefill_device, decode_device;
  // What a placement that is chosen for you makes fast: "latency", the decode steps of `expected_sequences` requests;
  // "throughput", their tokens altogether; "prompt", long prompts.
  std::string optimize_for = "latency";
  int64_t expected_sequences = 1;
  // What engines will be made with, if that is known: what does not fit is then refused before weights are read.
  std::optional<EngineOptions> engine;
  // Paths of backend plugins to load beside the built-in ones: those that must serve, else loading is Unavailable and
  // says why, and those that are left out where they cannot, for want of a driver for example.
  std::vector<std::string> plugins, optional_plugins;
  int threads = 0;               // of the CPU; 0: as many as this process may use
  bool pin_threads = false;      // one thread a core
  std::string compute = "fast";  // "exact": activations stay f32; "fast": int8 for quantised weights
  std::string kv_type = "f16";   // of the KV cache: f32, f16, bf16 or q8_0
  int64_t kv_block_tokens = 0;   // tokens a block of the KV cache, the unit in which sequences take it; 0: 32
  // The same for `decode_device`; empty and 0: as above.
  std::string decode_kv_type;
  int64_t decode_kv_block_tokens = 0;
  // Tokens a sequence may hold; 0: the model's own limit, at most 8192. More than that limit is OutOfRange. Longrope
  // models (Phi) use their long factors for every sequence when this is above their original length, else the short.
  int64_t context_tokens = 0;
  // Whether devices other than the CPU have to prove themselves on this model, against a float64 reference, before it
  // is used: "strict": a wrong result is Unavailable, naming op and device; "warn": it becomes a warning, and the model
  // runs; "off": not at all. Takes at most 0.5 s or 5 % of the time to load, and nothing once all has passed on this
  // machine; "full" is strict, and takes as long as it takes.
  std::string canary = "strict";
  Trace trace;
  std::function<void(const LoadProgress&)> on_progress;
  std::function<void(LogLevel, absl::string_view)> on_log;
};

struct ModelInfo {
  std::string name;
  std::string path;
  std::string architecture;
  std::string device;  // or several: "vulkan:0, cpu:0"
  int64_t weight_bytes = 0;
  int64_t n_vocab = 0;
  int64_t max_context_tokens = 0;  // what the model was made for; 0: unlimited
  int64_t context_tokens = 0;      // what it was loaded for
  int64_t kv_bytes_per_token = 0;
  std::vector<std::string> warnings;  // what a device was found to compute wrongly (LoadOptions::canary "warn")
};

// A loaded model: weights on a device, tokenizer, compiled graph. Immutable.
class Model {
 public:
  // `path`: a GGUF file, a Hugging Face folder or "synthetic:<shape>[:<type>]"; empty: the built-in demo model.
  // Errors: InvalidArgument, NotFound or Unimplemented for the file; ResourceExhausted for memory; Unavailable for a
  // device or plugin that cannot be opened, refuses an op or fails. The message says what, where, got, wanted and what
  // to do.
  static absl::StatusOr<Model> Load(const std::string& path, const LoadOptions& options = {});

  const ModelInfo& info() const;
  // What the tokenizer makes of `text`; `add_bos` unset: as the model wants. FailedPrecondition without a tokenizer.
  absl::StatusOr<std::vector<int32_t>> Tokenize(absl::string_view text, std::optional<bool> add_bos = std::nullopt,
                                                bool parse_special = true) const;
  std::string TokenText(int32_t id) const;  // bytes of one token; "" for control tokens and unknown ids
  std::string Detokenize(const std::vector<int32_t>& ids) const;

  struct Impl;
  explicit Model(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
  const std::shared_ptr<Impl>& impl() const { return impl_; }

 private:
  std::shared_ptr<Impl> impl_;
};

// How the next token is chosen from the logits, in this order: logit_bias, penalties, temperature 0 (the largest, the
// lowest id on ties) or: top_k, top_p, min_p on the probabilities at `temperature`, then a draw. Randomness depends on
// (seed, position) alone: the same request gives the same tokens whatever else the engine runs.
struct Sampling {
  float temperature = 0.8f;        // 0: greedy
  int32_t top_k = 40;              // 0: off
  float top_p = 0.95f;             // 1: off
  float min_p = 0.0f;              // 0: off; relative to the likeliest token
  float repeat_penalty = 1.0f;     // 1: off; divides positive and multiplies negative logits of recent tokens
  float presence_penalty = 0.0f;   // subtracted once from every recent token
  float frequency_penalty = 0.0f;  // subtracted once an occurrence
  int32_t penalty_window = 64;     // how many tokens back "recent" reaches; -1: the whole sequence
  uint64_t seed = 0;
  std::vector<std::pair<int32_t, float>> logit_bias;  // added to logits; -infinity bans
  int32_t n_logprobs = -1;  // >= 0: report the chosen token's log probability and this many alternatives
};

struct Request {
  std::string prompt;
  std::vector<int32_t> prompt_tokens;  // used instead of `prompt` when not empty
  std::optional<bool> add_bos;         // unset: as the model wants
  bool parse_special = true;           // whether "<|im_end|>" in the prompt is that token or its letters
  Sampling sampling;
  int64_t max_tokens = -1;           // -1: until the model stops or the context is full
  std::vector<std::string> stop;     // texts that end generation; they are not part of the output
  std::vector<int32_t> stop_tokens;  // beside the model's own end-of-generation tokens
  bool ignore_eos = false;           // go on past the model's own
};

struct TokenProbability {
  int32_t id = 0;
  float logprob = 0;
};

struct Token {
  int32_t id = 0;    // -1: no token, but text that was held back and comes out at the end
  std::string text;  // whole UTF-8 characters that became complete with this token; may be empty
  float logprob = 0;
  std::vector<TokenProbability> top;  // n_logprobs of them, likeliest first
};

enum class FinishReason { kNone, kStop, kMaxTokens, kContextFull, kCancelled, kError };

struct Result {
  FinishReason finish_reason = FinishReason::kNone;
  std::string stop_text;  // the stop string that ended it, if one did
  int64_t prompt_tokens = 0;
  int64_t generated_tokens = 0;
  double prefill_seconds = 0;         // from submission to the first token
  double decode_seconds = 0;          // from the first token to the last
  std::vector<std::string> warnings;  // ModelInfo's: why the answer may be wrong
};

// The tokens of one request as they come. Next() and iteration from one thread at a time; Cancel() from any.
class Stream {
 public:
  // Blocks for the next token; nullopt when the stream has ended, for whatever reason: then see status().
  std::optional<Token> Next();
  // Ends the request at the next step; Next() returns nullopt after what is already there.
  void Cancel();
  absl::Status status() const;  // OK unless the request failed
  Result result() const;        // complete once Next() has returned nullopt

  class Iterator {
   public:
    explicit Iterator(Stream* stream) : stream_(stream) { ++*this; }
    Iterator() = default;
    const Token& operator*() const { return *token_; }
    Iterator& operator++() {
      token_ = stream_->Next();
      return *this;
    }
    bool operator!=(const Iterator&) const { return token_.has_value(); }

   private:
    Stream* stream_ = nullptr;
    std::optional<Token> token_;
  };
  Iterator begin() { return Iterator(this); }
  Iterator end() { return Iterator(); }

  struct Impl;
  explicit Stream(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

 private:
  std::shared_ptr<Impl> impl_;
};

struct EngineStats {
  int64_t steps = 0;
  int64_t prepares = 0;     // times that a program was prepared for new capacities
  int64_t tokens = 0;       // processed, prompts included
  double host_seconds = 0;  // outside the device's work
  double device_seconds = 0;
  double off_device_seconds = 0;  // of these, ops on another device than was asked for, because that refused them
  // Sequences that went from the prefill device to the decode device, the KV that they took along (as the latter holds
  // it), and how long that took while both went on with others. With hand-over the times above are sums over both.
  int64_t handovers = 0;
  int64_t handover_bytes = 0;
  double handover_seconds = 0;
};

// Runs requests on a model, many at once in one batch. One thread of its own drives the device; with hand-over there
// are three: prompts, copies, answers.
class Engine {
 public:
  // Errors: OutOfRange or InvalidArgument for the options; ResourceExhausted for memory; Unavailable for the device, as
  // is the status of a stream when the device fails in the middle; DataLoss when KV reads back otherwise than it was
  // handed over.
  static absl::StatusOr<Engine> Create(const Model& model, const EngineOptions& options = {});
  // Starts a request. InvalidArgument: an empty prompt with no BOS to begin with, a token outside the vocabulary, a
  // setting out of range. OutOfRange: the prompt does not fit the context.
  absl::StatusOr<Stream> Generate(const Request& request);
  EngineStats stats() const;

  // Logits of every position of `tokens`, [tokens, n_vocab] row-major: for perplexity and tests. Runs alone, in chunks;
  // `on_rows(first_row, n_rows, logits)` sees them chunk by chunk and may return false to stop. With hand-over they are
  // those of the prefill device.
  absl::Status Score(const std::vector<int32_t>& tokens,
                     const std::function<bool(int64_t first, int64_t count, const float* logits)>& on_rows);

  struct Impl;
  explicit Engine(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

 private:
  std::shared_ptr<Impl> impl_;
};

// What loading a model so and making an engine would take, and how fast it would be. Reads no weights; measures devices
// that have not been measured on this machine before, which takes up to two seconds each. Errors as those of
// Model::Load; a model that does not fit is no error here.
absl::StatusOr<Plan> MakePlan(const std::string& path, const LoadOptions& options = {},
                              const EngineOptions& engine = {});

const char* Version();

}  // namespace concord

#include "concord/c_api.h"

#include <algorithm>
#include <cstring>
#include <exception>

#include "concord/concord.h"
#include "runtime/base/status.h"

struct concord_model {
  concord::Model model;
};
struct concord_engine {
  concord::Engine engine;
};
struct concord_trace {
  concord::Trace trace;
};

namespace {

int32_t Report(const absl::Status& status, concord_message* message) {
  if (message != nullptr) {
    const size_t n = std::min(status.message().size(), sizeof message->text - 1);
    if (n > 0) std::memcpy(message->text, status.message().data(), n);  // the message of OK is null
    message->text[n] = '\0';
  }
  return static_cast<int32_t>(status.code());
}

// Runs `body`; whatever it throws (memory, above all) becomes a status.
template <typename Body>
int32_t Guarded(concord_message* message, Body body) {
  try {
    return Report(body(), message);
  } catch (const std::bad_alloc&) {
    return Report(absl::ResourceExhaustedError("out of memory"), message);
  } catch (const std::exception& e) {
    return Report(absl::InternalError(e.what()), message);
  }
}

// The caller's struct, of whatever age, over our defaults; null: the defaults.
template <typename T>
absl::StatusOr<T> Import(const T* theirs, void (*init)(T*)) {
  T ours;
  init(&ours);
  if (theirs == nullptr) return ours;
  if (theirs->struct_size < sizeof(theirs->struct_size)) {
    return absl::InvalidArgumentError("struct_size is not set: fill the struct with its _init function first");
  }
  std::memcpy(&ours, theirs, std::min<size_t>(theirs->struct_size, sizeof ours));
  return ours;
}

// The other way: as much of our defaults as the caller's struct has room for.
template <typename T>
void Export(T ours, T* theirs, uint32_t size_bytes) {
  if (theirs == nullptr || size_bytes < sizeof(ours.struct_size)) return;
  ours.struct_size = size_bytes;
  std::memset(theirs, 0, size_bytes);
  std::memcpy(theirs, &ours, std::min<size_t>(size_bytes, sizeof ours));
}

std::string Text(const char* text) { return text == nullptr ? "" : text; }

concord::LoadOptions ToOptions(const concord_load_options& c) {
  concord::LoadOptions options;
  if (c.device != nullptr) options.devices = {c.device};
  if (c.plugin != nullptr) options.plugins = {c.plugin};
  if (c.compute != nullptr) options.compute = c.compute;
  if (c.kv_type != nullptr) options.kv_type = c.kv_type;
  options.threads = c.threads;
  options.pin_threads = c.pin_threads != 0;
  options.context_tokens = c.context_tokens;
  if (c.trace != nullptr) options.trace = c.trace->trace;
  if (c.on_progress != nullptr) {
    options.on_progress = [fn = c.on_progress, user = c.user](const concord::LoadProgress& p) {
      fn(user, p.done_bytes, p.total_bytes);
    };
  }
  return options;
}

concord::Request ToRequest(const concord_request& c) {
  concord::Request request;
  request.prompt = Text(c.prompt);
  if (c.prompt_tokens != nullptr) request.prompt_tokens.assign(c.prompt_tokens, c.prompt_tokens + c.prompt_token_count);
  request.max_tokens = c.max_tokens;
  for (size_t i = 0; i < c.stop_count && c.stop != nullptr; ++i) request.stop.push_back(Text(c.stop[i]));
  request.ignore_eos = c.ignore_eos != 0;
  if (c.stop_tokens != nullptr) request.stop_tokens.assign(c.stop_tokens, c.stop_tokens + c.stop_token_count);
  for (size_t i = 0; i < c.logit_bias_count && c.bias_tokens != nullptr && c.logit_bias != nullptr; ++i) {
    request.sampling.logit_bias.emplace_back(c.bias_tokens[i], c.logit_bias[i]);
  }
  concord::Sampling& s = request.sampling;
  s.seed = c.seed;
  s.temperature = c.temperature;
  s.top_k = c.top_k;
  s.top_p = c.top_p;
  s.min_p = c.min_p;
  s.repeat_penalty = c.repeat_penalty;
  s.presence_penalty = c.presence_penalty;
  s.frequency_penalty = c.frequency_penalty;
  return request;
}

void FillResult(const concord::Result& from, concord_result* out) {
  if (out == nullptr) return;
  concord_result result{};
  result.struct_size = out->struct_size;
  result.finish_reason = static_cast<int32_t>(from.finish_reason);
  result.prompt_tokens = from.prompt_tokens;
  result.generated_tokens = from.generated_tokens;
  result.prefill_seconds = from.prefill_seconds;
  result.decode_seconds = from.decode_seconds;
  std::memcpy(out, &result, std::min<size_t>(out->struct_size, sizeof result));
}

absl::Status Missing(const char* what) { return absl::InvalidArgumentError(absl::StrCat(what, " is NULL")); }

}  // namespace

extern "C" {

const char* concord_version(void) { return concord::Version(); }

void concord_load_options_defaults(concord_load_options* options, uint32_t size_bytes) {
  Export(concord_load_options{}, options, size_bytes);
}

void concord_engine_options_defaults(concord_engine_options* options, uint32_t size_bytes) {
  const concord::EngineOptions defaults;
  concord_engine_options ours{};
  ours.max_tokens_in_flight = defaults.max_tokens_in_flight;
  ours.max_sequences = defaults.max_sequences;
  Export(ours, options, size_bytes);
}

void concord_request_defaults(concord_request* request, uint32_t size_bytes) {
  const concord::Sampling defaults;
  concord_request ours{};
  ours.max_tokens = -1;
  ours.temperature = defaults.temperature;
  ours.top_k = defaults.top_k;
  ours.top_p = defaults.top_p;
  ours.min_p = defaults.min_p;
  ours.repeat_penalty = defaults.repeat_penalty;
  Export(ours, request, size_bytes);
}

int32_t concord_model_load(const char* path, const concord_load_options* options, concord_model** out,
                           concord_message* message) {
  return Guarded(message, [&]() -> absl::Status {
    if (out == nullptr) return Missing("out");
    *out = nullptr;
    CONCORD_ASSIGN_OR_RETURN(const concord_load_options ours, Import(options, concord_load_options_init));
    CONCORD_ASSIGN_OR_RETURN(concord::Model model, concord::Model::Load(Text(path), ToOptions(ours)));
    *out = new concord_model{std::move(model)};
    return absl::OkStatus();
  });
}

int32_t concord_trace_create(int64_t max_events, concord_trace** out, concord_message* message) {
  return Guarded(message, [&]() -> absl::Status {
    if (out == nullptr) return Missing("out");
    *out = nullptr;
    if (max_events < 0) return absl::InvalidArgumentError("max_events is negative; want 0 (the default) or more");
    concord::TraceOptions options;
    if (max_events > 0) options.max_events = max_events;
    *out = new concord_trace{concord::Trace::Create(options)};
    return absl::OkStatus();
  });
}

int32_t concord_trace_write_json(const concord_trace* trace, const char* path, concord_message* message) {
  return Guarded(message, [&]() -> absl::Status {
    if (trace == nullptr || path == nullptr) return Missing("trace or path");
    return trace->trace.WriteJson(path);
  });
}

int64_t concord_trace_dropped_events(const concord_trace* trace) {
  return trace == nullptr ? 0 : trace->trace.dropped_events();
}

void concord_trace_free(concord_trace* trace) { delete trace; }

void concord_model_free(concord_model* model) { delete model; }

int32_t concord_tokenize(const concord_model* model, const char* text, int32_t* ids, size_t capacity, size_t* count,
                         concord_message* message) {
  return Guarded(message, [&]() -> absl::Status {
    if (model == nullptr || text == nullptr || count == nullptr) return Missing("model, text or count");
    CONCORD_ASSIGN_OR_RETURN(const std::vector<int32_t> tokens, model->model.Tokenize(text));
    *count = tokens.size();
    if (ids != nullptr) std::copy_n(tokens.begin(), std::min(capacity, tokens.size()), ids);
    return absl::OkStatus();
  });
}

int32_t concord_engine_create(const concord_model* model, const concord_engine_options* options, concord_engine** out,
                              concord_message* message) {
  return Guarded(message, [&]() -> absl::Status {
    if (model == nullptr || out == nullptr) return Missing("model or out");
    *out = nullptr;
    CONCORD_ASSIGN_OR_RETURN(const concord_engine_options c, Import(options, concord_engine_options_init));
    CONCORD_ASSIGN_OR_RETURN(
        concord::Engine engine,
        concord::Engine::Create(model->model, {c.max_tokens_in_flight, c.max_sequences, c.kv_tokens}));
    *out = new concord_engine{std::move(engine)};
    return absl::OkStatus();
  });
}

void concord_engine_free(concord_engine* engine) { delete engine; }

int32_t concord_generate(concord_engine* engine, const concord_request* request, concord_token_fn* on_token, void* user,
                         concord_result* result, concord_message* message) {
  return Guarded(message, [&]() -> absl::Status {
    if (engine == nullptr || request == nullptr) return Missing("engine or request");
    CONCORD_ASSIGN_OR_RETURN(const concord_request ours, Import(request, concord_request_init));
    CONCORD_ASSIGN_OR_RETURN(concord::Stream stream, engine->engine.Generate(ToRequest(ours)));
    bool ended = false;
    while (std::optional<concord::Token> token = stream.Next()) {  // what comes after the end is still taken out
      if (ended || on_token == nullptr) continue;
      ended = on_token(user, token->id, token->text.data(), token->text.size()) != 0;
      if (ended) stream.Cancel();
    }
    concord::Result done = stream.result();
    // The engine may have come to an end of its own before it heard.
    if (ended) done.finish_reason = concord::FinishReason::kCancelled;
    FillResult(done, result);
    return ended ? absl::OkStatus() : stream.status();
  });
}

}  // extern "C"

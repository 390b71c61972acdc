/* Concord as a C library with a stable binary interface: the verbs of concord/concord.h, flat.
 *
 * Options are structs that begin with struct_size; fill them with their concord_*_init function and change what
 * differs. They only ever grow at the end, and each side reads and writes as much as both know. Strings are
 * NUL-terminated UTF-8. Handles are freed with their _free function; a model may be freed while engines on it live,
 * they keep what they need. Errors: functions return a concord status code (CONCORD_OK = 0; the numbers of
 * absl::StatusCode, as in concord/plugin.h) and write a message to the caller's buffer when one is given. Nothing
 * aborts, throws or prints. Threads: every function from any thread; concord_generate() blocks its caller and may run
 * on several threads at once, on one engine too: such requests share its batch.
 */
#ifndef CONCORD_C_API_H_
#define CONCORD_C_API_H_

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define CONCORD_API
#else
#define CONCORD_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef struct concord_model concord_model;
typedef struct concord_engine concord_engine;
typedef struct concord_trace concord_trace;

/* The caller's buffer for an error's message; longer ones are cut. May be NULL wherever it is a parameter. */
typedef struct concord_message {
  char text[512];
} concord_message;

typedef struct concord_load_options {
  uint32_t struct_size;
  int32_t threads;        /* 0: as many as this process may use */
  const char* device;     /* NULL: "cpu" */
  const char* plugin;     /* path of a backend plugin to load, or NULL */
  const char* compute;    /* NULL: "fast"; or "exact" */
  const char* kv_type;    /* NULL: "f16"; f32, bf16, q8_0 */
  int64_t context_tokens; /* 0: the model's own limit, at most 8192 */
  int32_t pin_threads;    /* not 0: one thread a core */
  int32_t reserved;
  /* Called with bytes done and in all while weights are read; may be NULL. */
  void (*on_progress)(void* user, int64_t done_bytes, int64_t total_bytes);
  void* user;
  concord_trace* trace; /* records what the model and its engines do; NULL: nothing. It may be freed before them. */
  const char* canary;   /* NULL: "strict"; off, warn, full: how devices other than the CPU are proven */
  /* Prompts on one device, answers on another: both or none, and then `device` is NULL. */
  const char* prefill_device;
  const char* decode_device;
  const char* decode_kv_type; /* NULL: as kv_type */
} concord_load_options;

typedef struct concord_engine_options {
  uint32_t struct_size;
  uint32_t reserved;
  int64_t max_tokens_in_flight;
  int64_t max_sequences;
  int64_t kv_tokens;
} concord_engine_options;

typedef struct concord_request {
  uint32_t struct_size;
  int32_t top_k;
  const char* prompt;
  const int32_t* prompt_tokens; /* used instead of prompt when prompt_token_count is not 0 */
  size_t prompt_token_count;
  int64_t max_tokens;      /* -1: until the model stops or the context is full */
  const char* const* stop; /* texts that end generation */
  size_t stop_count;
  uint64_t seed;
  float temperature; /* 0: greedy */
  float top_p;
  float min_p;
  float repeat_penalty;
  float presence_penalty;
  float frequency_penalty;
  int32_t ignore_eos;
  int32_t reserved;
  const int32_t* stop_tokens; /* ids that end generation, beside the model's own */
  size_t stop_token_count;
  const int32_t* bias_tokens; /* logit_bias[i] is added to the logit of bias_tokens[i]; -INFINITY bans it */
  const float* logit_bias;
  size_t logit_bias_count;
} concord_request;

enum {
  CONCORD_FINISH_NONE = 0,
  CONCORD_FINISH_STOP = 1,
  CONCORD_FINISH_MAX_TOKENS = 2,
  CONCORD_FINISH_CONTEXT_FULL = 3,
  CONCORD_FINISH_CANCELLED = 4,
  CONCORD_FINISH_ERROR = 5
};

typedef struct concord_result {
  uint32_t struct_size; /* set by the caller */
  int32_t finish_reason;
  int64_t prompt_tokens;
  int64_t generated_tokens;
  double prefill_seconds;
  double decode_seconds;
  int64_t warning_count; /* of the model: see concord_model_warning */
} concord_result;

/* One token: its id and the whole UTF-8 characters that became complete with it, valid during the call. id -1 is no
 * token: text that was held back and comes out at the end. Return 0 to go on, anything else to end the request. */
typedef int32_t concord_token_fn(void* user, int32_t id, const char* text, size_t text_bytes);

CONCORD_API const char* concord_version(void);

/* The defaults into a struct of `size_bytes`, which the _init functions below take from the header that you compile
 * with. */
CONCORD_API void concord_load_options_defaults(concord_load_options* options, uint32_t size_bytes);
CONCORD_API void concord_engine_options_defaults(concord_engine_options* options, uint32_t size_bytes);
CONCORD_API void concord_request_defaults(concord_request* request, uint32_t size_bytes);

static inline void concord_load_options_init(concord_load_options* options) {
  concord_load_options_defaults(options, (uint32_t)sizeof(concord_load_options));
}
static inline void concord_engine_options_init(concord_engine_options* options) {
  concord_engine_options_defaults(options, (uint32_t)sizeof(concord_engine_options));
}
static inline void concord_request_init(concord_request* request) {
  concord_request_defaults(request, (uint32_t)sizeof(concord_request));
}

/* A record on one clock, for ui.perfetto.dev: of at most max_events, 0 being some two million. Written as JSON at any
 * time, to a file that is there whole or not at all. */
CONCORD_API int32_t concord_trace_create(int64_t max_events, concord_trace** out, concord_message* message);
CONCORD_API int32_t concord_trace_write_json(const concord_trace* trace, const char* path, concord_message* message);
/* How many events it had no room for. */
CONCORD_API int64_t concord_trace_dropped_events(const concord_trace* trace);
CONCORD_API void concord_trace_free(concord_trace* trace);

/* path NULL or "": the built-in demo model. options NULL: the defaults. */
CONCORD_API int32_t concord_model_load(const char* path, const concord_load_options* options, concord_model** out,
                                       concord_message* message);
CONCORD_API void concord_model_free(concord_model* model);
/* What is known to be wrong with the model's devices (canary "warn"): warning 0, 1, ...; NULL behind the last. Valid as
 * long as the model. */
CONCORD_API const char* concord_model_warning(const concord_model* model, size_t index);
/* Writes at most `capacity` ids and returns how many there are in *count. */
CONCORD_API int32_t concord_tokenize(const concord_model* model, const char* text, int32_t* ids, size_t capacity,
                                     size_t* count, concord_message* message);

CONCORD_API int32_t concord_engine_create(const concord_model* model, const concord_engine_options* options,
                                          concord_engine** out, concord_message* message);
CONCORD_API void concord_engine_free(concord_engine* engine);

/* Runs a request to its end, calling on_token as tokens come. `result` may be NULL. */
CONCORD_API int32_t concord_generate(concord_engine* engine, const concord_request* request, concord_token_fn* on_token,
                                     void* user, concord_result* result, concord_message* message);

#ifdef __cplusplus
}
#endif

#endif /* CONCORD_C_API_H_ */

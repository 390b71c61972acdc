#include "runtime/cli/model_options.h"

#include <fcntl.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "runtime/cli/exit_code.h"
#include "runtime/cli/own_plugins.h"
#include "runtime/exec/demo_model.h"
#include "runtime/graph/placement.h"

namespace concord::cli {
namespace {

#define CONCORD_MODEL_HELP                                                                          \
  "a GGUF file (the first part of a split one), a Hugging Face folder, or synthetic:SHAPE[:TYPE], " \
  "a model with random weights, for example synthetic:llama-3.2-1b:q4_k_m"
constexpr char kModelHelp[] = CONCORD_MODEL_HELP;
constexpr char kModelOrDemoHelp[] = CONCORD_MODEL_HELP "; without it the built-in demo model";
#undef CONCORD_MODEL_HELP

absl::StatusOr<std::string> ReadAll(int fd, const std::string& what) {
  std::string text;
  char buffer[1 << 16];
  while (true) {
    const ssize_t n = ::read(fd, buffer, sizeof(buffer));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return UsageError(absl::StrCat("cannot read ", what, ": ", std::strerror(errno)));
    if (n == 0) return text;
    text.append(buffer, static_cast<size_t>(n));
  }
}

absl::Status CheckHandover(const ModelOptions& options) {
  const std::string &prefill = options.prefill_device, &decode = options.decode_device;
  if (prefill.empty() != decode.empty()) {
    return UsageError(absl::StrCat(prefill.empty() ? "--decode-device" : "--prefill-device", " wants ",
                                   prefill.empty() ? "--prefill-device" : "--decode-device", " beside it"));
  }
  if (!prefill.empty() && (!options.place.empty() || !options.DeviceNames().empty())) {
    return UsageError("--prefill-device and --decode-device say where all runs; leave out --device and --place");
  }
  if (prefill.empty() && !options.decode_kv_type.empty()) return UsageError("--decode-kv-type wants --decode-device");
  if (prefill == "auto" || decode == "auto") return UsageError("a hand-over wants one device on each side, not auto");
  if (prefill.empty() || prefill != decode) return absl::OkStatus();
  return UsageError(
      absl::StrCat("--prefill-device and --decode-device are both ", prefill, "; want --device ", prefill));
}

absl::Status LoadError(const ModelOptions& options, absl::Status status) {
  if (absl::StartsWith(status.message(), "place: ")) return UsageError(absl::StrCat("--", status.message()));
  if (absl::IsUnavailable(status)) {
    CONCORD_ASSIGN_OR_RETURN(const hal::DeviceRegistry registry, FindDevices(options));
    for (const std::string& name : options.AllNames()) {
      if (registry.Find(name) != nullptr) continue;
      return DeviceError(absl::StrCat(status.message(), "; run-model doctor says more"));
    }
  }
  if (absl::IsOutOfRange(status)) return UsageError(status.message());
  if (!options.model.empty() && !absl::StrContains(status.message(), options.model)) {
    status = absl::Status(status.code(), absl::StrCat(options.model, ": ", status.message()));
  }
  return ModelError(status);
}

}  // namespace

void DeviceOptions::Declare(Arguments& args) {
  args.Group("Device");
  args.Value("--device", "NAME", &device,
             "where to run, as run-model devices lists them: one, or several with commas, or auto");
  args.Value("--plugin", "FILE", &plugins, "load a backend plugin (libconcord_backend_*.so); may be repeated");
  args.Value("--threads", "N", &threads, "CPU threads; 0: one a core").AtLeast(0);
  args.Flag("--pin", &pin, "bind each CPU thread to a core");
}

std::vector<std::string> DeviceOptions::DeviceNames() const {
  const bool said = !place.empty() || !prefill_device.empty() || !decode_device.empty();
  if (said && device == DeviceOptions().device) return {};
  std::vector<std::string> names = absl::StrSplit(device, ',');
  for (std::string& name : names) absl::StripAsciiWhitespace(&name);
  return names;
}

std::vector<std::string> DeviceOptions::AllNames() const {
  std::vector<std::string> names = DeviceNames();
  // A text that does not parse is reported where the model is loaded.
  for (const graph::PlaceRule& rule : graph::ParsePlacement(place).value_or(std::vector<graph::PlaceRule>())) {
    names.push_back(rule.device);
  }
  for (const std::string& name : {prefill_device, decode_device}) {
    if (!name.empty()) names.push_back(name);
  }
  return names;
}

void ModelOptions::DeclareModel(Arguments& args, bool required) {
  args.Positional("MODEL", &model, required ? kModelHelp : kModelOrDemoHelp, required);
}

void ModelOptions::Declare(Arguments& args) {
  DeviceOptions::Declare(args);
  args.Value("--place", "RULES", &place,
             "which part runs where: \"layers 0-7=vulkan:0; output=cpu; *=opencl:0\"; WHAT is layers N or N-M, embed, "
             "output, experts or *");
  args.Value("--prefill-device", "NAME", &prefill_device,
             "where prompts are read, when --decode-device answers: the KV cache is handed over");
  args.Value("--decode-device", "NAME", &decode_device, "where answers are written, when --prefill-device reads");
  args.Value("--for", "WHAT", &optimize_for, "what a placement that is chosen for you makes fast")
      .OneOf({"latency", "throughput", "prompt"});
  args.Group("Model");
  args.Value("--context", "TOKENS", &context,
             "tokens that prompt and answer may have; 0: the model's own, at most 8192")
      .AtLeast(0);
  args.Value("--kv-type", "TYPE", &kv_type, "of the KV cache").OneOf({"f32", "f16", "bf16", "q8_0"});
  args.Value("--decode-kv-type", "TYPE", &decode_kv_type, "the same on --decode-device; without it as --kv-type")
      .OneOf({"f32", "f16", "bf16", "q8_0"});
  args.Value("--compute", "HOW", &compute,
             "exact: f32 activations; fast: int8 for quantised weights, and halves for f16 where a device has them")
      .OneOf({"exact", "fast"});
  args.Value("--batch-tokens", "N", &batch_tokens, "tokens a step: long prompts go in pieces of this").AtLeast(1);
}

void ModelOptions::DeclareCanary(Arguments& args) {
  args.Value("--canary", "HOW", &canary,
             "whether other devices than the CPU first prove themselves on this model: strict and full stop at a wrong "
             "result, warn goes on, full takes its time")
      .OneOf({"off", "warn", "strict", "full"});
}

LoadOptions ModelOptions::ToLoadOptions() const {
  return {.devices = DeviceNames(),
          .place = place,
          .prefill_device = prefill_device,
          .decode_device = decode_device,
          .optimize_for = optimize_for,
          .plugins = plugins,
          .optional_plugins = OwnPlugins(*this),
          .threads = threads,
          .pin_threads = pin,
          .compute = compute,
          .kv_type = kv_type,
          .decode_kv_type = decode_kv_type,
          .context_tokens = context,
          .canary = canary,
          .trace = trace.trace()};
}

EngineOptions ModelOptions::ToEngineOptions(int64_t sequences) const {
  return {.max_tokens_in_flight = batch_tokens, .max_sequences = sequences, .kv_tokens = sequences * context};
}

absl::StatusOr<hal::DeviceRegistry> FindDevices(const DeviceOptions& options, LogFn log) {
  hal::DeviceRegistry::Options wanted;
  wanted.host = hal::HostServices::Create(
      {.threads = static_cast<uint32_t>(options.threads), .pin_cores = options.pin, .log = std::move(log)});
  wanted.plugin_files = options.plugins;
  for (std::string& own : OwnPlugins(options)) wanted.plugin_files.push_back(std::move(own));
  wanted.search_path = options.search_path;
  hal::DeviceRegistry registry = hal::DeviceRegistry::Discover(std::move(wanted));
  for (const hal::DeviceRegistry::Problem& problem : registry.problems()) {
    for (const std::string& path : options.plugins) {
      if (problem.plugin == path) return DeviceError(problem.status.message());
    }
  }
  return registry;
}

namespace {

LoadOptions WithConsole(const ModelOptions& options, int64_t sequences, Console& console) {
  LoadOptions load = options.ToLoadOptions();
  load.expected_sequences = sequences;
  load.engine = options.ToEngineOptions(sequences);
  load.on_progress = [&](const LoadProgress& p) {
    console.Progress(p.stage, static_cast<double>(p.done_bytes), static_cast<double>(p.total_bytes));
  };
  load.on_log = [&](LogLevel level, absl::string_view message) {
    if (level >= LogLevel::kWarning) console.Note(message);
  };
  return load;
}

// What would fit instead of what does not.
absl::Status WithAdvice(const ModelOptions& options, const LoadOptions& load, absl::Status status) {
  const absl::StatusOr<Plan> plan = MakePlan(options.model, load, *load.engine);
  if (!plan.ok() || plan->fits || plan->advice.empty()) return status;
  return absl::Status(status.code(), absl::StrCat(status.message(), "; ", absl::StrJoin(plan->advice, "; ")));
}

}  // namespace

absl::StatusOr<Model> LoadModel(const ModelOptions& options, Console& console, int64_t sequences) {
  CONCORD_RETURN_IF_ERROR(CheckHandover(options));
  const LoadOptions load = WithConsole(options, sequences, console);
  absl::StatusOr<Model> model = Model::Load(options.model, load);
  console.EndProgress();
  if (model.ok()) return model;
  return LoadError(
      options, absl::IsResourceExhausted(model.status()) ? WithAdvice(options, load, model.status()) : model.status());
}

absl::StatusOr<std::unique_ptr<exec::Planner>> MakePlanner(const ModelOptions& options, int64_t sequences,
                                                           Console& console) {
  const LoadOptions load = WithConsole(options, sequences, console);
  absl::StatusOr<std::unique_ptr<exec::Planner>> planner = exec::Planner::Make(options.model, load, *load.engine);
  console.EndProgress();
  if (!planner.ok()) return LoadError(options, planner.status());
  return planner;
}

absl::StatusOr<std::unique_ptr<loader::ModelSource>> OpenModel(const std::string& path,
                                                               const loader::OpenOptions& options) {
  absl::StatusOr<std::unique_ptr<loader::ModelSource>> source =
      path.empty() ? loader::OpenMemory(exec::DemoModelBytes(), "built-in demo model", options)
                   : loader::Open(path, options);
  if (!source.ok()) return ModelError(source.status());
  return source;
}

absl::StatusOr<std::string> ReadText(const std::string& path) {
  if (path == "-") return ReadAll(STDIN_FILENO, "standard input");
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return UsageError(absl::StrCat("cannot read ", path, ": ", std::strerror(errno)));
  absl::StatusOr<std::string> text = ReadAll(fd, path);
  ::close(fd);
  return text;
}

}  // namespace concord::cli

#include <algorithm>
#include <chrono>
#include <random>

#include "absl/strings/str_format.h"
#include "runtime/base/machine_probe.h"
#include "runtime/cli/command.h"
#include "runtime/cli/exit_code.h"
#include "runtime/cli/format.h"
#include "runtime/cli/interrupts.h"
#include "runtime/cli/model_options.h"
#include "runtime/cli/run_report.h"
#include "runtime/cts/copy_probe.h"
#include "runtime/exec/capacities.h"
#include "runtime/exec/device_models.h"
#include "runtime/exec/loaded_model.h"
#include "runtime/exec/probe.h"
#include "runtime/exec/step_time.h"
#include "runtime/graph/cost.h"
#include "runtime/models/model.h"

namespace concord::cli {
namespace {

constexpr int64_t kDefaultPrefill = 512, kDefaultDecode = 128;
constexpr int64_t kWarmUpTokens = 64;  // enough to touch every weight and start every thread

// Tokens a second of every repetition.
struct Speeds {
  std::vector<double> runs;

  double median() const {
    std::vector<double> sorted = runs;
    std::sort(sorted.begin(), sorted.end());
    const size_t n = sorted.size();
    return n == 0 ? 0 : (sorted[(n - 1) / 2] + sorted[n / 2]) / 2;
  }
  double min() const { return runs.empty() ? 0 : *std::min_element(runs.begin(), runs.end()); }
  double max() const { return runs.empty() ? 0 : *std::max_element(runs.begin(), runs.end()); }
};

class Bench : public Command {
 public:
  void Declare(Arguments& args) override {
    model_.DeclareModel(args, false);
    args.Group("Measurement");
    args.Value("--prefill", "TOKENS", &prefill_, "length of the prompt; 0: leave out [512]").AtLeast(0);
    args.Value("--decode", "TOKENS", &decode_, "tokens to write; 0: leave out [128]").AtLeast(0);
    args.Value("--decode-from", "TOKENS", &decode_from_, "keys that are there before the first of these").AtLeast(1);
    args.Value("--batch", "N", &batch_, "sequences at once").AtLeast(1);
    args.Value("--repeat", "N", &repeat_, "repetitions").AtLeast(1);
    args.Flag("--no-machine", &no_machine_, "do not measure the machine's limits");
    model_.Declare(args);
    model_.DeclareCanary(args);
    model_.trace.Declare(args);
    report_.Declare(args);
    args.Example("run-model bench synthetic:llama-3.2-1b:q4_k_m", "a model of a real shape, no download");
    args.Example("run-model bench model.gguf --prefill 128 --decode 32 --repeat 3 --json", "shorter, for a program");
  }

  absl::Status Run(Console& console) override {
    CONCORD_RETURN_IF_ERROR(ChooseLengths());
    return model_.trace.Around(console, [&] { return LoadAndMeasure(console); });
  }

 private:
  absl::Status LoadAndMeasure(Console& console) {
    CONCORD_RETURN_IF_ERROR(report_.Begin(model_, batch_, console));
    CONCORD_ASSIGN_OR_RETURN(const Model model, LoadModel(model_, console, batch_));
    if (!no_machine_) CONCORD_RETURN_IF_ERROR(MeasureLimits(model.impl()->loaded->device(), console));
    absl::StatusOr<Engine> engine = Engine::Create(model, model_.ToEngineOptions(batch_));
    if (!engine.ok()) return RequestError(engine.status());
    const InterruptScope scope([] {});
    CONCORD_RETURN_IF_ERROR(Measure(model, *engine, console));
    CONCORD_RETURN_IF_ERROR(FillReport(model));
    if (console.json) return console.Print(Dump(AsJson(model)));
    return console.Print(AsText(model));
  }

  // One run of each kind, as fast as the median one.
  absl::Status FillReport(const Model& model) {
    const auto seconds = [&](int64_t tokens, double speed) {
      return speed > 0 ? static_cast<double>(tokens * batch_) / speed : 0;
    };
    CONCORD_RETURN_IF_ERROR(report_.Prefill(n_prefill_, batch_, seconds(n_prefill_, prefill_speeds_.median())));
    CONCORD_RETURN_IF_ERROR(
        report_.Decode(decode_from_, n_decode_, batch_, seconds(n_decode_, decode_speeds_.median())));
    report_.End(model);
    return absl::OkStatus();
  }

  // Lengths that the user does not give are cut to what the model can hold.
  absl::Status ChooseLengths() {
    CONCORD_ASSIGN_OR_RETURN(const std::unique_ptr<loader::ModelSource> source,
                             OpenModel(model_.model, {.no_weights = true}));
    int64_t most = models::MaxContext(*source).value_or(0);
    if (most <= 0) most = INT32_MAX;
    if (model_.context > 0) most = std::min(most, model_.context);
    n_prefill_ = prefill_.value_or(std::min(kDefaultPrefill, most - 1));
    n_decode_ = decode_.value_or(std::max<int64_t>(0, std::min(kDefaultDecode, most - decode_from_ - 1)));
    const int64_t needed = std::max({n_prefill_ + 1, n_decode_ + decode_from_ + 1, std::min(most, kWarmUpTokens)});
    if (needed > most) {
      return UsageError(absl::StrCat("--prefill ", n_prefill_, " and --decode ", n_decode_, " need a context of ",
                                     needed, " tokens, but it holds ", most));
    }
    if (n_prefill_ + n_decode_ == 0) return UsageError("nothing to measure: --prefill and --decode are both 0");
    if (model_.context == 0) model_.context = needed;
    return absl::OkStatus();
  }

  // What the speeds are held against: this machine's cores and memory, or the device's own memory.
  absl::Status MeasureLimits(const hal::Device& device, Console& console) {
    console.Progress("measuring the machine", 0, 0);
    if (device.info().has(CONCORD_DEVICE_SHARES_HOST_CORES)) {
      CONCORD_ASSIGN_OR_RETURN(limits_, ProbeMachine(model_.threads, model_.pin));
      return absl::OkStatus();
    }
    absl::StatusOr<double> speed = cts::ProbeCopyBandwidth(device);
    if (!speed.ok()) return DeviceError(speed.status().message());
    copy_bytes_per_second_ = *speed;
    return absl::OkStatus();
  }

  // Runs batch_ requests of `prompt` tokens that write `count`; the seconds of the prompt's part, and of the rest, by
  // the engine's clock: this thread may well sleep through both.
  absl::StatusOr<std::pair<double, double>> RunOnce(const Model& model, Engine& engine, int64_t prompt, int64_t count) {
    Request request;
    request.sampling.temperature = 0;
    request.max_tokens = count;
    request.ignore_eos = true;
    std::vector<Stream> streams;
    for (int64_t b = 0; b < batch_; ++b) {
      request.prompt_tokens.clear();
      std::uniform_int_distribution<int32_t> any(0, static_cast<int32_t>(model.info().n_vocab - 1));
      for (int64_t i = 0; i < prompt; ++i) request.prompt_tokens.push_back(any(random_));
      absl::StatusOr<Stream> stream = engine.Generate(request);
      if (!stream.ok()) return RequestError(stream.status());
      streams.push_back(*std::move(stream));
    }
    std::pair<double, double> seconds;
    for (Stream& stream : streams) {
      while (stream.Next().has_value()) {
        if (InterruptScope::interrupted()) return Interrupted();
      }
      if (!stream.status().ok()) return RunError(stream.status());
      const Result result = stream.result();
      seconds.first = std::max(seconds.first, result.prefill_seconds);
      seconds.second = std::max(seconds.second, result.decode_seconds);
    }
    if (InterruptScope::interrupted()) return Interrupted();
    return seconds;
  }

  absl::Status Measure(const Model& model, Engine& engine, Console& console) {
    const double total = static_cast<double>(repeat_ * ((n_prefill_ > 0) + (n_decode_ > 0)) + 1);
    double done = 0;
    console.Progress("warming up", done, total);
    CONCORD_RETURN_IF_ERROR(RunOnce(model, engine, std::min(kWarmUpTokens, model_.context) - 3, 3).status());
    for (int64_t i = 0; i < repeat_ && n_prefill_ > 0; ++i) {
      console.Progress("prefill", ++done, total);
      CONCORD_ASSIGN_OR_RETURN(const auto seconds, RunOnce(model, engine, n_prefill_, 1));
      prefill_speeds_.runs.push_back(static_cast<double>(batch_ * n_prefill_) / seconds.first);
    }
    for (int64_t i = 0; i < repeat_ && n_decode_ > 0; ++i) {
      console.Progress("decode", ++done, total);
      CONCORD_ASSIGN_OR_RETURN(const auto seconds, RunOnce(model, engine, decode_from_, n_decode_ + 1));
      decode_speeds_.runs.push_back(static_cast<double>(batch_ * n_decode_) / seconds.second);
    }
    return ComputeCosts(model);
  }

  // The work of a prompt, and the bytes that a step of decoding has to move; half of the tokens are there on average.
  absl::Status ComputeCosts(const Model& model) {
    const exec::LoadedModel& loaded = *model.impl()->loaded;
    const int64_t blocks = (model_.context + loaded.block_tokens() - 1) / loaded.block_tokens();
    const exec::StepCapacities prompt = {batch_ * n_prefill_, batch_, batch_, batch_ * blocks, blocks};
    const exec::StepCapacities token = {batch_, batch_, batch_, batch_ * blocks, blocks};
    for (const auto& part : loaded.parts()) {
      const graph::Graph& graph = part->module.main;
      CONCORD_ASSIGN_OR_RETURN(const graph::GraphCost prefill,
                               graph::ComputeCost(graph, prompt.symbols(), std::max<int64_t>(1, n_prefill_ / 2)));
      CONCORD_ASSIGN_OR_RETURN(const graph::GraphCost decode,
                               graph::ComputeCost(graph, token.symbols(), decode_from_ + n_decode_ / 2));
      if (n_prefill_ > 0) ops_per_prefill_token_ += prefill.total.flops / static_cast<double>(batch_ * n_prefill_);
      bytes_per_decode_step_ += decode.total.weight_bytes + decode.total.state_bytes;
      CountMatrices(graph);
    }
    return no_machine_ ? absl::OkStatus() : Predict(loaded);
  }

  // Matrices of elements that stand alone, and of blocks.
  void CountMatrices(const graph::Graph& graph) {
    for (const graph::Value& value : graph.values) {
      if (value.role != graph::Role::kWeight || value.type.dims.size() < 2) continue;
      (value.type.packing->block_elems == 1 ? float_matrices_ : block_matrices_) += 1;
    }
  }

  // What the figures of the devices promise for the same.
  absl::Status Predict(const exec::LoadedModel& loaded) {
    const absl::StatusOr<std::vector<graph::DeviceModel>> models = exec::MeasuredModels(loaded.devices());
    if (!models.ok()) return DeviceError(models.status().message());
    exec::StepSizes sizes = {.tokens = batch_,
                             .seqs = batch_,
                             .outputs = batch_,
                             .kv_len = decode_from_ + n_decode_ / 2,
                             .max_tokens = model_.batch_tokens,
                             .context = model_.context};
    CONCORD_ASSIGN_OR_RETURN(const exec::StepPrediction decode,
                             exec::PredictStep(loaded.parts(), loaded.devices(), *models, sizes));
    predicted_decode_ = static_cast<double>(batch_) / (exec::EngineSeconds() + decode.seconds);
    if (n_prefill_ == 0) return absl::OkStatus();
    sizes.tokens = batch_ * n_prefill_;
    CONCORD_ASSIGN_OR_RETURN(const double prefill,
                             exec::PredictPrompts(loaded.parts(), loaded.devices(), *models, sizes));
    predicted_prefill_ = static_cast<double>(sizes.tokens) / prefill;
    return absl::OkStatus();
  }

  double prefill_ops() const { return prefill_speeds_.median() * ops_per_prefill_token_; }
  double decode_bytes() const { return decode_speeds_.median() / static_cast<double>(batch_) * bytes_per_decode_step_; }

  // The instruction that most of the matrices want.
  bool float_weights() const { return float_matrices_ > block_matrices_; }
  const Peak& peak() const { return float_weights() ? limits_.floats : limits_.int8; }

  double bytes_per_second_limit() const {
    return limits_.threads > 0 ? limits_.read_bytes_per_second : copy_bytes_per_second_;
  }

  static std::string Share(double value, double limit) {
    return limit > 0 ? absl::StrFormat("%.0f %%", 100 * value / limit) : "-";
  }

  std::string AsText(const Model& model) const {
    std::string out = absl::StrFormat("%s on %s, batch %d, %d repetitions\n\n", model.info().name, model.info().device,
                                      batch_, repeat_);
    Table table({"", ">tokens", ">tok/s", ">min", ">max", ">predicted", ">rate", ">of the machine"});
    const auto number = [](double x) { return x > 0 ? absl::StrFormat("%.1f", x) : "-"; };
    if (n_prefill_ > 0) {
      table.Row({"prefill", std::to_string(n_prefill_), number(prefill_speeds_.median()), number(prefill_speeds_.min()),
                 number(prefill_speeds_.max()), number(predicted_prefill_),
                 absl::StrFormat("%.0f GOPS", prefill_ops() / 1e9), Share(prefill_ops(), peak().ops_per_second)});
    }
    if (n_decode_ > 0) {
      table.Row({"decode", std::to_string(n_decode_), number(decode_speeds_.median()), number(decode_speeds_.min()),
                 number(decode_speeds_.max()), number(predicted_decode_),
                 absl::StrFormat("%.1f GB/s", decode_bytes() / 1e9), Share(decode_bytes(), bytes_per_second_limit())});
    }
    out += table.ToString();
    if (limits_.threads > 0) {
      absl::StrAppend(
          &out, absl::StrFormat("\nThis machine, measured now with %d threads: reads %.1f GB/s; %s %.0f GOPS (%s)\n",
                                limits_.threads, limits_.read_bytes_per_second / 1e9,
                                float_weights() ? "floats" : "int8", peak().ops_per_second / 1e9,
                                peak().instruction.empty() ? "not measured" : peak().instruction));
    }
    if (copy_bytes_per_second_ > 0) {
      const hal::DeviceInfo& device = model.impl()->loaded->device().info();
      absl::StrAppend(&out, absl::StrFormat("\n%s (%s), measured now: its own copy moves %.1f GB/s, read and written\n",
                                            device.id, device.name, copy_bytes_per_second_ / 1e9));
    }
    if (report_.wanted()) absl::StrAppend(&out, "\n", report_.Text());
    return out;
  }

  static Json SpeedJson(int64_t tokens, const Speeds& speeds) {
    return {{"tokens", tokens},
            {"tokens_per_s", speeds.median()},
            {"min", speeds.min()},
            {"max", speeds.max()},
            {"runs", speeds.runs}};
  }

  Json AsJson(const Model& model) const {
    const ModelInfo& info = model.info();
    Json json = {{"model", info.name},
                 {"architecture", info.architecture},
                 {"device", info.device},
                 {"weight_bytes", info.weight_bytes},
                 {"batch", batch_},
                 {"repeat", repeat_},
                 {"context", info.context_tokens},
                 {"compute", model_.compute},
                 {"kv_type", model_.kv_type}};
    if (!info.warnings.empty()) json["warnings"] = info.warnings;
    if (report_.wanted()) json["report"] = report_.AsJson();
    if (n_prefill_ > 0) {
      json["prefill"] = SpeedJson(n_prefill_, prefill_speeds_);
      json["prefill"]["ops_per_s"] = prefill_ops();
      if (predicted_prefill_ > 0) json["prefill"]["predicted_tokens_per_s"] = predicted_prefill_;
      if (peak().ops_per_second > 0) {
        json["prefill"][float_weights() ? "share_of_float_peak" : "share_of_int8_peak"] =
            prefill_ops() / peak().ops_per_second;
      }
    }
    if (n_decode_ > 0) {
      json["decode"] = SpeedJson(n_decode_, decode_speeds_);
      json["decode"]["bytes_per_s"] = decode_bytes();
      if (predicted_decode_ > 0) json["decode"]["predicted_tokens_per_s"] = predicted_decode_;
      if (limits_.threads > 0)
        json["decode"]["share_of_read_bandwidth"] = decode_bytes() / limits_.read_bytes_per_second;
      if (copy_bytes_per_second_ > 0)
        json["decode"]["share_of_copy_bandwidth"] = decode_bytes() / copy_bytes_per_second_;
    }
    if (limits_.threads > 0) {
      json["machine"] = {{"threads", limits_.threads},
                         {"read_bytes_per_s", limits_.read_bytes_per_second},
                         {"int8_ops_per_s", limits_.int8.ops_per_second},
                         {"int8_instruction", limits_.int8.instruction},
                         {"float_ops_per_s", limits_.floats.ops_per_second},
                         {"float_instruction", limits_.floats.instruction}};
    }
    if (copy_bytes_per_second_ > 0) {
      const hal::DeviceInfo& device = model.impl()->loaded->device().info();
      json["machine"] = {{"device", device.id}, {"name", device.name}, {"copy_bytes_per_s", copy_bytes_per_second_}};
    }
    return json;
  }

  ModelOptions model_;
  RunReport report_;
  std::optional<int64_t> prefill_, decode_;
  int64_t batch_ = 1, repeat_ = 5, n_prefill_ = 0, n_decode_ = 0;
  bool no_machine_ = false;
  std::mt19937 random_{1};
  MachineLimits limits_;              // of a device that computes on the host's cores
  double copy_bytes_per_second_ = 0;  // of any other device
  Speeds prefill_speeds_, decode_speeds_;
  double ops_per_prefill_token_ = 0, bytes_per_decode_step_ = 0;
  int64_t float_matrices_ = 0, block_matrices_ = 0;
  int64_t decode_from_ = 1;
  double predicted_prefill_ = 0, predicted_decode_ = 0;  // tokens a second; 0: not predicted
};

}  // namespace

CONCORD_DEFINE_COMMAND(bench) {
  return {
      .name = "bench",
      .summary = "Measure how fast a model reads a prompt and writes, and how near that is to the machine's limits",
      .details =
          "Speeds are medians. Rates come from the operations and bytes that the model's graph needs at least; the "
          "machine's own limits are measured in the same run with the same threads; of a device with memory of its own "
          "that is the speed of a copy within it. Prompts are random tokens.",
      .make = Make<Bench>};
}

}  // namespace concord::cli

#include "runtime/cli/run_report.h"

#include "absl/strings/str_format.h"
#include "runtime/cli/host_info.h"
#include "runtime/exec/loaded_model.h"
#include "runtime/exec/probe.h"

namespace concord::cli {
namespace {

std::string Off(double predicted, double measured) {
  return measured > 0 ? absl::StrFormat("%+.1f %%", 100 * (predicted / measured - 1)) : "-";
}

// What all devices hold that have memory of their own.
double DeviceBytes(const exec::LoadedModel& model) {
  double bytes = 0;
  for (const auto& device : model.devices()) {
    if (device->info().has(CONCORD_DEVICE_HOST_MEMORY)) continue;
    const absl::StatusOr<concord_memory_stats> stats = device->MemoryStats();
    if (stats.ok()) bytes += static_cast<double>(stats->used_bytes);
  }
  return bytes;
}

}  // namespace

absl::Status RunReport::Begin(const ModelOptions& options, int64_t sequences, Console& console) {
  if (!wanted_) return absl::OkStatus();
  CONCORD_ASSIGN_OR_RETURN(planner_, MakePlanner(options, sequences, console));
  CONCORD_ASSIGN_OR_RETURN(plan_, planner_->MakePlan());
  for (const PlanDevice& device : plan_.devices) memory_.predicted += static_cast<double>(device.resident_bytes());
  anonymous_before_ = AnonymousBytes();
  return absl::OkStatus();
}

absl::Status RunReport::Prefill(int64_t tokens, int64_t sequences, double seconds) {
  if (!wanted_ || tokens == 0) return absl::OkStatus();
  CONCORD_ASSIGN_OR_RETURN(const double predicted,
                           exec::PredictPrompts(planner_->parts(), planner_->devices(), planner_->models(),
                                                {.tokens = tokens * sequences,
                                                 .seqs = sequences,
                                                 .outputs = 1,
                                                 .max_tokens = plan_.step_tokens,
                                                 .context = planner_->context()}));
  prefill_.predicted += predicted;
  prefill_.measured += seconds;
  prefill_tokens_ += tokens * sequences;
  return absl::OkStatus();
}

absl::Status RunReport::Decode(int64_t kv, int64_t tokens, int64_t sequences, double seconds) {
  if (!wanted_ || tokens == 0) return absl::OkStatus();
  CONCORD_ASSIGN_OR_RETURN(
      const exec::StepPrediction step,
      planner_->Predict({.tokens = sequences, .seqs = sequences, .outputs = sequences, .kv_len = kv + tokens / 2 + 1}));
  decode_.predicted += static_cast<double>(tokens) * (step.seconds + exec::EngineSeconds());
  decode_.measured += seconds;
  decode_tokens_ += tokens * sequences;
  return absl::OkStatus();
}

void RunReport::End(const Model& model) {
  if (!wanted_) return;
  memory_.measured = AnonymousBytes() - anonymous_before_ + DeviceBytes(*model.impl()->loaded);
}

std::string RunReport::Text() const {
  Table table({"", ">predicted", ">measured", ">off"});
  table.Row({"memory", Bytes(memory_.predicted), Bytes(memory_.measured), Off(memory_.predicted, memory_.measured)});
  const auto speed = [&](const char* what, const Pair& pair, int64_t tokens) {
    if (tokens == 0 || pair.measured == 0) return;
    const auto rate = [&](double seconds) {
      return seconds > 0 ? absl::StrFormat("%.1f tok/s", static_cast<double>(tokens) / seconds) : "-";
    };
    table.Row({what, rate(pair.predicted), rate(pair.measured), Off(pair.measured, pair.predicted)});
  };
  speed("prefill", prefill_, prefill_tokens_);
  speed("decode", decode_, decode_tokens_);
  return absl::StrCat(plan_.place, "\n", table.ToString(),
                      "memory is what was touched: a context that was not filled takes less than was planned\n");
}

Json RunReport::AsJson() const {
  const auto pair = [](const Pair& p) { return Json{{"predicted", p.predicted}, {"measured", p.measured}}; };
  return {{"place", plan_.place},
          {"memory_bytes", pair(memory_)},
          {"prefill_seconds", pair(prefill_)},
          {"decode_seconds", pair(decode_)}};
}

}  // namespace concord::cli

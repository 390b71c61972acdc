#include "runtime/cli/plan_text.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_format.h"
#include "runtime/graph/placement.h"

namespace concord::cli {
namespace {

std::string Text(int64_t bytes) { return bytes < 0 ? "?" : Bytes(static_cast<double>(bytes)); }
std::string Milliseconds(double seconds) { return absl::StrFormat("%.2f ms", seconds * 1e3); }

std::map<std::string, int64_t> OpCounts(const exec::Planner& planner) {
  std::map<std::string, int64_t> counts;
  for (const auto& part : planner.parts()) {
    for (const graph::Node& node : part->module.main.nodes) ++counts[node.op->name];
  }
  return counts;
}

std::map<std::string, int64_t> ArithmeticCounts(const exec::Planner& planner) {
  std::map<std::string, int64_t> counts;
  for (const auto& part : planner.parts()) {
    for (const std::string& name : part->arithmetic) ++counts[name];
  }
  return counts;
}

size_t NodeCount(const exec::Planner& planner) {
  size_t nodes = 0;
  for (const auto& part : planner.parts()) nodes += part->module.main.nodes.size();
  return nodes;
}

std::string Scopes(const std::vector<std::string>& scopes) {
  if (scopes.size() == 1) return scopes[0];
  return absl::StrCat(scopes.front(), " to ", scopes.back(), " (", scopes.size(), " times)");
}

std::string DeviceTable(const Plan& plan) {
  Table table(
      {"device", "has", ">in the file", ">weights", ">KV", ">workspace", ">in, out", ">staging", ">together", ">free"});
  bool says_less = false, stages = false;
  for (const PlanDevice& d : plan.devices) {
    const bool less = d.scratch_bytes < 0 && !d.units.empty();
    says_less = says_less || less;
    stages = stages || d.staging_bytes > 0;
    table.Row({d.device, d.units.empty() ? "nothing" : d.units, Text(d.weight_bytes_mapped), Text(d.weight_bytes_made),
               Text(d.kv_bytes), Text(d.activation_bytes + std::max<int64_t>(0, d.scratch_bytes)) + (less ? "+" : ""),
               Text(d.io_bytes), Text(d.staging_bytes), Text(d.resident_bytes()), Text(d.free_bytes)});
  }
  return absl::StrCat(table.ToString(), stages ? "staging is of the machine's memory, not of the device's\n" : "",
                      says_less ? "+ what the device adds for itself, which it says once weights are there\n" : "");
}

// "decode   23.41 ms a step, 42.7 tokens/s (vulkan:0 10.00 ms, cpu:0 13.20 ms)"
std::string SpeedLine(const char* what, const Plan& plan, double seconds, double tokens, double PlanDevice::*share) {
  std::string parts;
  for (const PlanDevice& d : plan.devices) {
    absl::StrAppend(&parts, parts.empty() ? "" : ", ", d.device, " ", Milliseconds(d.*share));
  }
  return absl::StrFormat("%-8s %s a step of %.0f, %.1f tokens/s (%s)\n", what, Milliseconds(seconds), tokens,
                         tokens / seconds, parts);
}

std::string SpeedText(const Plan& plan) {
  if (plan.decode_seconds == 0) return "speeds were not predicted: the devices have not been measured\n";
  const auto prompt = static_cast<double>(std::min(plan.step_tokens, plan.context));
  std::string out =
      SpeedLine("decode", plan, plan.decode_seconds, static_cast<double>(plan.sequences), &PlanDevice::decode_seconds);
  out += SpeedLine("prefill", plan, plan.prefill_seconds, prompt, &PlanDevice::prefill_seconds);
  for (const PlanCut& cut : plan.cuts) {
    absl::StrAppend(&out, cut.from, " hands on ", Bytes(cut.decode_bytes), " a decode step, ", Bytes(cut.prefill_bytes),
                    " a prefill step\n");
  }
  return out;
}

std::string AlternativesTable(const Plan& plan) {
  Table table({"placements considered", ">a step", ""});
  for (const PlanAlternative& a : plan.alternatives) {
    table.Row({a.place, Milliseconds(a.seconds), a.fits ? "" : "does not fit"});
  }
  return table.ToString();
}

std::string OpsText(const exec::Planner& planner) {
  Table ops({"op", ">times"});
  for (const auto& [op, count] : OpCounts(planner)) ops.Row({op, std::to_string(count)});
  std::string out = absl::StrCat(ops.ToString(), "\n", NodeCount(planner), " ops after fusion, ",
                                 planner.module().main.nodes.size(), " before;");
  for (const auto& [arithmetic, count] : ArithmeticCounts(planner))
    absl::StrAppend(&out, " ", count, " in ", arithmetic);
  return out + "\n";
}

absl::StatusOr<std::string> WorkspaceTable(const exec::Planner& planner) {
  Table table({"device", ">offset", "value", "type", "made by"});
  for (const auto& part : planner.parts()) {
    CONCORD_ASSIGN_OR_RETURN(const graph::MemoryPlan plan, planner.WorkspaceOf(*part));
    const graph::Graph& graph = part->module.main;
    for (size_t id = 0; id < plan.offsets.size(); ++id) {
      if (plan.offsets[id] == graph::MemoryPlan::kNoOffset) continue;
      table.Row({part->device->id(), std::to_string(plan.offsets[id]), absl::StrCat("%", id),
                 graph.values[id].type.ToString(),
                 graph::NodeLabel(graph, graph.Producer(static_cast<graph::ValueId>(id)))});
    }
  }
  return table.ToString();
}

Json DecodedJson(const exec::Planner& planner, const std::string& device) {
  Json list = Json::array();
  for (const auto& part : planner.parts()) {
    if (part->device->id() != device) continue;
    for (const exec::DecodedWeight& weight : part->decoded) {
      list.push_back({{"name", weight.name},
                      {"from", weight.from->name},
                      {"to", weight.to->name},
                      {"extra_bytes", weight.extra_bytes},
                      {"reason", weight.reason}});
    }
  }
  return list;
}

// How many layers lie wholly or in part on a device.
int64_t LayersOn(const exec::Planner& planner, const std::string& device) {
  std::vector<bool> here(static_cast<size_t>(graph::LayerCount(planner.module().main)));
  for (const auto& part : planner.parts()) {
    if (part->device->id() != device) continue;
    for (const graph::Unit& unit : graph::UnitsOf(part->module.main)) {
      if (unit.layer >= 0 && unit.layer < static_cast<int64_t>(here.size())) here[unit.layer] = true;
    }
  }
  return std::count(here.begin(), here.end(), true);
}

Json DeviceJson(const exec::Planner& planner, const PlanDevice& d) {
  const int64_t scratch = std::max<int64_t>(0, d.scratch_bytes);
  return {{"device", d.device},
          {"units", d.units},
          {"layers", LayersOn(planner, d.device)},
          {"weight_bytes", d.weight_bytes_mapped + d.weight_bytes_made},
          {"weight_bytes_mapped", d.weight_bytes_mapped},
          {"weight_bytes_made", d.weight_bytes_made},
          {"decoded_weights", DecodedJson(planner, d.device)},
          {"kv_bytes", d.kv_bytes},
          {"activation_bytes", d.activation_bytes},
          {"scratch_bytes", d.scratch_bytes < 0 ? Json() : Json(d.scratch_bytes)},
          {"workspace_bytes", d.activation_bytes + scratch},
          {"io_bytes", d.io_bytes},
          {"staging_bytes", d.staging_bytes},
          {"resident_bytes", d.resident_bytes()},
          {"free_bytes", d.free_bytes < 0 ? Json() : Json(d.free_bytes)},
          {"fits", d.free_bytes < 0 || d.device_bytes() <= d.free_bytes},
          {"decode_seconds", d.decode_seconds},
          {"prefill_seconds", d.prefill_seconds}};
}

absl::StatusOr<Json> WorkspaceJson(const exec::Planner& planner, bool values) {
  Json parts = Json::array();
  for (const auto& part : planner.parts()) {
    CONCORD_ASSIGN_OR_RETURN(const graph::MemoryPlan plan, planner.WorkspaceOf(*part));
    const graph::Graph& graph = part->module.main;
    Json json = {{"device", part->device->id()},
                 {"total_bytes", plan.total_bytes},
                 {"peak_bytes", plan.peak_bytes},
                 {"peak_node", graph::NodeLabel(graph, plan.peak_node)}};
    for (size_t id = 0; id < plan.offsets.size() && values; ++id) {
      if (plan.offsets[id] == graph::MemoryPlan::kNoOffset) continue;
      json["values"].push_back({{"value", id},
                                {"offset", plan.offsets[id]},
                                {"type", graph.values[id].type.ToString()},
                                {"node", graph.Producer(static_cast<graph::ValueId>(id))}});
    }
    parts.push_back(std::move(json));
  }
  return parts;
}

}  // namespace

absl::StatusOr<std::string> PlanText(const exec::Planner& planner, const Plan& plan, bool workspace) {
  CONCORD_ASSIGN_OR_RETURN(const exec::StepPrediction decode, planner.Predict(planner.DecodeSizes()));
  std::string out = absl::StrCat(
      plan.model, " (", plan.architecture, "), ", plan.sequences, plan.sequences == 1 ? " request" : " requests",
      " of ", plan.context, " tokens, steps of ", plan.step_tokens, "\n\n", DeviceTable(plan), "\n",
      plan.fits ? "it fits" : "it does not fit", "; what lies in the file stays there and needs no memory of its own\n",
      "largest context ", plan.largest_context, " tokens; at this one ", plan.largest_sequences,
      " requests at once\n\n", SpeedText(plan));
  absl::StrAppend(&out, "a decode step reads ", Bytes(decode.cost.weight_bytes + decode.cost.state_bytes),
                  " and takes ", Count(decode.cost.flops), " operations, when contexts are full\n\n");
  for (const PlanMovedOp& m : plan.moved) {
    absl::StrAppend(&out, m.op, " of ", Scopes(m.scopes), " on ", m.device, " instead of ", m.wished, ": ", m.reason,
                    "\n");
  }
  for (const auto* lines : {&plan.remarks, &plan.advice}) {
    for (const std::string& line : *lines) absl::StrAppend(&out, line, "\n");
  }
  if (!plan.moved.empty() || !plan.remarks.empty() || !plan.advice.empty()) out += "\n";
  if (!plan.alternatives.empty()) absl::StrAppend(&out, AlternativesTable(plan), "\n");
  out += OpsText(planner);
  if (!workspace) return out;
  CONCORD_ASSIGN_OR_RETURN(const std::string table, WorkspaceTable(planner));
  return absl::StrCat(out, "\n", table);
}

absl::StatusOr<Json> PlanJson(const exec::Planner& planner, const Plan& plan, bool workspace) {
  CONCORD_ASSIGN_OR_RETURN(const exec::StepPrediction decode, planner.Predict(planner.DecodeSizes()));
  CONCORD_ASSIGN_OR_RETURN(Json parts, WorkspaceJson(planner, workspace));
  Json devices = Json::array(), cuts = Json::array(), moved = Json::array(), alternatives = Json::array();
  for (const PlanDevice& d : plan.devices) devices.push_back(DeviceJson(planner, d));
  for (const PlanCut& c : plan.cuts) {
    cuts.push_back({{"from", c.from}, {"decode_bytes", c.decode_bytes}, {"prefill_bytes", c.prefill_bytes}});
  }
  for (const PlanMovedOp& m : plan.moved) {
    moved.push_back(
        {{"op", m.op}, {"wished", m.wished}, {"device", m.device}, {"reason", m.reason}, {"scopes", m.scopes}});
  }
  for (const PlanAlternative& a : plan.alternatives) {
    alternatives.push_back({{"place", a.place}, {"seconds", a.seconds}, {"fits", a.fits}});
  }
  return Json{
      {"model", plan.model},
      {"architecture", plan.architecture},
      {"context", plan.context},
      {"batch", plan.sequences},
      {"step_tokens", plan.step_tokens},
      {"place", plan.place},
      {"fits", plan.fits},
      {"largest_context", plan.largest_context},
      {"largest_batch", plan.largest_sequences},
      {"devices", devices},
      {"cuts", cuts},
      {"moved", moved},
      {"alternatives", alternatives},
      {"remarks", plan.remarks},
      {"advice", plan.advice},
      {"decode_step",
       {{"seconds", plan.decode_seconds},
        {"weight_bytes", decode.cost.weight_bytes},
        {"state_bytes", decode.cost.state_bytes},
        {"flops", decode.cost.flops}}},
      {"prefill_step", {{"seconds", plan.prefill_seconds}, {"tokens", std::min(plan.step_tokens, plan.context)}}},
      {"ops_before_fusion", planner.module().main.nodes.size()},
      {"ops_after_fusion", NodeCount(planner)},
      {"ops", OpCounts(planner)},
      {"arithmetic", ArithmeticCounts(planner)},
      {"memory_plan", std::move(parts)}};
}

std::string HandoverText(const exec::HandoverPlan& plan) {
  std::string out = absl::StrCat("hand-over of ", plan.tokens, " tokens: ", Text(plan.bytes_read), " are read, ",
                                 Text(plan.bytes_written), " written and read back through ", Text(plan.staging_bytes),
                                 " of staging memory");
  if (!plan.copies_predicted) {
    out += "; its time was not predicted: the devices have not been measured\n";
  } else {
    absl::StrAppend(&out, ", ", Milliseconds(plan.seconds), " of copies beside what the host takes to convert\n");
  }
  return absl::StrCat(out, plan.fits ? "both sides fit together" : "both sides do not fit together: ", plan.lack, "\n");
}

Json HandoverJson(const exec::HandoverPlan& plan) {
  return {{"tokens", plan.tokens},
          {"bytes_read", plan.bytes_read},
          {"bytes_written", plan.bytes_written},
          {"staging_bytes", plan.staging_bytes},
          {"copy_seconds", plan.copies_predicted ? Json(plan.seconds) : Json()},
          {"fits", plan.fits},
          {"lack", plan.lack}};
}

}  // namespace concord::cli

#include "runtime/cli/command.h"
#include "runtime/cli/exit_code.h"
#include "runtime/cli/format.h"
#include "runtime/cli/model_options.h"
#include "runtime/cli/prediction.h"

namespace concord::cli {
namespace {

struct Facts {
  Memory memory;
  graph::MemoryPlan workspace;
  graph::NodeCost decode;
  int64_t largest_context = 0;
};

std::string Text(int64_t bytes) { return Bytes(static_cast<double>(bytes)); }

class Plan : public Command {
 public:
  void Declare(Arguments& args) override {
    model_.DeclareModel(args, false);
    args.Value("--batch", "N", &sequences_, "requests at once, each with a full context").AtLeast(1);
    args.Flag("--workspace", &workspace_, "also where every intermediate value lies");
    model_.Declare(args);
    args.Example("run-model plan model.gguf --context 32768", "whether that fits in this machine's memory");
    args.Example("run-model plan synthetic:llama-3-8b:q4_k_m --batch 8 --json", "a model that you do not have yet");
  }

  absl::Status Run(Console& console) override {
    CONCORD_ASSIGN_OR_RETURN(const std::unique_ptr<Prediction> p, Prediction::Make(model_, sequences_));
    Facts facts;
    CONCORD_ASSIGN_OR_RETURN(facts.memory, p->MemoryFor(p->context()));
    CONCORD_ASSIGN_OR_RETURN(facts.workspace, p->PlanFor(p->context()));
    CONCORD_ASSIGN_OR_RETURN(facts.decode, p->DecodeCost(p->context()));
    CONCORD_ASSIGN_OR_RETURN(facts.largest_context, p->LargestContext());
    return console.Print(console.json ? AsJson(*p, facts) : AsText(*p, facts));
  }

 private:
  static bool Fits(const Prediction& p, const Facts& f) {
    return p.free_bytes() == 0 || f.memory.resident() <= p.free_bytes();
  }

  std::string AsText(const Prediction& p, const Facts& f) const {
    const Memory& m = f.memory;
    std::string out = absl::StrCat(p.source().name(), " (", p.source().architecture(), "), ", sequences_,
                                   sequences_ == 1 ? " request" : " requests", " of ", p.context(),
                                   " tokens, steps of ", p.step_tokens(p.context()), "\n\n");
    Table devices({"device", ">layers", ">weights", ">KV", ">activations", ">scratch", ">in and out"});
    devices.Row({p.device().id(), std::to_string(p.layers()), Text(m.weights_mapped + m.weights_made), Text(m.kv),
                 Text(m.activations), m.scratch.has_value() ? Text(*m.scratch) : "?", Text(m.io)});
    absl::StrAppend(&out, devices.ToString(), "\nmemory of its own  ", Text(m.resident()), " of ",
                    p.free_bytes() == 0 ? "an unknown amount" : Text(p.free_bytes()),
                    " free: ", Fits(p, f) ? "fits" : "does not fit", "\nfrom the file      ", Text(m.weights_mapped),
                    " of weights stay where they are\nlargest context    ", f.largest_context, " tokens",
                    "\na token takes      ", Bytes(f.decode.weight_bytes + f.decode.state_bytes), " read and ",
                    Count(f.decode.flops), " operations, when the context is full\n\n");
    Table ops({"op", ">times"});
    for (const auto& [op, count] : p.OpCounts()) ops.Row({op, std::to_string(count)});
    absl::StrAppend(&out, ops.ToString(), "\n", p.module().main.nodes.size(), " ops after fusion, ",
                    p.nodes_before_fusion(), " before;");
    for (const auto& [arithmetic, count] : p.ArithmeticCounts()) absl::StrAppend(&out, " ", count, " in ", arithmetic);
    if (!p.decoded().empty()) absl::StrAppend(&out, "\n", exec::DecodedSentence(p.decoded(), p.device().id()));
    absl::StrAppend(&out, "\nworkspace: ", Text(static_cast<int64_t>(f.workspace.total_bytes)), ", at least ",
                    Text(static_cast<int64_t>(f.workspace.peak_bytes)), " is needed at ",
                    graph::NodeLabel(p.module().main, f.workspace.peak_node), "\n");
    return workspace_ ? absl::StrCat(out, "\n", WorkspaceTable(p, f)) : out;
  }

  static std::string WorkspaceTable(const Prediction& p, const Facts& f) {
    Table table({">offset", "value", "type", "made by"});
    const graph::Graph& graph = p.module().main;
    for (size_t id = 0; id < f.workspace.offsets.size(); ++id) {
      if (f.workspace.offsets[id] == graph::MemoryPlan::kNoOffset) continue;
      table.Row({std::to_string(f.workspace.offsets[id]), absl::StrCat("%", id), graph.values[id].type.ToString(),
                 graph::NodeLabel(graph, graph.Producer(static_cast<graph::ValueId>(id)))});
    }
    return table.ToString();
  }

  static Json DecodedJson(const Prediction& p) {
    Json list = Json::array();
    for (const exec::DecodedWeight& weight : p.decoded()) {
      list.push_back({{"name", weight.name},
                      {"from", weight.from->name},
                      {"to", weight.to->name},
                      {"extra_bytes", weight.extra_bytes},
                      {"reason", weight.reason}});
    }
    return list;
  }

  std::string AsJson(const Prediction& p, const Facts& f) const {
    const Memory& m = f.memory;
    Json device = {{"device", p.device().id()},
                   {"layers", p.layers()},
                   {"weight_bytes", m.weights_mapped + m.weights_made},
                   {"weight_bytes_mapped", m.weights_mapped},
                   {"weight_bytes_made", m.weights_made},
                   {"decoded_weights", DecodedJson(p)},
                   {"kv_bytes", m.kv},
                   {"activation_bytes", m.activations},
                   {"scratch_bytes", m.scratch.has_value() ? Json(*m.scratch) : Json()},
                   {"workspace_bytes", m.activations + m.scratch.value_or(0)},
                   {"io_bytes", m.io},
                   {"resident_bytes", m.resident()},
                   {"free_bytes", p.free_bytes()},
                   {"fits", Fits(p, f)}};
    Json ops = Json::object(), arithmetic = Json::object(), values = Json::array();
    for (const auto& [op, count] : p.OpCounts()) ops[op] = count;
    for (const auto& [name, count] : p.ArithmeticCounts()) arithmetic[name] = count;
    const graph::Graph& graph = p.module().main;
    for (size_t id = 0; id < f.workspace.offsets.size() && workspace_; ++id) {
      if (f.workspace.offsets[id] == graph::MemoryPlan::kNoOffset) continue;
      values.push_back({{"value", id},
                        {"offset", f.workspace.offsets[id]},
                        {"type", graph.values[id].type.ToString()},
                        {"node", graph.Producer(static_cast<graph::ValueId>(id))}});
    }
    Json workspace = {{"total_bytes", f.workspace.total_bytes},
                      {"peak_bytes", f.workspace.peak_bytes},
                      {"peak_node", graph::NodeLabel(graph, f.workspace.peak_node)}};
    if (workspace_) workspace["values"] = values;
    return Dump(
        {{"model", p.source().name()},
         {"architecture", p.source().architecture()},
         {"context", p.context()},
         {"batch", sequences_},
         {"step_tokens", p.step_tokens(p.context())},
         {"largest_context", f.largest_context},
         {"devices", Json::array({device})},
         {"ops_before_fusion", p.nodes_before_fusion()},
         {"ops_after_fusion", graph.nodes.size()},
         {"ops", ops},
         {"arithmetic", arithmetic},
         {"decode_step",
          {{"weight_bytes", f.decode.weight_bytes}, {"state_bytes", f.decode.state_bytes}, {"flops", f.decode.flops}}},
         {"memory_plan", workspace}});
  }

  ModelOptions model_;
  int64_t sequences_ = 1;
  bool workspace_ = false;
};

}  // namespace

CONCORD_DEFINE_COMMAND(plan) {
  return {
      .name = "plan",
      .summary = "Say what running a model takes, before any weight is read",
      .details =
          "The graph is built, fused and compiled for the device, and asked for every size. Weights that the CPU uses "
          "where they lie in the file need no memory of the process's own, so they may exceed what is free.",
      .make = Make<Plan>};
}

}  // namespace concord::cli

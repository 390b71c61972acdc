#include "runtime/cli/command.h"
#include "runtime/cli/exit_code.h"
#include "runtime/cli/model_options.h"
#include "runtime/cli/plan_text.h"

namespace concord::cli {
namespace {

class PlanCommand : public Command {
 public:
  void Declare(Arguments& args) override {
    model_.DeclareModel(args, false);
    args.Value("--batch", "N", &sequences_, "requests at once, each with a full context").AtLeast(1);
    args.Flag("--workspace", &workspace_, "also where every intermediate value lies");
    model_.Declare(args);
    args.Example("run-model plan model.gguf --context 32768", "whether that fits in this machine's memory");
    args.Example("run-model plan model.gguf --device vulkan:0,cpu", "how two devices would share it, and how fast");
    args.Example("run-model plan synthetic:llama-3-8b:q4_k_m --batch 8 --json", "a model that you do not have yet");
  }

  absl::Status Run(Console& console) override {
    if (!model_.prefill_device.empty() || !model_.decode_device.empty()) return PlanBothSides(console);
    CONCORD_ASSIGN_OR_RETURN(const auto planner, MakePlanner(model_, sequences_, console));
    if (console.json) {
      CONCORD_ASSIGN_OR_RETURN(const Json json, JsonOf(*planner));
      return console.Print(Dump(json));
    }
    CONCORD_ASSIGN_OR_RETURN(const std::string text, TextOf(*planner));
    return console.Print(text);
  }

 private:
  absl::StatusOr<Json> JsonOf(const exec::Planner& planner) const {
    CONCORD_ASSIGN_OR_RETURN(const Plan plan, planner.MakePlan());
    return PlanJson(planner, plan, workspace_);
  }
  absl::StatusOr<std::string> TextOf(const exec::Planner& planner) const {
    CONCORD_ASSIGN_OR_RETURN(const Plan plan, planner.MakePlan());
    return PlanText(planner, plan, workspace_);
  }

  // One side of a hand-over, as a model on a device of its own.
  ModelOptions SideOn(const std::string& device) const {
    ModelOptions side = model_;
    side.device = device;
    side.prefill_device = side.decode_device = side.decode_kv_type = "";
    return side;
  }

  absl::Status PlanBothSides(Console& console) {
    if (model_.prefill_device.empty() || model_.decode_device.empty() || !model_.place.empty()) {
      return UsageError("a hand-over wants both --prefill-device and --decode-device, and no --place");
    }
    ModelOptions answers = SideOn(model_.decode_device);
    if (!model_.decode_kv_type.empty()) answers.kv_type = model_.decode_kv_type;
    CONCORD_ASSIGN_OR_RETURN(const auto prefill, MakePlanner(SideOn(model_.prefill_device), sequences_, console));
    CONCORD_ASSIGN_OR_RETURN(const auto decode, MakePlanner(answers, sequences_, console));
    if (prefill->devices().size() != 1 || decode->devices().size() != 1 ||
        prefill->devices()[0]->id() == decode->devices()[0]->id()) {
      return UsageError(
          "a hand-over is from one device to another: --prefill-device and --decode-device name one each");
    }
    CONCORD_ASSIGN_OR_RETURN(const exec::HandoverPlan handover, exec::PlanHandover(*prefill, *decode));
    if (console.json) {
      CONCORD_ASSIGN_OR_RETURN(Json from, JsonOf(*prefill));
      CONCORD_ASSIGN_OR_RETURN(Json to, JsonOf(*decode));
      return console.Print(
          Dump({{"prefill", std::move(from)}, {"decode", std::move(to)}, {"handover", HandoverJson(handover)}}));
    }
    CONCORD_ASSIGN_OR_RETURN(const std::string from, TextOf(*prefill));
    CONCORD_ASSIGN_OR_RETURN(const std::string to, TextOf(*decode));
    return console.Print(absl::StrCat("prompts on ", prefill->devices()[0]->id(), "\n\n", from, "\nanswers on ",
                                      decode->devices()[0]->id(), "\n\n", to, "\n", HandoverText(handover)));
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
          "The graph is built, placed, fused and compiled for the devices, and asked for every size; times come from a "
          "two-second measurement of each device, which is kept. Weights that the CPU uses where they lie in the file "
          "need no memory of the process's own, so they may exceed what is free.",
      .make = Make<PlanCommand>};
}

}  // namespace concord::cli

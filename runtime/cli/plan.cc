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
    CONCORD_ASSIGN_OR_RETURN(const auto planner, MakePlanner(model_, sequences_, console));
    CONCORD_ASSIGN_OR_RETURN(const Plan plan, planner->MakePlan());
    if (console.json) {
      CONCORD_ASSIGN_OR_RETURN(const Json json, PlanJson(*planner, plan, workspace_));
      return console.Print(Dump(json));
    }
    CONCORD_ASSIGN_OR_RETURN(const std::string text, PlanText(*planner, plan, workspace_));
    return console.Print(text);
  }

 private:
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

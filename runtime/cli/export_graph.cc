#include "runtime/base/atomic_file.h"
#include "runtime/cli/command.h"
#include "runtime/cli/exit_code.h"
#include "runtime/cli/model_options.h"
#include "runtime/graph/proto.h"
#include "runtime/models/model.h"

namespace concord::cli {
namespace {

class ExportGraph : public Command {
 public:
  void Declare(Arguments& args) override {
    options_.DeclareModel(args, true);
    args.Value("-o,--output", "FILE", &output_, "write there instead of standard output");
    args.Value("--context", "TOKENS", &options_.context,
               "for rope tables that depend on it; 0: what the model was made for")
        .AtLeast(0);
    args.Value("--kv-type", "TYPE", &options_.kv_type, "of the KV cache").OneOf({"f32", "f16", "bf16", "q8_0"});
    args.Example("run-model export-graph model.gguf -o concord_graph.textproto", "the graph as a file");
  }

  absl::Status Run(Console& console) override {
    CONCORD_ASSIGN_OR_RETURN(const std::unique_ptr<loader::ModelSource> source,
                             OpenModel(options_.model, {.no_weights = true}));
    const absl::StatusOr<graph::Module> module =
        models::BuildModule(*source, {.kv_packing = options_.kv_type, .context_tokens = options_.context});
    if (!module.ok()) return ModelError(module.status());
    const std::string text = graph::ModuleToTextProto(*module);
    if (!output_.has_value()) return console.Print(text);
    AtomicFile file;
    CONCORD_RETURN_IF_ERROR(file.Open(*output_, static_cast<int64_t>(text.size())));
    CONCORD_RETURN_IF_ERROR(file.Write(text.data(), text.size()));
    CONCORD_RETURN_IF_ERROR(file.Commit());
    console.Note(absl::StrCat("wrote ", *output_, ": ", module->main.nodes.size(), " ops, ", module->weights.size(),
                              " weights"));
    return absl::OkStatus();
  }

 private:
  ModelOptions options_;
  std::optional<std::string> output_;
};

}  // namespace

CONCORD_DEFINE_COMMAND(export_graph) {
  return {
      .name = "export-graph",
      .summary = "Write the graph of a model as text (protobuf), for reading and for other tools",
      .details = "The format is graph.proto: ops, shapes, and which tensor of the file each weight is. Before fusion.",
      .make = Make<ExportGraph>};
}

}  // namespace concord::cli

#include "absl/strings/str_join.h"
#include "runtime/cli/command.h"
#include "runtime/cli/format.h"
#include "runtime/cli/model_options.h"

#include <algorithm>
#include <map>

namespace concord::cli {
namespace {

const char* FormatName(loader::Format format) {
  switch (format) {
    case loader::Format::kGguf:
      return "GGUF";
    case loader::Format::kHuggingFace:
      return "Hugging Face folder";
    default:
      return "synthetic";
  }
}

double Elements(const loader::Tensor& tensor) {
  double n = 1;
  for (int64_t dim : tensor.dims) n *= static_cast<double>(dim);
  return n;
}

struct TypeTotal {
  int64_t tensors = 0;
  double elements = 0;
  double bytes = 0;
};

class Inspect : public Command {
 public:
  void Declare(Arguments& args) override {
    args.Positional("MODEL", &model_, "a GGUF file, a Hugging Face folder, or synthetic:SHAPE[:TYPE]", true);
    args.Flag("--tensors", &tensors_, "list every tensor with its type, shape and bytes");
    args.Flag("--no-metadata", &no_metadata_, "leave out the settings");
    args.Example("run-model inspect model.gguf", "settings and totals");
    args.Example("run-model inspect model.gguf --tensors --no-metadata", "the table of tensors");
    args.Example("run-model inspect model.gguf --json | jq .metadata", "for other programs");
  }

  absl::Status Run(Console& console) override {
    CONCORD_ASSIGN_OR_RETURN(const std::unique_ptr<loader::ModelSource> source,
                             OpenModel(model_, {.no_weights = true, .list_only = true}));
    std::map<std::string, TypeTotal> totals;
    double parameters = 0;
    for (const loader::Tensor& tensor : source->tensors()) {
      TypeTotal& total = totals[tensor.file_type];
      ++total.tensors;
      total.elements += Elements(tensor);
      total.bytes += static_cast<double>(tensor.size_bytes);
      parameters += Elements(tensor);
    }
    return console.Print(console.json ? AsJson(*source, totals, parameters) : AsText(*source, totals, parameters));
  }

 private:
  std::string AsText(const loader::ModelSource& source, const std::map<std::string, TypeTotal>& totals,
                     double parameters) const {
    std::string out =
        absl::StrCat("name          ", source.name(), "\nformat        ", FormatName(source.format()),
                     "\narchitecture  ", source.architecture(), "\nparameters    ", Count(parameters),
                     "\nweights       ", Bytes(static_cast<double>(source.total_bytes())), " in ",
                     source.tensors().size(), " tensors\ntokenizer     ", source.tokenizer().empty() ? "none" : "yes",
                     "\nchat template ", source.chat_template().empty() ? "none" : "yes", "\n");
    if (!no_metadata_ && !source.metadata().empty()) {
      Table metadata({"setting", "value"});
      for (const auto& [key, value] : source.metadata()) metadata.Row({key, value});
      absl::StrAppend(&out, "\n", metadata.ToString());
    }
    if (tensors_) {
      Table list({"tensor", "type", "shape", ">bytes"});
      for (const loader::Tensor& t : source.tensors()) {
        list.Row({t.name, Type(t), absl::StrCat("[", absl::StrJoin(t.dims, ", "), "]"), std::to_string(t.size_bytes)});
      }
      absl::StrAppend(&out, "\n", list.ToString());
    }
    Table types({"type", ">tensors", ">parameters", ">size"});
    for (const auto& [type, total] : totals) {
      types.Row({type, std::to_string(total.tensors), Count(total.elements), Bytes(total.bytes)});
    }
    return absl::StrCat(out, "\n", types.ToString());
  }

  static std::string Type(const loader::Tensor& t) {
    return t.type != nullptr ? t.file_type : absl::StrCat(t.file_type, " (not read)");
  }

  std::string AsJson(const loader::ModelSource& source, const std::map<std::string, TypeTotal>& totals,
                     double parameters) const {
    Json json = {{"name", source.name()},
                 {"path", source.path()},
                 {"format", FormatName(source.format())},
                 {"architecture", source.architecture()},
                 {"parameters", static_cast<int64_t>(parameters)},
                 {"weight_bytes", source.total_bytes()},
                 {"n_tensors", source.tensors().size()},
                 {"tokenizer", !source.tokenizer().empty()},
                 {"chat_template", source.chat_template()}};
    Json types = Json::object();
    for (const auto& [type, total] : totals) {
      types[type] = {{"tensors", total.tensors},
                     {"parameters", static_cast<int64_t>(total.elements)},
                     {"bytes", static_cast<int64_t>(total.bytes)}};
    }
    json["types"] = std::move(types);
    if (!no_metadata_) {
      Json metadata = Json::object();
      for (const auto& [key, value] : source.metadata()) metadata[key] = value;
      json["metadata"] = std::move(metadata);
    }
    Json list = Json::array();
    for (const loader::Tensor& t : source.tensors()) {
      list.push_back({{"name", t.name},
                      {"type", t.file_type},
                      {"shape", t.dims},
                      {"bytes", t.size_bytes},
                      {"readable", t.type != nullptr}});
    }
    json["tensors"] = std::move(list);
    return Dump(json);
  }

  std::string model_;
  bool tensors_ = false, no_metadata_ = false;
};

}  // namespace

CONCORD_DEFINE_COMMAND(inspect) {
  return {.name = "inspect",
          .summary = "Show what is in a model file: settings, tensors, totals",
          .details = "Reads the head of the file only. Shapes are outermost dimension first.",
          .make = Make<Inspect>};
}

}  // namespace concord::cli

#include <algorithm>
#include <atomic>
#include <filesystem>

#include "absl/strings/match.h"
#include "runtime/base/checked.h"
#include "runtime/cli/command.h"
#include "runtime/cli/exit_code.h"
#include "runtime/cli/format.h"
#include "runtime/cli/interrupts.h"
#include "runtime/cli/model_options.h"
#include "runtime/cli/quantize_plan.h"
#include "runtime/loader/gguf_writer.h"
#include "runtime/loader/parallel.h"

namespace concord::cli {
namespace {

// Elements that are in flight: their f32 and packed forms together stay below 100 MiB.
constexpr int64_t kChunkElems = 16 << 20;
constexpr int64_t kPieceElems = 1 << 16;  // and what one thread does at a time

// `elems` elements from `in`, whole blocks of both types. False: one of them cannot be written as `to`.
bool ConvertPiece(const packing::Packing& from, const std::byte* in, const packing::Packing& to, int64_t elems,
                  std::byte* out) {
  thread_local std::vector<float> values;
  values.resize(static_cast<size_t>(elems));
  from.decode(in, elems / from.block_elems, values.data());
  return to.encode(values.data(), elems / to.block_elems, out);
}

class Quantizer {
 public:
  Quantizer(const std::vector<QuantizedTensor>& plan, Console& console) : plan_(plan), console_(console) {
    for (const QuantizedTensor& t : plan_) total_bytes_ += t.source->size_bytes;
  }

  absl::Status Write(loader::GgufWriter* writer) {
    for (const QuantizedTensor& tensor : plan_) {
      const int64_t elems =
          tensor.source->size_bytes / tensor.source->type->block_bytes * tensor.source->type->block_elems;
      for (int64_t begin = 0; begin < elems; begin += kChunkElems) {
        if (InterruptScope::interrupted()) return Interrupted();
        CONCORD_RETURN_IF_ERROR(Chunk(tensor, begin, std::min(kChunkElems, elems - begin), writer));
      }
    }
    return absl::OkStatus();
  }

 private:
  absl::Status Chunk(const QuantizedTensor& tensor, int64_t begin, int64_t elems, loader::GgufWriter* writer) {
    const packing::Packing& from = *tensor.source->type;
    const packing::Packing& to = *tensor.type;
    const std::byte* in = tensor.source->data + from.Bytes(begin);
    if (&from == &to) {
      CONCORD_RETURN_IF_ERROR(writer->Append({in, static_cast<size_t>(from.Bytes(elems))}));
    } else {
      CONCORD_RETURN_IF_ERROR(ResizeChecked(&packed_, static_cast<size_t>(to.Bytes(elems)), tensor.source->name));
      std::atomic<bool> ok{true};
      loader::ParallelFor((elems + kPieceElems - 1) / kPieceElems, [&](int64_t piece) {
        const int64_t at = piece * kPieceElems;
        if (!ConvertPiece(from, in + from.Bytes(at), to, std::min(kPieceElems, elems - at),
                          packed_.data() + to.Bytes(at))) {
          ok = false;
        }
      });
      if (!ok) {
        return ModelError(absl::InvalidArgumentError(absl::StrCat("tensor '", tensor.source->name,
                                                                  "' holds a value that is not finite or that ",
                                                                  to.name, " cannot hold; the file is damaged")));
      }
      CONCORD_RETURN_IF_ERROR(writer->Append(packed_));
    }
    done_bytes_ += from.Bytes(elems);
    console_.Progress("quantizing", static_cast<double>(done_bytes_), static_cast<double>(total_bytes_),
                      tensor.source->name);
    return absl::OkStatus();
  }

  const std::vector<QuantizedTensor>& plan_;
  Console& console_;
  std::vector<std::byte> packed_;
  int64_t done_bytes_ = 0, total_bytes_ = 0;
};

void CopyMetadata(const loader::ModelSource& source, const QuantizeType& recipe, loader::GgufWriter* writer) {
  for (const loader::GgufEntry& entry : source.gguf_entries()) {
    // The new file is whole and aligned as ours are.
    if (absl::StartsWith(entry.key, "split.") || entry.key == "general.alignment") continue;
    writer->SetRaw(entry.key, entry.value_type, entry.value);
  }
  writer->SetU32("general.file_type", static_cast<uint32_t>(recipe.file_type));
  writer->SetU32("general.quantization_version", 2);
}

class Quantize : public Command {
 public:
  void Declare(Arguments& args) override {
    args.Positional("IN", &in_, "a GGUF file of F32, F16 or BF16 weights", true);
    args.Positional("OUT", &out_, "the GGUF file to write; it appears when it is complete", true);
    std::vector<std::string> names;
    for (const QuantizeType& type : QuantizeTypes()) names.emplace_back(type.name);
    args.Value("-t,--type", "TYPE", &type_, "what to write").OneOf(names);
    args.Example("run-model quantize model-f16.gguf model-q4_k_m.gguf --type q4_k_m", "a quarter of the size");
  }

  absl::Status Run(Console& console) override {
    if (type_.empty()) return UsageError("--type is missing, for example q4_k_m or q8_0; --help lists all");
    const QuantizeType& recipe = *FindQuantizeType(type_);
    CONCORD_ASSIGN_OR_RETURN(const std::unique_ptr<loader::ModelSource> source, OpenModel(in_, {}));
    CONCORD_RETURN_IF_ERROR(Check(*source));
    CONCORD_ASSIGN_OR_RETURN(const std::vector<QuantizedTensor> plan, PlanQuantize(*source, recipe));
    const InterruptScope scope([] {});
    loader::GgufWriter writer;
    CopyMetadata(*source, recipe, &writer);
    for (const QuantizedTensor& t : plan) {
      CONCORD_RETURN_IF_ERROR(ModelError(writer.AddTensor(t.source->name, *t.type, t.source->dims)));
    }
    CONCORD_RETURN_IF_ERROR(writer.Open(out_));
    CONCORD_RETURN_IF_ERROR(Quantizer(plan, console).Write(&writer));
    CONCORD_RETURN_IF_ERROR(writer.Finish());
    return Report(*source, plan, writer.file_bytes(), console);
  }

 private:
  absl::Status Check(const loader::ModelSource& source) const {
    if (source.format() != loader::Format::kGguf) {
      return UsageError(
          absl::StrCat(in_, " is no GGUF file, and quantize reads nothing else; convert it to GGUF first"));
    }
    std::error_code error;
    if (std::filesystem::equivalent(in_, out_, error)) {
      return UsageError(absl::StrCat(out_, " is the file to be read; write to another name"));
    }
    return absl::OkStatus();
  }

  absl::Status Report(const loader::ModelSource& source, const std::vector<QuantizedTensor>& plan, int64_t bytes,
                      Console& console) const {
    Json fell_back = Json::array();
    for (const QuantizedTensor& t : plan) {
      if (t.fell_back) fell_back.push_back({{"tensor", t.source->name}, {"type", t.type->name}});
    }
    if (console.json) {
      return console.Print(Dump({{"path", out_},
                                 {"type", type_},
                                 {"tensors", plan.size()},
                                 {"input_bytes", source.total_bytes()},
                                 {"file_bytes", bytes},
                                 {"fell_back", fell_back}}));
    }
    if (!fell_back.empty()) {
      console.Note(absl::StrCat(fell_back.size(), " tensors have rows that do not fill blocks of ", type_,
                                " and became q8_0 or f16, the first: ", fell_back[0]["tensor"].get<std::string>()));
    }
    console.Note(absl::StrCat("wrote ", out_, ": ", Bytes(static_cast<double>(bytes)), ", from ",
                              Bytes(static_cast<double>(source.total_bytes()))));
    return absl::OkStatus();
  }

  std::string in_, out_, type_;
};

}  // namespace

CONCORD_DEFINE_COMMAND(quantize) {
  return {
      .name = "quantize",
      .summary = "Make a smaller file of a model by storing its weights in fewer bits",
      .details =
          "Every matrix is stored so, but with q4_k_m and q5_k_m, which store most in q4_k or q5_k, those that "
          "matter most (output, some attn_v and ffn_down) are q6_k, and with mxfp4 they are q8_0. Vectors stay f32.",
      .make = Make<Quantize>};
}

}  // namespace concord::cli

#include "runtime/loader/synthetic.h"

#include <algorithm>
#include <cstring>
#include <mutex>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "runtime/base/memory_block.h"
#include "runtime/loader/gguf_source.h"
#include "runtime/loader/parallel.h"
#include "runtime/loader/printable.h"
#include "runtime/loader/synthetic_plan.h"
#include "runtime/loader/synthetic_shapes.h"
#include "runtime/loader/synthetic_weights.h"

namespace concord::loader {
namespace {

constexpr const char* kTypes[] = {"bf16", "f16",  "f32",    "iq4_nl", "iq4_xs", "mxfp4", "q2_k", "q3_k", "q4_0",
                                  "q4_1", "q4_k", "q4_k_m", "q5_0",   "q5_1",   "q5_k",  "q6_k", "q8_0"};
constexpr char kDefaultType[] = "q4_k_m";

void FillWeights(const GgufWriter& writer, const std::vector<SyntheticTensor>& tensors, const ProgressFn& progress,
                 std::byte* file) {
  struct Piece {
    size_t tensor;
    int64_t first_block, n_blocks;
  };
  constexpr int64_t kPieceBytes = 4 << 20;
  std::vector<Piece> pieces;
  int64_t total = 0;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const int64_t block_bytes = tensors[i].type->block_bytes;
    const int64_t blocks = writer.size_bytes(static_cast<int64_t>(i)) / block_bytes;
    const int64_t step = std::max<int64_t>(kPieceBytes / block_bytes, 1);
    for (int64_t at = 0; at < blocks; at += step) pieces.push_back({i, at, std::min(step, blocks - at)});
    total += blocks * block_bytes;
  }
  std::mutex mutex;
  int64_t done = 0;
  ParallelFor(static_cast<int64_t>(pieces.size()), [&](int64_t p) {
    const Piece& piece = pieces[static_cast<size_t>(p)];
    const SyntheticTensor& tensor = tensors[piece.tensor];
    const int64_t block_bytes = tensor.type->block_bytes;
    std::byte* out = file + writer.offset(static_cast<int64_t>(piece.tensor)) + piece.first_block * block_bytes;
    // Seeded by place, so that the bytes do not depend on which thread made them.
    FillSyntheticBlocks(*tensor.type, tensor.ones, static_cast<uint64_t>(p), piece.n_blocks, out);
    std::lock_guard<std::mutex> lock(mutex);
    done += piece.n_blocks * block_bytes;
    if (progress) progress({"making weights", done, total});
  });
}

absl::Status Unknown(absl::string_view kind, absl::string_view got, std::vector<absl::string_view> known) {
  return absl::InvalidArgumentError(absl::StrCat("there is no synthetic ", kind, " '", Printable(got),
                                                 "'; want one of: ", absl::StrJoin(known, " "),
                                                 " (as in synthetic:llama-3.2-1b:q4_k_m)"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<ModelSource>> OpenSynthetic(const std::string& path, const OpenOptions& options) {
  absl::string_view rest = path;
  absl::ConsumePrefix(&rest, "synthetic:");
  const std::vector<std::string> words = absl::StrSplit(rest, absl::MaxSplits(':', 1));
  const std::string type = words.size() > 1 ? words[1] : kDefaultType;
  const auto shape = std::find_if(std::begin(kSyntheticShapes), std::end(kSyntheticShapes),
                                  [&](const SyntheticShape& s) { return words[0] == s.name; });
  if (shape == std::end(kSyntheticShapes)) {
    std::vector<absl::string_view> names;
    for (const SyntheticShape& known : kSyntheticShapes) names.push_back(known.name);
    return Unknown("shape", words[0], names);
  }
  if (std::find(std::begin(kTypes), std::end(kTypes), absl::string_view(type)) == std::end(kTypes)) {
    return Unknown("type", type, {std::begin(kTypes), std::end(kTypes)});
  }
  return MakeSynthetic(*shape, type, options);
}

absl::StatusOr<std::unique_ptr<ModelSource>> MakeSynthetic(const SyntheticShape& shape, const std::string& type,
                                                           const OpenOptions& options) {
  const std::string name = absl::StrCat("synthetic:", shape.name, ":", type);
  GgufWriter writer;
  SetSyntheticMetadata(shape, name, &writer);
  CONCORD_ASSIGN_OR_RETURN(const std::vector<SyntheticTensor> tensors, PlanSyntheticTensors(shape, type));
  for (const SyntheticTensor& tensor : tensors) {
    CONCORD_RETURN_IF_ERROR(writer.AddTensor(tensor.name, *tensor.type, tensor.dims));
  }
  CONCORD_ASSIGN_OR_RETURN(std::shared_ptr<MemoryBlock> memory, MemoryBlock::Allocate(writer.file_bytes(), name));
  const std::string header = writer.Header();
  std::memcpy(memory->data(), header.data(), header.size());
  if (!options.no_weights) FillWeights(writer, tensors, options.progress, memory->data());
  memory->Freeze();
  const absl::Span<const std::byte> bytes(memory->data(), static_cast<size_t>(memory->size_bytes()));
  return OpenGgufBytes(bytes, name, options, Format::kSynthetic, std::move(memory));
}

}  // namespace concord::loader

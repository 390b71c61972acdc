#include "runtime/loader/model_source.h"

#include <algorithm>
#include <mutex>

#include "absl/strings/str_join.h"
#include "runtime/base/checked.h"
#include "runtime/base/mmap.h"
#include "runtime/loader/parallel.h"
#include "runtime/loader/printable.h"

namespace concord::loader {

absl::StatusOr<std::unique_ptr<ModelSource>> ModelSource::Create(Parts parts) {
  std::unique_ptr<ModelSource> source(new ModelSource(std::move(parts)));
  const std::vector<Tensor>& tensors = source->parts_.tensors;
  std::vector<uint32_t>& order = source->by_name_;
  order.resize(tensors.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<uint32_t>(i);
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return tensors[a].name < tensors[b].name; });
  for (size_t i = 0; i < order.size(); ++i) {
    if (i > 0 && tensors[order[i]].name == tensors[order[i - 1]].name) {
      return absl::InvalidArgumentError(
          absl::StrCat("two tensors are named '", Printable(tensors[order[i]].name), "'"));
    }
    if (!CheckedAdd(source->total_bytes_, tensors[order[i]].size_bytes, &source->total_bytes_)) {
      return absl::InvalidArgumentError("the sizes of the tensors overflow 64 bits");
    }
  }
  return source;
}

namespace {

auto LowerBound(const std::vector<uint32_t>& order, const std::vector<Tensor>& tensors, absl::string_view name) {
  return std::lower_bound(order.begin(), order.end(), name, [&](uint32_t i, absl::string_view wanted) {
    return absl::string_view(tensors[i].name) < wanted;
  });
}

absl::Status CheckReadable(const Tensor& tensor) {
  if (tensor.type != nullptr) return absl::OkStatus();
  return absl::UnimplementedError(absl::StrCat("tensor '", Printable(tensor.name), "' is of type ",
                                               Printable(tensor.file_type),
                                               ", which Concord does not read; take the model in another type"));
}

}  // namespace

const Tensor* ModelSource::Find(absl::string_view name) const {
  const auto it = LowerBound(by_name_, parts_.tensors, name);
  if (it == by_name_.end() || parts_.tensors[*it].name != name) return nullptr;
  return &parts_.tensors[*it];
}

absl::StatusOr<const Tensor*> ModelSource::Require(absl::string_view name) const {
  CONCORD_ASSIGN_OR_RETURN(const Tensor* tensor, Optional(name));
  if (tensor != nullptr) return tensor;
  // Neighbours in the alphabet show whether a part is missing or the names are of another kind.
  std::vector<std::string> near;
  const auto at = LowerBound(by_name_, parts_.tensors, name);
  if (at != by_name_.begin()) near.push_back(absl::StrCat("'", Printable(parts_.tensors[*(at - 1)].name), "'"));
  if (at != by_name_.end()) near.push_back(absl::StrCat("'", Printable(parts_.tensors[*at].name), "'"));
  return absl::NotFoundError(
      absl::StrCat("the model '", Printable(parts_.name), "' has no tensor '", Printable(name), "'",
                   near.empty() ? "" : "; the nearest names it has: ", absl::StrJoin(near, ", ")));
}

absl::StatusOr<const Tensor*> ModelSource::Optional(absl::string_view name) const {
  const Tensor* tensor = Find(name);
  if (tensor != nullptr) CONCORD_RETURN_IF_ERROR(CheckReadable(*tensor));
  return tensor;
}

void ModelSource::Prefetch(const ProgressFn& progress) const {
  constexpr int64_t kChunk = 16 << 20;  // long enough for a disk's full rate, short enough for a smooth bar
  struct Chunk {
    const MappedFile* file;
    int64_t offset;
    int64_t size;
  };
  std::vector<Chunk> chunks;
  int64_t total = 0;
  for (const auto& file : parts_.weight_files) {
    for (int64_t at = 0; at < file->size_bytes(); at += kChunk) {
      chunks.push_back({file.get(), at, std::min(kChunk, file->size_bytes() - at)});
    }
    total += file->size_bytes();
  }
  std::mutex mutex;
  int64_t done = 0;
  ParallelFor(static_cast<int64_t>(chunks.size()), [&](int64_t i) {
    const Chunk& chunk = chunks[static_cast<size_t>(i)];
    // A page that cannot be read now is met again, and reported, by whoever needs it.
    chunk.file->Prefetch(chunk.offset, chunk.size).IgnoreError();
    std::lock_guard<std::mutex> lock(mutex);
    done += chunk.size;
    if (progress) progress({"reading weights", done, total});
  });
}

}  // namespace concord::loader

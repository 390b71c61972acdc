#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "runtime/base/atomic_file.h"
#include "runtime/base/packing/packing.h"
#include "runtime/base/status.h"
#include "runtime/loader/gguf_types.h"

namespace concord::loader {

// Writes a GGUF file (version 3): first say all metadata and tensors, then Open, then Append the tensors' bytes in the
// order of AddTensor, then Finish. The file is written under another name and renamed by Finish: whatever goes wrong
// before, nothing is left behind and a file that was there before stays. Not thread-safe.
class GgufWriter {
 public:
  // Metadata. A key that was set before is replaced in its place. Set general.alignment before the first AddTensor.
  void SetU32(absl::string_view key, uint32_t value);
  void SetU64(absl::string_view key, uint64_t value);
  void SetI32(absl::string_view key, int32_t value);
  void SetF32(absl::string_view key, float value);
  void SetBool(absl::string_view key, bool value);
  void SetString(absl::string_view key, absl::string_view value);
  void SetStrings(absl::string_view key, const std::vector<std::string>& values);
  void SetI32s(absl::string_view key, absl::Span<const int32_t> values);
  void SetF32s(absl::string_view key, absl::Span<const float> values);
  // As it lies in another file (GgufEntry).
  void SetRaw(absl::string_view key, uint32_t value_type, absl::string_view value);

  // `dims` row-major, outermost first. InvalidArgument for what a reader would refuse.
  absl::Status AddTensor(absl::string_view name, const packing::Packing& type, absl::Span<const int64_t> dims);

  // Everything before the tensor data, padded; the data of tensor i belongs at offset(i) of the file.
  std::string Header() const;
  int64_t n_tensors() const { return static_cast<int64_t>(tensors_.size()); }
  int64_t offset(int64_t tensor) const;  // from the start of the file
  int64_t size_bytes(int64_t tensor) const;
  int64_t file_bytes() const;  // of the whole file

  absl::Status Open(const std::string& path);
  // The next bytes of the current tensor; a tensor may come in pieces, a piece may not span two tensors.
  absl::Status Append(absl::Span<const std::byte> bytes);
  // Fails unless every tensor has come whole. On return the file is complete on disk.
  absl::Status Finish();

 private:
  struct Entry {
    std::string key;
    std::string bytes;  // key, type and value as in the file
  };
  struct TensorEntry {
    std::string name;
    std::vector<int64_t> ne;
    int32_t type;
    int64_t size_bytes;
    int64_t offset;  // from the start of the data
  };
  int64_t HeaderBytes() const;

  std::vector<Entry> metadata_;
  std::vector<TensorEntry> tensors_;
  int64_t alignment_ = 32;
  int64_t data_bytes_ = 0;

  AtomicFile file_;
  size_t tensor_ = 0;     // that Append is at
  int64_t appended_ = 0;  // bytes of it
};

}  // namespace concord::loader

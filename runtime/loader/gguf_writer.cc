#include "runtime/loader/gguf_writer.h"

#include <algorithm>
#include <cstring>

#include "runtime/base/checked.h"
#include "runtime/loader/printable.h"

namespace concord::loader {
namespace {

template <typename T>
void Put(std::string* out, T value) {
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  out->append(bytes, sizeof(T));
}

void PutString(std::string* out, absl::string_view text) {
  Put<uint64_t>(out, text.size());
  out->append(text.data(), text.size());
}

template <typename T>
std::string Scalar(T value) {
  std::string out;
  Put(&out, value);
  return out;
}

std::string ArrayHead(GgufValue element, size_t count) {
  std::string out;
  Put(&out, static_cast<uint32_t>(element));
  Put<uint64_t>(&out, count);
  return out;
}

template <typename T>
std::string Array(GgufValue element, absl::Span<const T> values) {
  std::string out = ArrayHead(element, values.size());
  out.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
  return out;
}

int64_t AlignUp(int64_t value, int64_t alignment) { return (value + alignment - 1) / alignment * alignment; }

}  // namespace

void GgufWriter::SetRaw(absl::string_view key, uint32_t value_type, absl::string_view value) {
  Entry entry{std::string(key), ""};
  PutString(&entry.bytes, key);
  Put(&entry.bytes, value_type);
  entry.bytes.append(value.data(), value.size());
  if (key == "general.alignment" && value.size() == sizeof(uint32_t)) {
    uint32_t alignment = 0;
    std::memcpy(&alignment, value.data(), sizeof(alignment));
    alignment_ = std::max<int64_t>(alignment, 8);
  }
  for (Entry& present : metadata_) {
    if (present.key == key) {
      present = std::move(entry);
      return;
    }
  }
  metadata_.push_back(std::move(entry));
}

#define CONCORD_SET(type, value) SetRaw(key, static_cast<uint32_t>(GgufValue::type), value)
void GgufWriter::SetU32(absl::string_view key, uint32_t value) { CONCORD_SET(kU32, Scalar(value)); }
void GgufWriter::SetU64(absl::string_view key, uint64_t value) { CONCORD_SET(kU64, Scalar(value)); }
void GgufWriter::SetI32(absl::string_view key, int32_t value) { CONCORD_SET(kI32, Scalar(value)); }
void GgufWriter::SetF32(absl::string_view key, float value) { CONCORD_SET(kF32, Scalar(value)); }
void GgufWriter::SetBool(absl::string_view key, bool value) { CONCORD_SET(kBool, Scalar<uint8_t>(value)); }
void GgufWriter::SetI32s(absl::string_view key, absl::Span<const int32_t> values) {
  CONCORD_SET(kArray, Array(GgufValue::kI32, values));
}
void GgufWriter::SetF32s(absl::string_view key, absl::Span<const float> values) {
  CONCORD_SET(kArray, Array(GgufValue::kF32, values));
}
void GgufWriter::SetString(absl::string_view key, absl::string_view value) {
  std::string bytes;
  PutString(&bytes, value);
  CONCORD_SET(kString, bytes);
}
void GgufWriter::SetStrings(absl::string_view key, const std::vector<std::string>& values) {
  std::string bytes = ArrayHead(GgufValue::kString, values.size());
  for (const std::string& value : values) PutString(&bytes, value);
  CONCORD_SET(kArray, bytes);
}
#undef CONCORD_SET

absl::Status GgufWriter::AddTensor(absl::string_view name, const packing::Packing& type,
                                   absl::Span<const int64_t> dims) {
  const auto bad = [&](const auto&... parts) {
    return absl::InvalidArgumentError(absl::StrCat("tensor '", Printable(name), "' ", parts...));
  };
  if (type.gguf_type < 0) return bad("is of type ", type.name, ", which GGUF does not have");
  if (name.empty() || name.size() > 63) return bad("has a name of ", name.size(), " bytes; GGUF allows 1 to 63");
  if (dims.empty() || dims.size() > 4) return bad("has ", dims.size(), " dimensions; GGUF allows 1 to 4");
  for (int64_t dim : dims) {
    if (dim < 1) return bad("has a dimension of ", dim, "; want at least 1");
  }
  if (dims.back() % type.block_elems != 0) {
    return bad("has rows of ", dims.back(), " elements; ", type.name, " wants a multiple of ", type.block_elems);
  }
  TensorEntry entry{std::string(name), {dims.rbegin(), dims.rend()}, type.gguf_type, 0, data_bytes_};
  const absl::StatusOr<int64_t> elements = CheckedProduct(entry.ne);
  if (!elements.ok()) return bad("is too large: ", elements.status().message());
  entry.size_bytes = type.Bytes(*elements);
  int64_t end = 0;
  if (entry.size_bytes < 0 || !CheckedAdd(data_bytes_, entry.size_bytes, &end) || end > (int64_t{1} << 60)) {
    return bad("is too large");
  }
  data_bytes_ = AlignUp(end, alignment_);
  tensors_.push_back(std::move(entry));
  return absl::OkStatus();
}

int64_t GgufWriter::HeaderBytes() const {
  size_t bytes = 4 + 4 + 8 + 8;
  for (const Entry& entry : metadata_) bytes += entry.bytes.size();
  for (const TensorEntry& tensor : tensors_) bytes += 8 + tensor.name.size() + 4 + 8 * tensor.ne.size() + 4 + 8;
  return AlignUp(static_cast<int64_t>(bytes), alignment_);
}

int64_t GgufWriter::offset(int64_t tensor) const {
  return HeaderBytes() + tensors_[static_cast<size_t>(tensor)].offset;
}
int64_t GgufWriter::size_bytes(int64_t tensor) const { return tensors_[static_cast<size_t>(tensor)].size_bytes; }
int64_t GgufWriter::file_bytes() const { return HeaderBytes() + data_bytes_; }

std::string GgufWriter::Header() const {
  std::string out = "GGUF";
  out.reserve(static_cast<size_t>(HeaderBytes()));
  Put<uint32_t>(&out, 3);
  Put<uint64_t>(&out, tensors_.size());
  Put<uint64_t>(&out, metadata_.size());
  for (const Entry& entry : metadata_) out += entry.bytes;
  for (const TensorEntry& tensor : tensors_) {
    PutString(&out, tensor.name);
    Put(&out, static_cast<uint32_t>(tensor.ne.size()));
    for (int64_t dim : tensor.ne) Put(&out, dim);
    Put(&out, tensor.type);
    Put(&out, tensor.offset);
  }
  out.resize(static_cast<size_t>(HeaderBytes()), '\0');
  return out;
}

absl::Status GgufWriter::Open(const std::string& path) {
  tensor_ = 0;
  appended_ = 0;
  CONCORD_RETURN_IF_ERROR(file_.Open(path, file_bytes()));
  const std::string header = Header();
  return file_.Write(header.data(), header.size());
}

absl::Status GgufWriter::Append(absl::Span<const std::byte> bytes) {
  if (bytes.empty()) return absl::OkStatus();
  if (tensor_ == tensors_.size() || static_cast<int64_t>(bytes.size()) > tensors_[tensor_].size_bytes - appended_) {
    const std::string name =
        tensor_ == tensors_.size() ? "any that is left" : absl::StrCat("'", tensors_[tensor_].name, "'");
    return absl::InvalidArgumentError(absl::StrCat(bytes.size(), " more bytes do not fit into tensor ", name));
  }
  CONCORD_RETURN_IF_ERROR(file_.Write(bytes.data(), bytes.size()));
  appended_ += static_cast<int64_t>(bytes.size());
  const int64_t size = tensors_[tensor_].size_bytes;
  if (appended_ < size) return absl::OkStatus();
  const std::string padding(static_cast<size_t>(AlignUp(size, alignment_) - size), '\0');
  ++tensor_;
  appended_ = 0;
  return file_.Write(padding.data(), padding.size());
}

absl::Status GgufWriter::Finish() {
  if (file_.is_open() && tensor_ != tensors_.size()) {
    file_.Abandon();
    return absl::FailedPreconditionError(absl::StrCat("tensor '", tensors_[tensor_].name, "' was not written whole"));
  }
  return file_.Commit();
}

}  // namespace concord::loader

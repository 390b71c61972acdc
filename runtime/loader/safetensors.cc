#include "runtime/loader/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "absl/strings/match.h"
#include "runtime/base/checked.h"
#include "runtime/loader/json.h"
#include "runtime/loader/printable.h"

namespace concord::loader {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors are read in place and little-endian");

constexpr uint64_t kMaxHeaderBytes = 100000000;  // the format's limit
constexpr int64_t kMaxDims = 8;

struct Dtype {
  const char* name;
  int bits;             // of an element
  const char* packing;  // null: Concord does not read it
};

constexpr Dtype kDtypes[] = {
    {"F32", 32, "f32"},      {"F16", 16, "f16"},      {"BF16", 16, "bf16"},    {"I8", 8, "i8"},
    {"U8", 8, "u8"},         {"I32", 32, "i32"},      {"I64", 64, "i64"},      {"BOOL", 8, nullptr},
    {"F8_E4M3", 8, nullptr}, {"F8_E5M2", 8, nullptr}, {"F8_E8M0", 8, nullptr}, {"F4", 4, nullptr},
    {"I16", 16, nullptr},    {"U16", 16, nullptr},    {"U32", 32, nullptr},    {"U64", 64, nullptr},
    {"F64", 64, nullptr},    {"C64", 64, nullptr},
};

const Dtype* FindDtype(absl::string_view name) {
  for (const Dtype& dtype : kDtypes) {
    if (name == dtype.name) return &dtype;
  }
  return nullptr;
}

using nlohmann::json;

// A JSON integer that fits int64 and is not negative.
bool TakeSize(const json& value, int64_t* out) {
  if (!value.is_number_integer()) return false;
  if (value.is_number_unsigned()) {
    const uint64_t number = value.get<uint64_t>();
    *out = static_cast<int64_t>(number);
    return number <= uint64_t{INT64_MAX};
  }
  *out = value.get<int64_t>();
  return *out >= 0;
}

bool TakeSizes(const json& object, const char* key, size_t max_count, std::vector<int64_t>* out) {
  const auto it = object.find(key);
  if (it == object.end() || !it->is_array() || it->size() > max_count) return false;
  for (const json& value : *it) {
    out->push_back(0);
    if (!TakeSize(value, &out->back())) return false;
  }
  return true;
}

// One entry of the header. `begin` is where the tensor lies in the data.
absl::Status ReadEntry(const json& entry, int64_t data_size, Tensor* tensor, int64_t* begin) {
  const std::string name = absl::StrCat("tensor '", Printable(tensor->name), "'");
  const auto bad = [&](const auto&... parts) { return absl::InvalidArgumentError(absl::StrCat(name, parts...)); };
  if (!entry.is_object()) return bad(" is not described by an object");
  const auto dtype_name = entry.find("dtype");
  if (dtype_name == entry.end() || !dtype_name->is_string()) return bad(" has no dtype");
  tensor->file_type = dtype_name->get<std::string>();
  std::vector<int64_t> offsets;
  if (!TakeSizes(entry, "shape", kMaxDims, &tensor->dims)) {
    return bad(": its shape is not a list of at most ", kMaxDims, " sizes");
  }
  if (!TakeSizes(entry, "data_offsets", 2, &offsets) || offsets.size() != 2) {
    return bad(": its data_offsets are not two offsets");
  }
  if (offsets[0] > offsets[1] || offsets[1] > data_size) {
    return bad(" lies at ", offsets[0], " to ", offsets[1], " of the data; the file holds ", data_size,
               " bytes of it: it is damaged or was not copied whole");
  }
  *begin = offsets[0];
  tensor->size_bytes = offsets[1] - offsets[0];
  const Dtype* dtype = FindDtype(tensor->file_type);
  if (dtype == nullptr)
    return absl::OkStatus();  // newer than this table: its size cannot be checked, nor will it be read
  const absl::StatusOr<int64_t> elements = CheckedProduct(tensor->dims);
  int64_t bits = 0;
  if (!elements.ok() || !CheckedMul(*elements, dtype->bits, &bits)) return bad(": its shape overflows 64 bits");
  if (bits % 8 != 0 || bits / 8 != tensor->size_bytes) {
    return bad(" of type ", dtype->name, " has ", *elements, " elements but ", tensor->size_bytes, " bytes; want ",
               (bits + 7) / 8);
  }
  if (dtype->packing != nullptr) tensor->type = packing::Find(dtype->packing);
  return absl::OkStatus();
}

// No holes and no overlaps: what no tensor claims could hide anything, what two claim is damaged.
absl::Status CheckTiling(std::vector<std::pair<int64_t, Tensor>>* placed, int64_t data_size) {
  std::stable_sort(placed->begin(), placed->end(), [](const auto& a, const auto& b) {
    return std::pair(a.first, a.second.size_bytes) < std::pair(b.first, b.second.size_bytes);
  });
  int64_t expected = 0;
  for (const auto& [begin, tensor] : *placed) {
    if (begin != expected) {
      return absl::InvalidArgumentError(
          absl::StrCat("tensor '", Printable(tensor.name), "' begins at ", begin, " of the data; want ", expected,
                       ", where the one before it ends: ", begin < expected ? "they overlap" : "there is a hole"));
    }
    expected = begin + tensor.size_bytes;
  }
  if (expected != data_size) {
    return absl::InvalidArgumentError(absl::StrCat("the tensors end at ", expected, " of the data, but the file holds ",
                                                   data_size, " bytes of it: it is damaged"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Tensor>> Read(absl::Span<const std::byte> bytes) {
  uint64_t header_bytes = 0;
  if (bytes.size() < sizeof(header_bytes)) {
    return absl::InvalidArgumentError(
        absl::StrCat("a safetensors file has at least 8 bytes, this one has ", bytes.size()));
  }
  std::memcpy(&header_bytes, bytes.data(), sizeof(header_bytes));
  if (header_bytes > kMaxHeaderBytes || header_bytes > bytes.size() - sizeof(header_bytes)) {
    return absl::InvalidArgumentError(
        absl::StrCat("says its header has ", header_bytes, " bytes; the file has ", bytes.size(), " and at most ",
                     kMaxHeaderBytes, " are allowed: it is damaged, not copied whole, or no safetensors file"));
  }
  const absl::string_view text(reinterpret_cast<const char*>(bytes.data()) + 8, header_bytes);
  if (text.empty() || text[0] != '{') return absl::InvalidArgumentError("its header does not begin with '{'");
  CONCORD_ASSIGN_OR_RETURN(const json header,
                           ParseJson(text, "its header", {.max_depth = 4, .refuse_duplicates = true}));
  if (!header.is_object()) return absl::InvalidArgumentError("its header is not a JSON object");

  const std::byte* data = bytes.data() + 8 + header_bytes;
  const int64_t data_size = static_cast<int64_t>(bytes.size() - 8 - header_bytes);
  std::vector<std::pair<int64_t, Tensor>> placed;
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") continue;
    Tensor tensor;
    tensor.name = name;
    int64_t begin = 0;
    CONCORD_RETURN_IF_ERROR(ReadEntry(entry, data_size, &tensor, &begin));
    tensor.data = data + begin;
    placed.emplace_back(begin, std::move(tensor));
  }
  CONCORD_RETURN_IF_ERROR(CheckTiling(&placed, data_size));
  std::vector<Tensor> tensors;
  for (auto& [begin, tensor] : placed) tensors.push_back(std::move(tensor));
  return tensors;
}

}  // namespace

absl::Status CheckNotPointerOrPickle(absl::Span<const std::byte> bytes, absl::string_view what) {
  const absl::string_view head(reinterpret_cast<const char*>(bytes.data()), std::min<size_t>(bytes.size(), 64));
  if (absl::StartsWith(head, "version https://git-lfs")) {
    return absl::InvalidArgumentError(absl::StrCat(
        what,
        ": a Git LFS pointer, not the file it stands for: run 'git lfs pull' where it was cloned, or download it"));
  }
  // A pickle begins with its protocol number, a newer PyTorch file is a zip archive. A safetensors file may begin with
  // the same two bytes, but the upper half of its header's length is zero.
  const bool maybe_safetensors = head.size() >= 8 && head.substr(4, 4) == absl::string_view("\0\0\0\0", 4);
  const bool pickle = head.size() > 2 && head[0] == '\x80' && head[1] >= 2 && head[1] <= 5 && !maybe_safetensors;
  if (pickle || absl::StartsWith(head, absl::string_view("PK\x03\x04", 4))) {
    return absl::InvalidArgumentError(absl::StrCat(
        what,
        ": a PyTorch pickle or archive, which can hold code and is therefore not read; take the safetensors or GGUF "
        "version of the model, or convert it with the safetensors library"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Tensor>> ReadSafetensors(absl::Span<const std::byte> bytes, absl::string_view what) {
  CONCORD_RETURN_IF_ERROR(CheckNotPointerOrPickle(bytes, what));
  absl::StatusOr<std::vector<Tensor>> tensors = Read(bytes);
  return tensors.ok() ? std::move(tensors) : Annotate(tensors.status(), what);
}

}  // namespace concord::loader

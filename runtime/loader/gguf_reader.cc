#include "runtime/loader/gguf_reader.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "runtime/base/checked.h"
#include "runtime/loader/printable.h"

namespace concord::loader {
namespace {

static_assert(std::endian::native == std::endian::little, "GGUF is read in place and little-endian");

constexpr uint64_t kMaxKeyBytes = 65535;        // the format's limit
constexpr uint64_t kMaxTensorNameBytes = 1024;  // the format says 64; longer ones hurt nobody
constexpr uint32_t kMaxDims = 4;
// The least that an entry takes: lengths say how many entries a file can hold before anything is allocated.
constexpr uint64_t kMinKeyValueBytes = 8 + 1 + 4 + 1;
constexpr uint64_t kMinTensorBytes = 8 + 1 + 4 + 8 + 4 + 8;

// Takes values off the front of the file. Everything it hands out is inside the file.
class Cursor {
 public:
  explicit Cursor(absl::string_view bytes) : bytes_(bytes) {}

  template <typename T>
  bool Take(T* value) {
    if (remaining() < sizeof(T)) return false;
    std::memcpy(value, bytes_.data() + at_, sizeof(T));
    at_ += sizeof(T);
    return true;
  }
  bool TakeBytes(uint64_t count, absl::string_view* out) {
    if (count > remaining()) return false;
    *out = bytes_.substr(at_, count);
    at_ += count;
    return true;
  }
  uint64_t remaining() const { return bytes_.size() - at_; }
  uint64_t position() const { return at_; }
  absl::string_view Since(uint64_t position) const { return bytes_.substr(position, at_ - position); }

 private:
  absl::string_view bytes_;
  uint64_t at_ = 0;
};

class Reader {
 public:
  Reader(absl::string_view bytes, absl::string_view what) : cursor_(bytes), size_(bytes.size()), what_(what) {}

  absl::StatusOr<GgufFile> Read() {
    CONCORD_RETURN_IF_ERROR(ReadHead());
    for (uint64_t i = 0; i < kv_count_; ++i) CONCORD_RETURN_IF_ERROR(ReadKeyValue(i));
    CONCORD_RETURN_IF_ERROR(CheckKeys());
    CONCORD_RETURN_IF_ERROR(ReadAlignment());
    for (uint64_t i = 0; i < tensor_count_; ++i) CONCORD_RETURN_IF_ERROR(ReadTensor(i));
    CONCORD_RETURN_IF_ERROR(PlaceTensors());
    return std::move(file_);
  }

 private:
  template <typename... Parts>
  absl::Status Bad(const Parts&... parts) const {
    return absl::InvalidArgumentError(absl::StrCat(what_, ": ", parts...));
  }
  template <typename... Parts>
  absl::Status CutShort(const Parts&... parts) const {
    return Bad("the file ends inside ", absl::StrCat(parts...), " (byte ", cursor_.position(), " of ", size_,
               "): it is damaged or was not copied whole");
  }

  absl::Status ReadHead() {
    absl::string_view magic;
    if (!cursor_.TakeBytes(4, &magic)) return CutShort("its magic number");
    if (magic != "GGUF") return Bad("not a GGUF file: begins with '", Printable(magic), "', want 'GGUF'");
    if (!cursor_.Take(&file_.version)) return CutShort("its version number");
    if (file_.version != 2 && file_.version != 3) return BadVersion();
    if (!cursor_.Take(&tensor_count_) || !cursor_.Take(&kv_count_)) return CutShort("its counts");
    if (kv_count_ > cursor_.remaining() / kMinKeyValueBytes) {
      return Bad("says it holds ", kv_count_, " metadata entries; the file's ", size_,
                 " bytes have no room for them: it is damaged or was not copied whole");
    }
    if (tensor_count_ > cursor_.remaining() / kMinTensorBytes) {
      return Bad("says it holds ", tensor_count_, " tensors; the file's ", size_,
                 " bytes have no room for them: it is damaged or was not copied whole");
    }
    return absl::OkStatus();
  }

  absl::Status BadVersion() const {
    const uint32_t swapped = __builtin_bswap32(file_.version);
    if (swapped >= 1 && swapped <= 3) {
      return absl::UnimplementedError(absl::StrCat(
          what_, ": a big-endian GGUF file; Concord reads little-endian ones: convert it or take another download"));
    }
    return absl::UnimplementedError(absl::StrCat(what_, ": GGUF version ", file_.version,
                                                 "; Concord reads versions 2 and 3: convert the model again"));
  }

  absl::Status TakeString(uint64_t max_bytes, absl::string_view* out, absl::string_view of) {
    uint64_t length = 0;
    if (!cursor_.Take(&length)) return CutShort(of);
    if (length > cursor_.remaining()) {
      return Bad(of, " says it is ", length, " bytes long; ", cursor_.remaining(), " bytes of the file are left");
    }
    if (length > max_bytes) return Bad(of, " is ", length, " bytes long; at most ", max_bytes, " are allowed");
    cursor_.TakeBytes(length, out);
    return absl::OkStatus();
  }

  absl::Status ReadKeyValue(uint64_t index) {
    GgufKeyValue kv;
    const std::string place = absl::StrCat("the key of metadata entry ", index);
    CONCORD_RETURN_IF_ERROR(TakeString(kMaxKeyBytes, &kv.key, place));
    if (kv.key.empty() || !IsUtf8(kv.key)) return Bad(place, " is empty or not UTF-8");
    if (!cursor_.Take(&kv.type)) return CutShort("the type of '", Printable(kv.key), "'");
    const uint64_t start = cursor_.position();
    if (kv.type == static_cast<uint32_t>(GgufValue::kArray)) {
      CONCORD_RETURN_IF_ERROR(ReadArray(&kv));
    } else {
      CONCORD_RETURN_IF_ERROR(WalkElements(kv.type, 1, &kv));
    }
    kv.raw = cursor_.Since(start);
    file_.metadata.push_back(kv);
    return absl::OkStatus();
  }

  absl::Status ReadArray(GgufKeyValue* kv) {
    if (!cursor_.Take(&kv->element_type) || !cursor_.Take(&kv->count)) {
      return CutShort("the array '", Printable(kv->key), "'");
    }
    if (kv->element_type == static_cast<uint32_t>(GgufValue::kArray)) {
      return absl::UnimplementedError(
          absl::StrCat(what_, ": '", Printable(kv->key), "' is an array of arrays, which Concord does not read"));
    }
    return WalkElements(kv->element_type, kv->count, kv);
  }

  // Steps over `count` values of `type`, checking that they are there.
  absl::Status WalkElements(uint32_t type, uint64_t count, GgufKeyValue* kv) {
    const uint64_t start = cursor_.position();
    const uint64_t width = static_cast<uint64_t>(GgufValueBytes(type));
    const bool is_string = type == static_cast<uint32_t>(GgufValue::kString);
    if (width == 0 && !is_string) {
      return Bad("'", Printable(kv->key), "' is of ", GgufValueName(type), "; value types are 0 to 12");
    }
    if (count > cursor_.remaining() / (is_string ? 8 : width)) {
      return Bad("'", Printable(kv->key), "' says it holds ", count, " values of type ", GgufValueName(type), "; ",
                 cursor_.remaining(), " bytes of the file are left");
    }
    if (is_string) {
      for (uint64_t i = 0; i < count; ++i) CONCORD_RETURN_IF_ERROR(SkipString(kv->key, i));
      kv->bytes = cursor_.Since(start);
      return absl::OkStatus();
    }
    cursor_.TakeBytes(count * width, &kv->bytes);
    if (type == static_cast<uint32_t>(GgufValue::kBool)) {
      for (char c : kv->bytes) {
        if (static_cast<uint8_t>(c) > 1) return Bad("'", Printable(kv->key), "' holds a bool that is neither 0 nor 1");
      }
    }
    return absl::OkStatus();
  }

  // Vocabularies hold hundreds of thousands of strings: no message is prepared unless one is needed.
  absl::Status SkipString(absl::string_view key, uint64_t index) {
    uint64_t length = 0;
    absl::string_view text;
    if (cursor_.Take(&length) && cursor_.TakeBytes(length, &text)) return absl::OkStatus();
    if (cursor_.remaining() < sizeof(length) && length == 0) return CutShort("'", Printable(key), "'");
    return Bad("string ", index, " of '", Printable(key), "' says it is ", length, " bytes long; ", cursor_.remaining(),
               " bytes of the file are left");
  }

  absl::Status CheckKeys() const {
    std::vector<absl::string_view> keys;
    for (const GgufKeyValue& kv : file_.metadata) keys.push_back(kv.key);
    std::sort(keys.begin(), keys.end());
    const auto twice = std::adjacent_find(keys.begin(), keys.end());
    if (twice != keys.end()) return Bad("the metadata key '", Printable(*twice), "' occurs twice");
    return absl::OkStatus();
  }

  absl::Status ReadAlignment() {
    const GgufKeyValue* kv = file_.Find("general.alignment");
    if (kv == nullptr) return absl::OkStatus();
    if (kv->type != static_cast<uint32_t>(GgufValue::kU32)) {
      return Bad("'general.alignment' is of type ", GgufValueName(kv->type), "; want u32");
    }
    uint32_t alignment = 0;
    std::memcpy(&alignment, kv->bytes.data(), sizeof(alignment));
    if (alignment < 8 || !std::has_single_bit(alignment)) {
      return Bad("'general.alignment' is ", alignment, "; want a power of two of at least 8");
    }
    file_.alignment = alignment;
    return absl::OkStatus();
  }

  absl::Status ReadTensor(uint64_t index) {
    GgufTensorInfo tensor;
    const std::string place = absl::StrCat("the name of tensor ", index);
    CONCORD_RETURN_IF_ERROR(TakeString(kMaxTensorNameBytes, &tensor.name, place));
    if (tensor.name.empty() || !IsUtf8(tensor.name)) return Bad(place, " is empty or not UTF-8");
    const std::string name = absl::StrCat("tensor '", Printable(tensor.name), "'");
    uint32_t n_dims = 0, type = 0;
    uint64_t offset = 0;
    if (!cursor_.Take(&n_dims)) return CutShort(name);
    if (n_dims < 1 || n_dims > kMaxDims) return Bad(name, " has ", n_dims, " dimensions; want 1 to ", kMaxDims);
    for (uint32_t i = 0; i < n_dims; ++i) {
      uint64_t dim = 0;
      if (!cursor_.Take(&dim)) return CutShort(name);
      if (dim == 0 || dim > uint64_t{INT64_MAX}) return Bad(name, ": dimension ", i, " is ", dim, "; want at least 1");
      tensor.ne.push_back(static_cast<int64_t>(dim));
    }
    if (!cursor_.Take(&type) || !cursor_.Take(&offset)) return CutShort(name);
    tensor.type = FindGgufTensorType(type);
    if (tensor.type == nullptr) {
      return absl::UnimplementedError(absl::StrCat(what_, ": ", name, " is of ", DescribeGgufTensorType(type),
                                                   "; Concord cannot read it: take the model in another type"));
    }
    if (offset > static_cast<uint64_t>(size_)) {
      return Bad(name, " begins ", offset, " bytes into the data; the whole file has ", size_);
    }
    tensor.offset = static_cast<int64_t>(offset);  // relative until PlaceTensors knows where the data begins
    CONCORD_RETURN_IF_ERROR(SizeTensor(name, &tensor));
    file_.tensors.push_back(std::move(tensor));
    return absl::OkStatus();
  }

  absl::Status SizeTensor(const std::string& name, GgufTensorInfo* tensor) const {
    const int64_t block = tensor->type->block_elems;
    if (tensor->ne[0] % block != 0) {
      return Bad(name, " has rows of ", tensor->ne[0], " elements; want a multiple of ", block, ", the block of ",
                 tensor->type->name);
    }
    std::vector<int64_t> factors = tensor->ne;
    factors[0] /= block;
    factors.push_back(tensor->type->block_bytes);
    const absl::StatusOr<int64_t> bytes = CheckedProduct(factors);
    // The element count must fit as well: a block may have fewer bytes than elements.
    if (!bytes.ok() || !CheckedProduct(tensor->ne).ok()) return Bad(name, ": its dimensions overflow 64 bits");
    tensor->size_bytes = *bytes;
    return absl::OkStatus();
  }

  absl::Status PlaceTensors() {
    const int64_t head = static_cast<int64_t>(cursor_.position());
    file_.data_offset = (head + file_.alignment - 1) / file_.alignment * file_.alignment;
    for (GgufTensorInfo& tensor : file_.tensors) {
      const std::string name = absl::StrCat("tensor '", Printable(tensor.name), "'");
      if (tensor.offset % file_.alignment != 0) {
        return Bad(name, " begins at ", tensor.offset, "; want a multiple of the alignment ", file_.alignment);
      }
      int64_t end = 0;
      if (!CheckedAdd(tensor.offset, file_.data_offset, &tensor.offset) ||
          !CheckedAdd(tensor.offset, tensor.size_bytes, &end) || end > size_) {
        return Bad(name, " needs ", tensor.size_bytes, " bytes from byte ", tensor.offset, "; the file ends at ", size_,
                   ": it is damaged or was not copied whole");
      }
    }
    return CheckPlaces();
  }

  absl::Status CheckPlaces() const {
    std::vector<const GgufTensorInfo*> order;
    for (const GgufTensorInfo& tensor : file_.tensors) order.push_back(&tensor);
    std::sort(order.begin(), order.end(), [](auto* a, auto* b) { return a->offset < b->offset; });
    for (size_t i = 1; i < order.size(); ++i) {
      if (order[i]->offset < order[i - 1]->offset + order[i - 1]->size_bytes) {
        return Bad("tensors '", Printable(order[i - 1]->name), "' and '", Printable(order[i]->name), "' overlap");
      }
    }
    std::sort(order.begin(), order.end(), [](auto* a, auto* b) { return a->name < b->name; });
    for (size_t i = 1; i < order.size(); ++i) {
      if (order[i]->name == order[i - 1]->name) return Bad("two tensors are named '", Printable(order[i]->name), "'");
    }
    return absl::OkStatus();
  }

  Cursor cursor_;
  int64_t size_;
  absl::string_view what_;
  uint64_t tensor_count_ = 0;
  uint64_t kv_count_ = 0;
  GgufFile file_;
};

}  // namespace

const GgufKeyValue* GgufFile::Find(absl::string_view key) const {
  for (const GgufKeyValue& kv : metadata) {
    if (kv.key == key) return &kv;
  }
  return nullptr;
}

absl::StatusOr<GgufFile> ReadGguf(absl::Span<const std::byte> bytes, absl::string_view what) {
  return Reader({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, what).Read();
}

}  // namespace concord::loader

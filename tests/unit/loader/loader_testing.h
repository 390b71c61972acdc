#pragma once

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "absl/types/span.h"
#include "runtime/loader/model_source.h"

namespace concord::loader {

// A folder of its own for a test, removed at its end.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "concord-loader-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string Write(const std::string& name, const std::string& bytes) const {
    std::ofstream(path_ + "/" + name, std::ios::binary) << bytes;
    return path_ + "/" + name;
  }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }
  size_t file_count() const {
    size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(path_)) ++count;
    return count;
  }

 private:
  std::string path_;
};

inline std::string ReadAll(const std::string& path) {
  std::ostringstream out;
  out << std::ifstream(path, std::ios::binary).rdbuf();
  return out.str();
}

// Bytes of a file, put together by hand: the tests do not rely on the writer that they test.
class ByteString {
 public:
  template <typename T>
  ByteString& Put(T value) {
    char bytes[sizeof(T)];
    std::memcpy(bytes, &value, sizeof(T));
    bytes_.append(bytes, sizeof(T));
    return *this;
  }
  ByteString& U8(uint8_t v) { return Put(v); }
  ByteString& U32(uint32_t v) { return Put(v); }
  ByteString& U64(uint64_t v) { return Put(v); }
  ByteString& Raw(const std::string& text) {
    bytes_ += text;
    return *this;
  }
  ByteString& Str(const std::string& text) { return U64(text.size()).Raw(text); }
  ByteString& PadTo(size_t alignment) {
    while (bytes_.size() % alignment != 0) bytes_.push_back('\0');
    return *this;
  }
  const std::string& str() const { return bytes_; }

 private:
  std::string bytes_;
};

// A GGUF file in parts that a test can spoil one by one.
struct GgufParts {
  struct Tensor {
    std::string name;
    std::vector<uint64_t> ne;
    uint32_t type = 0;
    uint64_t offset = 0;
  };
  std::string magic = "GGUF";
  uint32_t version = 3;
  std::vector<std::string> kvs;  // encoded
  std::vector<Tensor> tensors;
  std::string data;
  uint64_t extra_tensors = 0, extra_kvs = 0;  // said but not there
  size_t alignment = 32;

  static std::string Kv(const std::string& key, uint32_t type, const std::string& value) {
    return ByteString().Str(key).U32(type).Raw(value).str();
  }
  static std::string StringKv(const std::string& key, const std::string& value) {
    return Kv(key, 8, ByteString().Str(value).str());
  }
  static std::string U32Kv(const std::string& key, uint32_t value) { return Kv(key, 4, ByteString().U32(value).str()); }

  std::string Encode() const {
    ByteString out;
    out.Raw(magic).U32(version).U64(tensors.size() + extra_tensors).U64(kvs.size() + extra_kvs);
    for (const std::string& kv : kvs) out.Raw(kv);
    for (const Tensor& t : tensors) {
      out.Str(t.name).U32(static_cast<uint32_t>(t.ne.size()));
      for (uint64_t dim : t.ne) out.U64(dim);
      out.U32(t.type).U64(t.offset);
    }
    return out.PadTo(alignment).Raw(data).str();
  }
};

// A small valid file: two tensors (f32 [2, 3] and q8_0 [1, 32]) and a few settings.
inline GgufParts SmallGguf() {
  GgufParts parts;
  parts.kvs = {GgufParts::StringKv("general.architecture", "llama"),
               GgufParts::U32Kv("llama.block_count", 2),
               GgufParts::Kv("llama.scale", 6, ByteString().Put(1.5f).str()),
               GgufParts::Kv("llama.flag", 7, ByteString().U8(1).str()),
               GgufParts::Kv("llama.list", 9, ByteString().U32(5).U64(3).Put(-1).Put(2).Put(3).str()),
               GgufParts::StringKv("tokenizer.ggml.model", "gpt2"),
               GgufParts::Kv("tokenizer.ggml.tokens", 9, ByteString().U32(8).U64(2).Str("a").Str("\xC4\xA0").str())};
  parts.tensors = {{"a.weight", {3, 2}, 0, 0}, {"b.weight", {32, 1}, 8, 32}};
  ByteString data;
  for (int i = 0; i < 6; ++i) data.Put(static_cast<float>(i) + 0.5f);
  data.PadTo(32).Raw(std::string(34, '\x11'));
  parts.data = data.str();
  return parts;
}

// The bytes in a heap block of exactly their size, so that a sanitizer sees the first byte read beyond it.
struct ExactBytes {
  explicit ExactBytes(const std::string& text) : bytes(new std::byte[text.size()]), size(text.size()) {
    std::memcpy(bytes.get(), text.data(), size);
  }
  absl::Span<const std::byte> span() const { return {bytes.get(), size}; }
  std::unique_ptr<std::byte[]> bytes;
  size_t size;
};

// Reads everything that a source hands out, as its users would.
inline size_t Touch(const ModelSource& source) {
  size_t sum = source.name().size() + source.chat_template().size();
  for (const Tensor& tensor : source.tensors()) {
    for (int64_t i = 0; i < tensor.size_bytes; ++i) sum += static_cast<size_t>(tensor.data[i]);
  }
  for (const auto& [key, value] : source.metadata()) sum += key.size() + value.size();
  for (const GgufEntry& entry : source.gguf_entries()) {
    for (char c : entry.value) sum += static_cast<unsigned char>(c);
  }
  return sum;
}

inline absl::Status OpenBytes(const std::string& text, const OpenOptions& options = {}) {
  const ExactBytes bytes(text);
  const auto source = OpenMemory(bytes.span(), "test.gguf", options);
  if (source.ok()) Touch(**source);
  return source.status();
}

inline std::string Message(const absl::Status& status) { return std::string(status.message()); }

}  // namespace concord::loader

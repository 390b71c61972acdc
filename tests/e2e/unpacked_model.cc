#include "tests/e2e/unpacked_model.h"

#include <gtest/gtest.h>

#include <vector>

#include "runtime/loader/gguf_writer.h"
#include "runtime/loader/model_source.h"

namespace concord::e2e {

void WriteUnpacked(const std::string& from, const std::string& to, const char* packed, const char* plain) {
  const auto source = loader::Open(from);
  ASSERT_TRUE(source.ok()) << source.status();
  const packing::Packing& type = *packing::Find(plain);
  loader::GgufWriter writer;
  for (const loader::GgufEntry& entry : (*source)->gguf_entries()) {
    writer.SetRaw(entry.key, entry.value_type, entry.value);
  }
  std::vector<std::string> data;
  for (const loader::Tensor& tensor : (*source)->tensors()) {
    const bool decode = tensor.type == packing::Find(packed);
    std::string& bytes = data.emplace_back(reinterpret_cast<const char*>(tensor.data), tensor.size_bytes);
    if (decode) {
      const int64_t blocks = tensor.size_bytes / tensor.type->block_bytes, elems = blocks * tensor.type->block_elems;
      std::vector<float> values(elems);
      tensor.type->decode(tensor.data, blocks, values.data());
      bytes.resize(type.Bytes(elems));
      ASSERT_TRUE(type.encode(values.data(), elems, bytes.data()));
    }
    ASSERT_TRUE(writer.AddTensor(tensor.name, decode ? type : *tensor.type, tensor.dims).ok());
  }
  ASSERT_TRUE(writer.Open(to).ok());
  for (const std::string& bytes : data) {
    ASSERT_TRUE(writer.Append({reinterpret_cast<const std::byte*>(bytes.data()), bytes.size()}).ok());
  }
  ASSERT_TRUE(writer.Finish().ok());
}

}  // namespace concord::e2e

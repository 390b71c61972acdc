// A safetensors file to its tensors, and every byte that they claim.
// libFuzzer: -max_len=4096
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/types/span.h"
#include "runtime/loader/safetensors.h"

namespace {

void Read(absl::Span<const std::byte> bytes) {
  const auto tensors = concord::loader::ReadSafetensors(bytes, "fuzz");
  if (!tensors.ok()) return;
  volatile uint64_t sum = 0;
  for (const concord::loader::Tensor& tensor : *tensors) {
    for (int64_t i = 0; i < tensor.size_bytes; ++i) sum = sum + static_cast<uint8_t>(tensor.data[i]);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Read({reinterpret_cast<const std::byte*>(data), size});
  // The same as a header of the right length with some data, which random bytes would hardly ever get to.
  std::string file(8, '\0');
  const uint64_t length = size;
  __builtin_memcpy(file.data(), &length, sizeof(length));
  file.append(reinterpret_cast<const char*>(data), size);
  file.append(size % 32, 'x');
  Read({reinterpret_cast<const std::byte*>(file.data()), file.size()});
  return 0;
}

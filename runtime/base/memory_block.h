#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "runtime/base/status.h"

namespace concord {

// A large block of zeroed memory from the kernel, page-aligned; given back when destroyed.
class MemoryBlock {
 public:
  // ResourceExhausted when the machine has less than that available: the kernel would grant it all the same and kill
  // the process later, when the pages are touched. `what` names the need in messages.
  static absl::StatusOr<std::shared_ptr<MemoryBlock>> Allocate(int64_t size_bytes, absl::string_view what);
  ~MemoryBlock();
  MemoryBlock(const MemoryBlock&) = delete;
  MemoryBlock& operator=(const MemoryBlock&) = delete;

  std::byte* data() { return data_; }
  const std::byte* data() const { return data_; }
  int64_t size_bytes() const { return size_bytes_; }
  // From now on a write is a fault.
  void Freeze();

  // What the machine can still give without swapping; -1 when it does not say.
  static int64_t AvailableBytes();

 private:
  MemoryBlock(std::byte* data, int64_t size_bytes) : data_(data), size_bytes_(size_bytes) {}

  std::byte* data_;
  int64_t size_bytes_;
};

}  // namespace concord

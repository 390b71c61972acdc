#pragma once

#include <cstdint>

#include "backends/sdk/sdk.h"

namespace concord::gpu {

// Memory of a device, or staging memory; a backend derives the one of its API.
class Buffer : public sdk::Buffer {
 public:
  explicit Buffer(uint64_t size_bytes) : size_(size_bytes) {}

  uint64_t size() const { return size_; }
  sdk::Status CheckRange(uint64_t offset_bytes, uint64_t size_bytes) const {
    if (offset_bytes <= size_ && size_bytes <= size_ - offset_bytes) return sdk::Ok();
    return sdk::Error(CONCORD_OUT_OF_RANGE, "bytes ", offset_bytes, " + ", size_bytes, " of a buffer of ", size_);
  }

 private:
  uint64_t size_;
};

inline Buffer* BufferOf(concord_buffer* handle) { return static_cast<Buffer*>(sdk::ObjectOf(handle)); }

}  // namespace concord::gpu

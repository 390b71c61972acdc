#pragma once

#include <cstdint>

#include "absl/types/span.h"
#include "runtime/base/status.h"
#include "runtime/hal/handle.h"

namespace concord::hal {

// Memory that a device can use.
class Buffer : public Handle<concord_buffer, &concord_plugin_api::buffer_destroy> {
 public:
  Buffer() = default;
  Buffer(std::shared_ptr<const Device> device, const concord_plugin_api* api, concord_buffer* handle,
         uint64_t size_bytes)
      : Handle(std::move(device), api, handle), size_bytes_(size_bytes) {}

  uint64_t size_bytes() const { return size_bytes_; }

  // Host address of a range (to the end when size_bytes is UINT64_MAX); UNIMPLEMENTED where it is not host-visible.
  absl::StatusOr<void*> Map(uint32_t access, uint64_t offset_bytes = 0, uint64_t size_bytes = UINT64_MAX) const;
  void Unmap() const;
  // Makes host writes to a mapped range visible to the device, and device writes to the host.
  absl::Status Flush(uint64_t offset_bytes = 0, uint64_t size_bytes = UINT64_MAX) const;

  // Copies through a mapping: map, copy, flush, unmap. For host-visible buffers.
  absl::Status Write(uint64_t offset_bytes, absl::Span<const char> bytes) const;
  absl::Status Read(uint64_t offset_bytes, absl::Span<char> bytes) const;

  // The binding of a range to a slot (offset and size as in Map).
  concord_binding Bind(uint32_t slot, int32_t role, uint64_t offset_bytes = 0, uint64_t size_bytes = UINT64_MAX) const;

 private:
  uint64_t Size(uint64_t offset_bytes, uint64_t size_bytes) const {
    if (size_bytes != UINT64_MAX) return size_bytes;
    return offset_bytes < size_bytes_ ? size_bytes_ - offset_bytes : 0;
  }

  uint64_t size_bytes_ = 0;
};

}  // namespace concord::hal

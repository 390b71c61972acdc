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
         uint64_t size_bytes, bool host_visible)
      : Handle(std::move(device), api, handle), size_bytes_(size_bytes), host_visible_(host_visible) {}

  uint64_t size_bytes() const { return size_bytes_; }
  // Whether Map works: on every buffer of a device with CONCORD_DEVICE_HOST_MEMORY, elsewhere on staging buffers.
  bool host_visible() const { return host_visible_; }

  // Host address of a range (to the end when size_bytes is UINT64_MAX); UNIMPLEMENTED where it is not host-visible.
  absl::StatusOr<void*> Map(uint32_t access, uint64_t offset_bytes = 0, uint64_t size_bytes = UINT64_MAX) const;
  void Unmap() const;
  // Makes host writes to a mapped range visible to the device, and device writes to the host.
  absl::Status Flush(uint64_t offset_bytes = 0, uint64_t size_bytes = UINT64_MAX) const;

  // Copies, and returns when it is done: through a mapping where the buffer is host-visible, else piece by piece
  // through staging memory of the device and its queue 0. No unfinished work may use the range. Any thread.
  absl::Status Write(uint64_t offset_bytes, absl::Span<const char> bytes) const;
  absl::Status Read(uint64_t offset_bytes, absl::Span<char> bytes) const;

  // The binding of a range to a slot (offset and size as in Map).
  concord_binding Bind(uint32_t slot, int32_t role, uint64_t offset_bytes = 0, uint64_t size_bytes = UINT64_MAX) const;

 private:
  uint64_t Size(uint64_t offset_bytes, uint64_t size_bytes) const {
    if (size_bytes != UINT64_MAX) return size_bytes;
    return offset_bytes < size_bytes_ ? size_bytes_ - offset_bytes : 0;
  }

  absl::Status CheckRange(uint64_t offset_bytes, uint64_t size_bytes) const;

  uint64_t size_bytes_ = 0;
  bool host_visible_ = false;
};

}  // namespace concord::hal

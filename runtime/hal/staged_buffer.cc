#include "runtime/hal/staged_buffer.h"

#include <utility>

#include "runtime/hal/device.h"

namespace concord::hal {

absl::StatusOr<std::unique_ptr<StagedBuffer>> StagedBuffer::Create(Buffer buffer, uint32_t access) {
  auto staged = std::unique_ptr<StagedBuffer>(new StagedBuffer);
  staged->buffer_ = std::move(buffer);
  if (!staged->buffer_.host_visible()) {
    CONCORD_ASSIGN_OR_RETURN(
        staged->twin_, staged->buffer_.device().CreateBuffer(staged->buffer_.size_bytes(), CONCORD_BUFFER_STAGING));
  }
  CONCORD_ASSIGN_OR_RETURN(void* data, staged->visible().Map(access));
  staged->data_ = static_cast<char*>(data);
  return staged;
}

StagedBuffer::~StagedBuffer() {
  if (data_ != nullptr) visible().Unmap();
}

absl::Status StagedBuffer::Copy(const Buffer& source, const Buffer& target, uint64_t bytes, Chain* chain) const {
  const concord_point wait = chain->last(), signal = chain->next();
  CONCORD_RETURN_IF_ERROR(buffer_.device().Copy(
      {.source = &source, .target = &target, .size_bytes = bytes, .waits = {&wait, 1}, .signals = {&signal, 1}}));
  chain->Advance();
  return absl::OkStatus();
}

absl::Status StagedBuffer::ToDevice(uint64_t bytes, Chain* chain) const {
  CONCORD_RETURN_IF_ERROR(visible().Flush(0, bytes));
  return in_place() || bytes == 0 ? absl::OkStatus() : Copy(twin_, buffer_, bytes, chain);
}

absl::Status StagedBuffer::ToHost(uint64_t bytes, Chain* chain) const {
  return in_place() || bytes == 0 ? absl::OkStatus() : Copy(buffer_, twin_, bytes, chain);
}

}  // namespace concord::hal

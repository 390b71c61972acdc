#include "runtime/hal/staged_buffer.h"

#include <utility>

#include "absl/container/inlined_vector.h"
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

absl::Status StagedBuffer::Copy(const Buffer& source, const Buffer& target, uint64_t bytes,
                                absl::Span<const concord_point> after, uint32_t queue_index, Chain* chain) const {
  absl::InlinedVector<concord_point, 4> waits(after.begin(), after.end());
  waits.push_back(chain->last());
  const concord_point signal = chain->next();
  CONCORD_RETURN_IF_ERROR(buffer_.device().Copy({.source = &source,
                                                 .target = &target,
                                                 .size_bytes = bytes,
                                                 .waits = waits,
                                                 .signals = {&signal, 1},
                                                 .queue_index = queue_index}));
  chain->Advance();
  return absl::OkStatus();
}

absl::Status StagedBuffer::ToDevice(uint64_t bytes, absl::Span<const concord_point> after, uint32_t queue_index,
                                    Chain* chain) const {
  CONCORD_RETURN_IF_ERROR(visible().Flush(0, bytes));
  return in_place() || bytes == 0 ? absl::OkStatus() : Copy(twin_, buffer_, bytes, after, queue_index, chain);
}

absl::Status StagedBuffer::ToHost(uint64_t bytes, absl::Span<const concord_point> after, uint32_t queue_index,
                                  Chain* chain) const {
  return in_place() || bytes == 0 ? absl::OkStatus() : Copy(buffer_, twin_, bytes, after, queue_index, chain);
}

}  // namespace concord::hal

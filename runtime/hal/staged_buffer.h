#pragma once

#include <cstdint>
#include <memory>

#include "absl/types/span.h"
#include "runtime/base/status.h"
#include "runtime/hal/buffer.h"
#include "runtime/hal/chain.h"

namespace concord::hal {

// Device memory with an address for the host, for what crosses in every step: inputs, logits. Where the device's
// buffers are host memory both sides use the same bytes and nothing is copied; elsewhere the host has a staging twin,
// and ToDevice and ToHost put copies between the two into a queue. After Create nothing is allocated. One thread.
class StagedBuffer {
 public:
  // Takes over a buffer of the device. `access`: CONCORD_MAP_* that the host needs.
  static absl::StatusOr<std::unique_ptr<StagedBuffer>> Create(Buffer buffer, uint32_t access);
  ~StagedBuffer();
  StagedBuffer(const StagedBuffer&) = delete;
  StagedBuffer& operator=(const StagedBuffer&) = delete;

  const Buffer& buffer() const { return buffer_; }  // what programs bind
  char* data() const { return data_; }              // what the host reads and writes
  bool in_place() const { return !twin_; }

  // Gives the first `bytes` bytes, which the host has written, to the work that follows in `chain`, once `after` has
  // been reached. The host leaves them alone until that has run.
  absl::Status ToDevice(uint64_t bytes, absl::Span<const concord_point> after, uint32_t queue_index,
                        Chain* chain) const;
  absl::Status ToDevice(uint64_t bytes, Chain* chain) const { return ToDevice(bytes, {}, 0, chain); }
  // Gives the first `bytes` bytes, as the chain's work and `after` leave them, to the host: they are there after
  // chain->Wait() and then Arrived().
  absl::Status ToHost(uint64_t bytes, absl::Span<const concord_point> after, uint32_t queue_index, Chain* chain) const;
  absl::Status ToHost(uint64_t bytes, Chain* chain) const { return ToHost(bytes, {}, 0, chain); }
  absl::Status Arrived(uint64_t bytes) const { return visible().Flush(0, bytes); }

 private:
  StagedBuffer() = default;
  const Buffer& visible() const { return in_place() ? buffer_ : twin_; }
  absl::Status Copy(const Buffer& source, const Buffer& target, uint64_t bytes, absl::Span<const concord_point> after,
                    uint32_t queue_index, Chain* chain) const;

  Buffer buffer_;
  Buffer twin_;  // empty: in place
  char* data_ = nullptr;
};

}  // namespace concord::hal

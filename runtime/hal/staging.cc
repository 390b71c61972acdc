#include "runtime/hal/staging.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include "runtime/hal/device.h"

namespace concord::hal {
namespace {

constexpr uint64_t kMinBytes = 64 << 10;

// For what the device owns itself: a pointer that keeps nothing alive, since a counted one would be a cycle.
std::shared_ptr<const Device> Uncounted(const Device& device) {
  return std::shared_ptr<const Device>(std::shared_ptr<const Device>(), &device);
}

}  // namespace

Staging::~Staging() { Release(); }

void Staging::Trim() {
  std::lock_guard<std::mutex> lock(mutex_);
  Release();
}

void Staging::Release() {
  if (address_ != nullptr) memory_.Unmap();
  address_ = nullptr;
  memory_ = Buffer();
  done_ = Semaphore();
  value_ = 0;
}

absl::Status Staging::Reserve(uint64_t bytes) {
  if (address_ != nullptr && memory_.size_bytes() >= bytes) return absl::OkStatus();
  Release();
  uint64_t size = kMinBytes;
  while (size < bytes) size *= 2;
  CONCORD_ASSIGN_OR_RETURN(done_, device_.MakeSemaphore(Uncounted(device_), 0));
  CONCORD_ASSIGN_OR_RETURN(memory_, device_.MakeBuffer(Uncounted(device_), size, CONCORD_BUFFER_STAGING, 64));
  CONCORD_ASSIGN_OR_RETURN(void* address, memory_.Map(CONCORD_MAP_READ | CONCORD_MAP_WRITE));
  address_ = static_cast<char*>(address);
  return absl::OkStatus();
}

absl::Status Staging::CopyAndWait(CopyArgs args) {
  const concord_point done = done_.At(value_ + 1);
  args.signals = {&done, 1};
  CONCORD_RETURN_IF_ERROR(device_.Copy(args));
  ++value_;
  absl::Status status = done_.Wait(value_);
  // A semaphore that has failed stays so: the next transfer begins with a new one.
  if (!status.ok()) Release();
  return status;
}

absl::Status Staging::Write(const Buffer& target, uint64_t offset_bytes, absl::Span<const char> bytes) {
  const Device::Scope scope(device_, "copy to the device", bytes.size());
  std::lock_guard<std::mutex> lock(mutex_);
  while (!bytes.empty()) {
    const uint64_t n = std::min<uint64_t>(bytes.size(), kMaxBytes);
    CONCORD_RETURN_IF_ERROR(Reserve(n));
    std::memcpy(address_, bytes.data(), n);
    CONCORD_RETURN_IF_ERROR(memory_.Flush(0, n));
    CONCORD_RETURN_IF_ERROR(
        CopyAndWait({.source = &memory_, .target = &target, .target_offset_bytes = offset_bytes, .size_bytes = n}));
    offset_bytes += n;
    bytes.remove_prefix(n);
  }
  return absl::OkStatus();
}

absl::Status Staging::Read(const Buffer& source, uint64_t offset_bytes, absl::Span<char> bytes) {
  const Device::Scope scope(device_, "copy to the host", bytes.size());
  std::lock_guard<std::mutex> lock(mutex_);
  while (!bytes.empty()) {
    const uint64_t n = std::min<uint64_t>(bytes.size(), kMaxBytes);
    CONCORD_RETURN_IF_ERROR(Reserve(n));
    CONCORD_RETURN_IF_ERROR(
        CopyAndWait({.source = &source, .target = &memory_, .source_offset_bytes = offset_bytes, .size_bytes = n}));
    CONCORD_RETURN_IF_ERROR(memory_.Flush(0, n));
    std::memcpy(bytes.data(), address_, n);
    offset_bytes += n;
    bytes.remove_prefix(n);
  }
  return absl::OkStatus();
}

}  // namespace concord::hal

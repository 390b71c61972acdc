#pragma once

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "backends/gpu/driver.h"
#include "backends/vulkan/adapter.h"
#include "backends/vulkan/api.h"
#include "backends/vulkan/clock.h"
#include "backends/vulkan/commands.h"
#include "backends/vulkan/kernels.h"
#include "backends/vulkan/memory.h"

namespace concord::vulkan {

// A VkDevice with a queue for compute and one for uploads (which may be the same). Submissions are the values of a
// timeline semaphore.
class VulkanDriver final : public gpu::Driver {
 public:
  // All outlive the driver.
  static sdk::Result<std::unique_ptr<VulkanDriver>> Open(const sdk::Host* host, const InstanceApi* instance,
                                                         const Adapter* adapter);
  ~VulkanDriver() override;

  const gpu::Limits& limits() const override { return adapter_->limits; }
  sdk::Result<std::unique_ptr<gpu::Buffer>> NewBuffer(int32_t usage, uint64_t size_bytes,
                                                      uint64_t align_bytes) override;
  sdk::Status Upload(gpu::Buffer& target, const void* data, uint64_t size_bytes) override;
  sdk::Result<const gpu::Kernel*> GetKernel(const gpu::KernelKey& key, uint32_t n_buffers, uint32_t n_words) override;
  sdk::Status MemoryStats(concord_memory_stats* out) override;
  uint64_t Fingerprint() override { return sdk::Hash(adapter_->fingerprint); }

  sdk::Status EnableTimes() override;
  sdk::Result<uint64_t> Now() override;
  double ns_per_tick() const override { return adapter_->ns_per_tick; }

 protected:
  sdk::Status LaunchDispatches(const gpu::Dispatch* dispatches, size_t count,
                               const gpu::Submission& submission) override;
  sdk::Status LaunchCopy(const gpu::BoundRange& from, const gpu::BoundRange& to,
                         const gpu::Submission& submission) override;
  sdk::Status LaunchFill(const gpu::BoundRange& to, uint32_t pattern, const gpu::Submission& submission) override;
  sdk::Status WaitLaunched(const gpu::Submission& submission, std::vector<gpu::Span>* spans) override;

 private:
  VulkanDriver(const InstanceApi* instance, const Adapter* adapter)
      : instance_(instance), adapter_(adapter), clock_(adapter->timestamp_bits) {}
  sdk::Status OpenDevice();
  sdk::Status OpenUploads();
  sdk::Result<VkSemaphore> NewTimeline();

  // Records into recycled commands what `record(Commands&)` says, with at most `most_times` times, and submits them.
  template <typename Record>
  sdk::Status RecordAndSubmit(const gpu::Submission& submission, size_t most_times, Record record);
  sdk::Result<std::unique_ptr<Commands>> TakeCommands();
  sdk::Status Submit(VkQueue queue, const Commands& commands, VkSemaphore signal, uint64_t value, bool after_uploads);
  sdk::Status WaitFor(VkSemaphore semaphore, uint64_t value);

  const InstanceApi* instance_;
  const Adapter* adapter_;
  VkDevice device_ = VK_NULL_HANDLE;
  DeviceApi api_;
  VkQueue compute_queue_ = VK_NULL_HANDLE, transfer_queue_ = VK_NULL_HANDLE;
  VkSemaphore launched_ = VK_NULL_HANDLE, uploaded_ = VK_NULL_HANDLE;  // timelines: submissions; uploads
  std::unique_ptr<Memory> memory_;
  std::unique_ptr<Kernels> kernels_;

  std::mutex queue_mutex_;  // both queues, which may be one, and the count of uploads
  uint64_t n_uploads_ = 0;

  std::mutex commands_mutex_;
  std::vector<std::pair<uint64_t, std::unique_ptr<Commands>>> running_;  // by number
  std::vector<std::unique_ptr<Commands>> free_;

  std::mutex clock_mutex_;              // one calibration at a time
  VkSemaphore asked_ = VK_NULL_HANDLE;  // timeline: submissions that ask for the time alone
  uint64_t n_asked_ = 0;
  Clock clock_;

  std::mutex upload_mutex_;  // one upload at a time
  std::unique_ptr<Commands> upload_commands_;
  std::unique_ptr<VulkanBuffer> upload_staging_;
};

}  // namespace concord::vulkan

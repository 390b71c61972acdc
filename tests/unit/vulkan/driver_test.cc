#include "backends/vulkan/driver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backends/gpu/kernel_variants.h"
#include "backends/vulkan/shaders.h"
#include "tests/unit/gpu/op_chain.h"

namespace concord::vulkan {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

// The functions of the machine's Vulkan, some of which stand-ins are for, and what they have seen.
struct Seen {
  PFN_vkGetDeviceProcAddr real = nullptr;
  PFN_vkWaitSemaphores wait = nullptr;
  PFN_vkGetSemaphoreCounterValue counter = nullptr;
  PFN_vkCreateShaderModule module = nullptr;
  uint64_t lost_in = UINT64_MAX;  // the submission that the device is lost in
  bool says_lost_of_all = false;  // also of those that had ended
  bool tells_time = true;
  std::vector<std::vector<uint32_t>> modules;
};
Seen* seen = nullptr;

VkResult VKAPI_PTR LostWait(VkDevice device, const VkSemaphoreWaitInfo* info, uint64_t timeout) {
  const VkResult result = seen->wait(device, info, timeout);
  const bool lost = seen->lost_in != UINT64_MAX && (seen->says_lost_of_all || info->pValues[0] >= seen->lost_in);
  return lost ? VK_ERROR_DEVICE_LOST : result;
}
VkResult VKAPI_PTR LostCounter(VkDevice device, VkSemaphore semaphore, uint64_t* value) {
  const VkResult result = seen->counter(device, semaphore, value);
  if (seen->lost_in != UINT64_MAX) *value = seen->lost_in - 1;
  return result;
}
VkResult VKAPI_PTR SeenModule(VkDevice device, const VkShaderModuleCreateInfo* info,
                              const VkAllocationCallbacks* allocator, VkShaderModule* out) {
  seen->modules.emplace_back(info->pCode, info->pCode + info->codeSize / 4);
  return seen->module(device, info, allocator, out);
}

template <typename Function>
PFN_vkVoidFunction StandIn(PFN_vkVoidFunction real, Function* kept, Function stand_in) {
  *kept = reinterpret_cast<Function>(real);
  return reinterpret_cast<PFN_vkVoidFunction>(stand_in);
}

PFN_vkVoidFunction VKAPI_PTR Find(VkDevice device, const char* name) {
  const PFN_vkVoidFunction real = seen->real(device, name);
  if (std::strcmp(name, "vkWaitSemaphores") == 0) return StandIn(real, &seen->wait, LostWait);
  if (std::strcmp(name, "vkGetSemaphoreCounterValue") == 0) return StandIn(real, &seen->counter, LostCounter);
  if (std::strcmp(name, "vkCreateShaderModule") == 0) return StandIn(real, &seen->module, SeenModule);
  if (std::strcmp(name, "vkGetCalibratedTimestampsEXT") == 0 && !seen->tells_time) return nullptr;
  return real;
}

class DriverTest : public ::testing::Test {
 protected:
  void SetUp() override {
    seen = &seen_;
    setenv("CONCORD_VULKAN_VALIDATION", "1", 1);
    sdk::Result<std::unique_ptr<InstanceApi>> api = InstanceApi::Create(host_.get());
    unsetenv("CONCORD_VULKAN_VALIDATION");
    if (!api.ok()) api = InstanceApi::Create(host_.get());  // the layer is not installed
    if (!api.ok()) GTEST_SKIP() << "no Vulkan loader (libvulkan1): " << api.status().message;
    api_ = std::move(*api);
    seen_.real = api_->vkGetDeviceProcAddr;
    api_->vkGetDeviceProcAddr = Find;
    std::vector<std::string> refused;
    sdk::Result<std::vector<Adapter>> adapters = Adapter::FindAll(*api_, &refused);
    if (!adapters.ok() || adapters->empty()) GTEST_SKIP() << "no Vulkan device (mesa-vulkan-drivers)";
    adapter_ = (*adapters)[0];
  }
  void TearDown() override {
    unsetenv("CONCORD_GPU_CHECK");
    EXPECT_THAT(host_.warnings(), IsEmpty());
  }

  std::unique_ptr<VulkanDriver> Open() {
    sdk::Result<std::unique_ptr<VulkanDriver>> driver = VulkanDriver::Open(host_.get(), api_.get(), &adapter_);
    EXPECT_TRUE(driver.ok()) << driver.status().message;
    return std::move(*driver);
  }
  std::unique_ptr<gpu::Device> OpenDevice() { return std::make_unique<gpu::Device>(host_.get(), &scheduler_, Open()); }
  bool Made(const char* kernel, uint32_t features) const {
    const Shader* shader = FindShader(kernel, features);
    return shader != nullptr && std::any_of(seen_.modules.begin(), seen_.modules.end(), [&](const auto& words) {
             return words.size() * 4 == shader->size_bytes &&
                    std::memcmp(words.data(), shader->words, shader->size_bytes) == 0;
           });
  }

  Seen seen_;
  gpu::TestHost host_;
  sdk::AsyncScheduler scheduler_;
  std::unique_ptr<InstanceApi> api_;
  Adapter adapter_;
};

// Submission 1 fills x; the 200 ops go in 64s.
TEST_F(DriverTest, ALostDeviceNamesTheOpsThatItMayHaveBeenLostIn) {
  const std::unique_ptr<gpu::Device> device = OpenDevice();
  gpu::OpChain chain(device.get(), 200);
  ASSERT_TRUE(chain.FillX(1).ok());
  seen_.says_lost_of_all = true;
  seen_.lost_in = 4;
  const sdk::Status status = chain.Run();
  EXPECT_EQ(status.code, CONCORD_UNAVAILABLE);
  EXPECT_EQ(status.vendor_code, VK_ERROR_DEVICE_LOST);
  EXPECT_THAT(status.message, HasSubstr("in ops 128 (scale, layers.128) to 191 (scale, layers.191)"));
  EXPECT_THAT(status.message, HasSubstr("open it again"));
  EXPECT_THAT(status.message, HasSubstr("CONCORD_GPU_CHECK=ops"));
  EXPECT_LT(status.message.size(), sizeof(concord_error{}.message));
  // What is asked for once the device answers again is done.
  seen_.lost_in = UINT64_MAX;
  ASSERT_TRUE(chain.Run().ok() && chain.CopyY().ok());
  EXPECT_EQ(chain.Y(), 1.0f);
}

TEST_F(DriverTest, WhenOpsAreCheckedALostDeviceNamesTheOp) {
  setenv("CONCORD_GPU_CHECK", "ops", 1);
  const std::unique_ptr<gpu::Device> device = OpenDevice();
  gpu::OpChain chain(device.get(), 21);
  ASSERT_TRUE(chain.FillX(1).ok());
  seen_.lost_in = 2 + 13;
  const sdk::Status status = chain.Run();
  EXPECT_EQ(status.code, CONCORD_UNAVAILABLE);
  EXPECT_EQ(status.op_index, 13u);
  seen_.lost_in = UINT64_MAX;
  ASSERT_TRUE(chain.Run().ok() && chain.CopyY().ok());
  EXPECT_EQ(chain.Y(), 2.0f);
}

TEST_F(DriverTest, WhatTheDeviceDidCanBeTraced) {
  if (adapter_.timestamp_bits == 0) GTEST_SKIP() << "the device has no clock";
  for (const bool tells_time : {true, false}) {
    SCOPED_TRACE(tells_time);
    seen_.tells_time = tells_time;
    const std::unique_ptr<gpu::Device> device = OpenDevice();
    gpu::OpChain chain(device.get(), 150);
    gpu::ExpectTrace(device.get(), *host_.get(), &chain);
  }
}

TEST_F(DriverTest, WithoutAClockTracingIsRefused) {
  adapter_.timestamp_bits = 0;
  EXPECT_EQ(OpenDevice()->SetTraceEnabled(true).code, CONCORD_UNIMPLEMENTED);
}

TEST_F(DriverTest, HalvesAreUsedWhereTheDeviceComputesWithThem) {
  const gpu::KernelKey key{"linear_mat_f16.f16",
                           {{"WG", 64}, {"BM", 32}, {"BN", 32}, {"WHOLE_UNITS", 1}, {"HAS_BIAS", 0}}};
  adapter_.limits.has_fp16 = false;
  ASSERT_TRUE(Open()->GetKernel(key, 5, 8).ok());
  EXPECT_TRUE(Made("linear_mat_f16.f16", 0));
  EXPECT_FALSE(Made("linear_mat_f16.f16", gpu::kFp16));
  SetUp();
  if (!adapter_.limits.has_fp16) GTEST_SKIP() << "the device does not compute with halves";
  ASSERT_TRUE(Open()->GetKernel(key, 5, 8).ok());
  EXPECT_TRUE(Made("linear_mat_f16.f16", gpu::kFp16));
}

TEST(Clock, GrowsOverTheEndOfItsBits) {
  Clock clock(36);
  const uint64_t turn = uint64_t{1} << 36;
  const uint64_t first = clock.Unwrap(turn - 100);
  EXPECT_EQ(clock.Unwrap(50), first + 150);
  EXPECT_EQ(clock.Unwrap(turn - 10), first + 90);  // measured before, read behind
  EXPECT_EQ(clock.Unwrap(60), first + 160);
  EXPECT_EQ(Clock(64).Unwrap(UINT64_MAX), UINT64_MAX);
}

}  // namespace
}  // namespace concord::vulkan

#include "backends/opencl/driver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "tests/unit/gpu/op_chain.h"

namespace concord::opencl {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

// The functions of the machine's OpenCL, some of which a test has replaced, and what they have seen.
struct Seen {
  Api real;
  int buffers = 0, sources = 0;   // living memory objects; programs made from source
  int waits = 0, lost_after = 0;  // since the device was to be lost, and how many it still answers
};
Seen* seen = nullptr;

cl_mem CL_API_CALL CountedBuffer(cl_context context, cl_mem_flags flags, size_t size, void* host, cl_int* result) {
  ++seen->buffers;
  return seen->real.clCreateBuffer(context, flags, size, host, result);
}
cl_int CL_API_CALL CountedRelease(cl_mem buffer) {
  --seen->buffers;
  return seen->real.clReleaseMemObject(buffer);
}
cl_program CL_API_CALL CountedSource(cl_context context, cl_uint n, const char** texts, const size_t* sizes,
                                     cl_int* result) {
  ++seen->sources;
  return seen->real.clCreateProgramWithSource(context, n, texts, sizes, result);
}
cl_int CL_API_CALL NoMemory(cl_command_queue, cl_mem, const void*, size_t, size_t, size_t, cl_uint, const cl_event*,
                            cl_event*) {
  return CL_MEM_OBJECT_ALLOCATION_FAILURE;
}
cl_int CL_API_CALL Lost(cl_uint n, const cl_event* events) {
  (void)seen->real.clWaitForEvents(n, events);
  return ++seen->waits > seen->lost_after ? CL_OUT_OF_RESOURCES : CL_SUCCESS;
}
cl_program CL_API_CALL Foreign(cl_context, cl_uint, const cl_device_id*, const size_t*, const unsigned char**, cl_int*,
                               cl_int* result) {
  *result = CL_INVALID_BINARY;
  return nullptr;
}
cl_int CL_API_CALL NoSubgroups(cl_program program, cl_uint n, const cl_device_id* devices, const char* options,
                               void(CL_CALLBACK* notify)(cl_program, void*), void* data) {
  if (std::strstr(options, "SUBGROUPS") != nullptr) return CL_BUILD_PROGRAM_FAILURE;
  return seen->real.clBuildProgram(program, n, devices, options, notify, data);
}

class DriverTest : public ::testing::Test {
 protected:
  void SetUp() override {
    seen = &seen_;
    std::string folder = ::testing::TempDir() + "opencl_driver_test_XXXXXX";
    ASSERT_NE(mkdtemp(folder.data()), nullptr);
    cache_ = folder;
    setenv("CONCORD_CACHE_DIR", cache_.c_str(), 1);
    sdk::Result<std::unique_ptr<Api>> api = Api::Create(host_.get());
    if (!api.ok())
      GTEST_SKIP() << "no OpenCL loader with a driver (ocl-icd, pocl-opencl-icd): " << api.status().message;
    api_ = std::move(*api);
    seen_.real = *api_;
    api_->clCreateBuffer = CountedBuffer;
    api_->clReleaseMemObject = CountedRelease;
    api_->clCreateProgramWithSource = CountedSource;
    std::vector<std::string> refused;
    sdk::Result<std::vector<Adapter>> adapters = Adapter::FindAll(*api_, &refused);
    if (!adapters.ok() || adapters->empty())
      GTEST_SKIP() << "no OpenCL device (pocl-opencl-icd): " << adapters.status().message;
    adapter_ = (*adapters)[0];
  }
  void TearDown() override {
    if (!cache_.empty()) std::filesystem::remove_all(cache_);
  }

  std::unique_ptr<OpenClDriver> Open() {
    sdk::Result<std::unique_ptr<OpenClDriver>> driver = OpenClDriver::Open(host_.get(), api_.get(), &adapter_);
    EXPECT_TRUE(driver.ok()) << driver.status().message;
    return std::move(*driver);
  }
  static std::unique_ptr<gpu::Buffer> New(OpenClDriver& driver, int32_t usage, uint64_t size) {
    sdk::Result<std::unique_ptr<gpu::Buffer>> buffer = driver.NewBuffer(usage, size, 1);
    EXPECT_TRUE(buffer.ok()) << buffer.status().message;
    return std::move(*buffer);
  }
  static sdk::Status Fill(OpenClDriver& driver, gpu::Buffer& target, uint64_t offset, uint64_t size, uint64_t ticket) {
    sdk::Work work;
    work.kind = sdk::Work::Kind::kFill;
    work.fill.target = reinterpret_cast<concord_buffer*>(static_cast<sdk::Buffer*>(&target));
    work.fill.offset_bytes = offset;
    work.fill.size_bytes = size;
    work.fill.pattern = 0x01020304;
    return driver.Launch(work, ticket);
  }
  static const gpu::KernelKey& Norm() {
    static const gpu::KernelKey key{"norm",
                                    {{"WG", 32}, {"KIND", 0}, {"HAS_ADDEND", 0}, {"HAS_WEIGHT", 0}, {"HAS_BIAS", 0}}};
    return key;
  }

  Seen seen_;
  std::string cache_;
  gpu::TestHost host_;
  std::unique_ptr<Api> api_;
  Adapter adapter_;
};

TEST_F(DriverTest, MemoryThatADriverRefusesLateIsRefusedAtOnce) {
  {
    std::unique_ptr<OpenClDriver> driver = Open();
    const int before = seen_.buffers;
    api_->clEnqueueFillBuffer = NoMemory;
    sdk::Result<std::unique_ptr<gpu::Buffer>> buffer = driver->NewBuffer(CONCORD_BUFFER_DEVICE, 12345, 1);
    EXPECT_EQ(buffer.status().code, CONCORD_RESOURCE_EXHAUSTED);
    EXPECT_EQ(buffer.status().vendor_code, CL_MEM_OBJECT_ALLOCATION_FAILURE);
    EXPECT_THAT(buffer.status().message, HasSubstr("for 12345 bytes"));
    EXPECT_THAT(buffer.status().message, HasSubstr("use a smaller quantisation"));
    EXPECT_EQ(seen_.buffers, before);
    concord_memory_stats stats{};
    EXPECT_TRUE(driver->MemoryStats(&stats).ok());
    EXPECT_EQ(stats.used_bytes, 0u);
  }
  EXPECT_EQ(seen_.buffers, 0);
}

TEST_F(DriverTest, MoreMemoryThanThereIsNeverReachesTheDriver) {
  adapter_.memory_bytes = 1 << 20;
  std::unique_ptr<OpenClDriver> driver = Open();
  const std::unique_ptr<gpu::Buffer> half = New(*driver, CONCORD_BUFFER_DEVICE, 512 << 10);
  const int before = seen_.buffers;
  EXPECT_EQ(driver->NewBuffer(CONCORD_BUFFER_DEVICE, 512 << 10, 1).status().code, CONCORD_RESOURCE_EXHAUSTED);
  EXPECT_EQ(driver->NewBuffer(CONCORD_BUFFER_DEVICE, UINT64_MAX, 1).status().code, CONCORD_RESOURCE_EXHAUSTED);
  EXPECT_EQ(driver->NewBuffer(CONCORD_BUFFER_STAGING, UINT64_MAX, 1).status().code, CONCORD_RESOURCE_EXHAUSTED);
  EXPECT_EQ(seen_.buffers, before);
}

TEST_F(DriverTest, DeviceLostIsAnErrorOfTheTicket) {
  std::unique_ptr<OpenClDriver> driver = Open();
  const std::unique_ptr<gpu::Buffer> buffer = New(*driver, CONCORD_BUFFER_DEVICE, 64);
  ASSERT_TRUE(Fill(*driver, *buffer, 0, 64, 1).ok());
  api_->clWaitForEvents = Lost;
  const sdk::Status status = driver->Wait(1);
  EXPECT_EQ(status.code, CONCORD_UNAVAILABLE);
  EXPECT_EQ(status.vendor_code, CL_OUT_OF_RESOURCES);
  EXPECT_THAT(status.message, HasSubstr("open it again"));
}

TEST_F(DriverTest, ALostDeviceNamesTheOpsThatItMayHaveBeenLostIn) {
  sdk::AsyncScheduler scheduler;
  gpu::Device device(host_.get(), &scheduler, Open());
  gpu::OpChain chain(&device, 100);
  ASSERT_TRUE(chain.FillX(1).ok());
  seen_.lost_after = 1;
  api_->clWaitForEvents = Lost;
  const sdk::Status status = chain.Run();
  EXPECT_EQ(status.code, CONCORD_UNAVAILABLE);
  EXPECT_THAT(status.message, HasSubstr("in ops 64 (scale, layers.64) to 99 (scale, layers.99)"));
  EXPECT_LT(status.message.size(), sizeof(concord_error{}.message));
  api_->clWaitForEvents = seen_.real.clWaitForEvents;
  ASSERT_TRUE(chain.Run().ok() && chain.CopyY().ok());
  EXPECT_EQ(chain.Y(), 1.0f);
}

TEST_F(DriverTest, WhenOpsAreCheckedALostDeviceNamesTheOp) {
  setenv("CONCORD_GPU_CHECK", "ops", 1);
  sdk::AsyncScheduler scheduler;
  gpu::Device device(host_.get(), &scheduler, Open());
  unsetenv("CONCORD_GPU_CHECK");
  gpu::OpChain chain(&device, 21);
  ASSERT_TRUE(chain.FillX(1).ok());
  seen_.lost_after = 13;
  api_->clWaitForEvents = Lost;
  EXPECT_EQ(chain.Run().op_index, 13u);
  api_->clWaitForEvents = seen_.real.clWaitForEvents;
  ASSERT_TRUE(chain.Run().ok() && chain.CopyY().ok());
  EXPECT_EQ(chain.Y(), 2.0f);
}

TEST_F(DriverTest, WhatTheDeviceDidCanBeTraced) {
  sdk::AsyncScheduler scheduler;
  gpu::Device device(host_.get(), &scheduler, Open());
  gpu::OpChain chain(&device, 150);
  gpu::ExpectTrace(&device, *host_.get(), &chain);
}

TEST_F(DriverTest, AKernelIsRestoredFromDiskAndAForeignBinaryIsCompiledAnew) {
  ASSERT_TRUE(Open()->GetKernel(Norm(), 6, 4).ok());
  EXPECT_EQ(seen_.sources, 1);
  ASSERT_TRUE(Open()->GetKernel(Norm(), 6, 4).ok());
  EXPECT_EQ(seen_.sources, 1);
  api_->clCreateProgramWithBinary = Foreign;
  ASSERT_TRUE(Open()->GetKernel(Norm(), 6, 4).ok());
  EXPECT_EQ(seen_.sources, 2);
  EXPECT_THAT(host_.warnings(), SizeIs(0));
}

TEST_F(DriverTest, ARefusedVariantIsSaidOnceAndTheNextIsUsed) {
  adapter_.limits.subgroup_size = 8;
  adapter_.subgroups_standard = "CL3.0";
  api_->clBuildProgram = NoSubgroups;
  std::unique_ptr<OpenClDriver> driver = Open();
  ASSERT_TRUE(driver->GetKernel(Norm(), 6, 4).ok());
  ASSERT_TRUE(driver->GetKernel(Norm(), 6, 4).ok());
  ASSERT_THAT(host_.warnings(), SizeIs(1));
  EXPECT_THAT(host_.warnings()[0], HasSubstr("refuses kernel norm"));
  // One that does not reduce has no such variant, and nothing to say.
  ASSERT_TRUE(driver->GetKernel({"take_rows", {{"WG", 32}}}, 3, 3).ok());
  EXPECT_THAT(host_.warnings(), SizeIs(1));
}

TEST_F(DriverTest, AKernelThatNoVariantMakesSaysWhatTheCompilerSays) {
  std::unique_ptr<OpenClDriver> driver = Open();
  const sdk::Status status = driver->GetKernel({"norm", {{"WG", 32}}}, 6, 4).status();
  EXPECT_EQ(status.code, CONCORD_INTERNAL);
  EXPECT_THAT(status.message, HasSubstr("refuses kernel norm: clBuildProgram: CL_BUILD_PROGRAM_FAILURE (-11)"));
}

TEST_F(DriverTest, StagingMemoryIsFilledAndCopiedByWayOfTheDevice) {
  constexpr uint64_t kSize = 600 << 10;  // more than one piece, and no whole number of them
  std::unique_ptr<OpenClDriver> driver = Open();
  const std::unique_ptr<gpu::Buffer> from = New(*driver, CONCORD_BUFFER_STAGING, kSize);
  const std::unique_ptr<gpu::Buffer> to = New(*driver, CONCORD_BUFFER_STAGING, kSize);
  auto* const source = static_cast<unsigned char*>(*from->Map(0, kSize, CONCORD_MAP_WRITE));
  auto* const target = static_cast<unsigned char*>(*to->Map(0, kSize, CONCORD_MAP_WRITE));
  for (uint64_t i = 0; i < kSize; ++i) source[i] = static_cast<unsigned char>(i * 31 >> 4);
  std::memset(target, 0xaa, kSize);
  sdk::Work work;
  work.kind = sdk::Work::Kind::kCopy;
  work.copy.source = reinterpret_cast<concord_buffer*>(static_cast<sdk::Buffer*>(from.get()));
  work.copy.target = reinterpret_cast<concord_buffer*>(static_cast<sdk::Buffer*>(to.get()));
  work.copy.source_offset_bytes = 3;
  work.copy.target_offset_bytes = 5;
  work.copy.size_bytes = kSize - 8;
  ASSERT_TRUE(driver->Launch(work, 1).ok());
  ASSERT_TRUE(driver->Wait(1).ok());
  EXPECT_EQ(std::memcmp(source + 3, target + 5, kSize - 8), 0);
  EXPECT_EQ(target[4], 0xaa);
  EXPECT_EQ(target[kSize - 3], 0xaa);
  ASSERT_TRUE(Fill(*driver, *to, 4, kSize - 8, 2).ok());
  ASSERT_TRUE(driver->Wait(2).ok());
  EXPECT_EQ(target[4], 4);
  EXPECT_EQ(target[kSize - 5], 1);
  EXPECT_EQ(target[kSize - 3], 0xaa);
}

}  // namespace
}  // namespace concord::opencl

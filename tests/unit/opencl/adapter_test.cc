#include "backends/opencl/adapter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <string>
#include <vector>

namespace concord::opencl {
namespace {

using ::testing::HasSubstr;

// A machine with one platform and one device, which says what a test has it say.
struct Machine {
  std::map<cl_device_info, std::string> says;
  bool has_platform = true;

  template <typename T>
  void Say(cl_device_info what, T value) {
    says[what].assign(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  void SayText(cl_device_info what, const char* text) { says[what].assign(text, std::strlen(text) + 1); }
};
Machine* machine = nullptr;

cl_int CL_API_CALL DeviceInfo(cl_device_id, cl_device_info what, size_t size, void* value, size_t* needs) {
  const auto found = machine->says.find(what);
  if (found == machine->says.end()) return CL_INVALID_VALUE;
  if (needs != nullptr) *needs = found->second.size();
  if (value == nullptr) return CL_SUCCESS;
  if (size < found->second.size()) return CL_INVALID_VALUE;
  std::memcpy(value, found->second.data(), found->second.size());
  return CL_SUCCESS;
}
cl_int CL_API_CALL PlatformInfo(cl_platform_id, cl_platform_info, size_t, void* value, size_t*) {
  std::memcpy(value, "Test", 5);
  return CL_SUCCESS;
}
cl_int CL_API_CALL Platforms(cl_uint, cl_platform_id* platforms, cl_uint* count) {
  if (!machine->has_platform) return -1001;
  if (platforms != nullptr) platforms[0] = nullptr;
  if (count != nullptr) *count = 1;
  return CL_SUCCESS;
}
cl_int CL_API_CALL Devices(cl_platform_id, cl_device_type, cl_uint, cl_device_id* devices, cl_uint* count) {
  if (devices != nullptr) devices[0] = nullptr;
  if (count != nullptr) *count = 1;
  return CL_SUCCESS;
}

class AdapterTest : public ::testing::Test {
 protected:
  AdapterTest() {
    machine = &machine_;
    api_.clGetDeviceInfo = DeviceInfo;
    api_.clGetPlatformInfo = PlatformInfo;
    api_.clGetPlatformIDs = Platforms;
    api_.clGetDeviceIDs = Devices;
    machine_.SayText(CL_DEVICE_NAME, "  Card 1 ");
    machine_.SayText(CL_DEVICE_VERSION, "OpenCL 1.2 Test");
    machine_.SayText(CL_DEVICE_OPENCL_C_VERSION, "OpenCL C 1.2 Test");
    machine_.SayText(CL_DEVICE_EXTENSIONS, "cl_khr_fp16 cl_khr_subgroups_extended");
    machine_.Say<cl_bool>(CL_DEVICE_AVAILABLE, CL_TRUE);
    machine_.Say<cl_bool>(CL_DEVICE_COMPILER_AVAILABLE, CL_TRUE);
    machine_.Say<cl_bool>(CL_DEVICE_ENDIAN_LITTLE, CL_TRUE);
    machine_.Say<cl_device_type>(CL_DEVICE_TYPE, CL_DEVICE_TYPE_GPU);
    machine_.Say<cl_ulong>(CL_DEVICE_LOCAL_MEM_SIZE, 32 << 10);
    machine_.Say<size_t>(CL_DEVICE_MAX_WORK_GROUP_SIZE, 384);
    machine_.Say<cl_ulong>(CL_DEVICE_GLOBAL_MEM_SIZE, cl_ulong{8} << 30);
    machine_.Say<cl_ulong>(CL_DEVICE_MAX_MEM_ALLOC_SIZE, cl_ulong{2} << 30);
  }

  std::string WhyNot() {
    std::vector<std::string> refused;
    sdk::Result<std::vector<Adapter>> found = Adapter::FindAll(api_, &refused);
    EXPECT_TRUE(found.ok()) << found.status().message;
    EXPECT_TRUE(found->empty());
    return refused.empty() ? "" : refused[0];
  }
  Adapter Only() {
    std::vector<std::string> refused;
    sdk::Result<std::vector<Adapter>> found = Adapter::FindAll(api_, &refused);
    EXPECT_TRUE(found.ok() && found->size() == 1) << (refused.empty() ? "" : refused[0]);
    return found->empty() ? Adapter() : (*found)[0];
  }

  Machine machine_;
  Api api_;
};

TEST_F(AdapterTest, ADeviceOfTheBaselineIsUsed) {
  const Adapter adapter = Only();
  EXPECT_EQ(adapter.name, "Card 1");
  EXPECT_EQ(adapter.kind, "gpu");
  EXPECT_FALSE(adapter.on_host_cores);
  EXPECT_EQ(adapter.features, "no subgroups, fp16");
  EXPECT_EQ(adapter.limits.max_workgroup, 256u);
  EXPECT_EQ(adapter.max_allocation_bytes, uint64_t{2} << 30);
  EXPECT_FALSE(adapter.has_subgroups());
  EXPECT_EQ(adapter.kernel_features(), gpu::kFp16);
}

TEST_F(AdapterTest, SubgroupsComeByExtensionInVersion2AndByLanguageInVersion3) {
  machine_.SayText(CL_DEVICE_EXTENSIONS, "cl_khr_subgroups");
  EXPECT_FALSE(Only().has_subgroups());
  machine_.SayText(CL_DEVICE_VERSION, "OpenCL 2.1 Test");
  machine_.SayText(CL_DEVICE_OPENCL_C_VERSION, "OpenCL C 2.0 Test");
  EXPECT_STREQ(Only().subgroups_standard, "CL2.0");
  machine_.SayText(CL_DEVICE_VERSION, "OpenCL 3.0 Test");
  EXPECT_FALSE(Only().has_subgroups());
  machine_.Say(CL_DEVICE_OPENCL_C_FEATURES, cl_name_version{CL_MAKE_VERSION(3, 0, 0), "__opencl_c_subgroups"});
  EXPECT_STREQ(Only().subgroups_standard, "CL3.0");
}

TEST_F(AdapterTest, IntegerDotProductsAreThoseOfVersion3) {
  machine_.SayText(CL_DEVICE_EXTENSIONS, "cl_khr_integer_dot_product");
  EXPECT_EQ(Only().kernel_features(), 0u);
  machine_.SayText(CL_DEVICE_VERSION, "OpenCL 3.0 Test");
  EXPECT_EQ(Only().kernel_features(), gpu::kInt8Dot);
  EXPECT_EQ(Only().features, "no subgroups, integer dot products");
}

TEST_F(AdapterTest, WhatCannotBeUsedSaysWhy) {
  const Machine fit = machine_;
  machine_.SayText(CL_DEVICE_VERSION, "OpenCL 1.1 Old");
  EXPECT_THAT(WhyNot(), HasSubstr("Card 1 is not used: its driver has OpenCL 1.1 Old"));
  machine_ = fit;
  machine_.Say<cl_bool>(CL_DEVICE_COMPILER_AVAILABLE, CL_FALSE);
  EXPECT_THAT(WhyNot(), HasSubstr("no compiler"));
  machine_ = fit;
  machine_.Say<cl_bool>(CL_DEVICE_AVAILABLE, CL_FALSE);
  EXPECT_THAT(WhyNot(), HasSubstr("not available"));
  machine_ = fit;
  machine_.Say<cl_device_type>(CL_DEVICE_TYPE, CL_DEVICE_TYPE_CUSTOM);
  EXPECT_THAT(WhyNot(), HasSubstr("only kernels of its own"));
  machine_ = fit;
  machine_.Say<cl_ulong>(CL_DEVICE_LOCAL_MEM_SIZE, 1024);
  EXPECT_THAT(WhyNot(), HasSubstr("1024 bytes of memory, want 32768"));
  machine_.says.clear();
  EXPECT_THAT(WhyNot(), HasSubstr("is not used"));
}

TEST_F(AdapterTest, NoPlatformIsNoFaultAndSaysWhatToInstall) {
  machine_.has_platform = false;
  std::vector<std::string> refused;
  const sdk::Status status = Adapter::FindAll(api_, &refused).status();
  EXPECT_EQ(status.code, CONCORD_UNAVAILABLE);
  EXPECT_THAT(status.message, HasSubstr("install the driver of your GPU"));
}

}  // namespace
}  // namespace concord::opencl

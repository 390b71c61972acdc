#include "backends/gpu/kernel_variants.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace concord::gpu {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class KernelVariants : public ::testing::Test {
 protected:
  KernelVariants() {
    api_.struct_size = sizeof(api_);
    api_.user = &logs_;
    api_.log = [](void* user, int32_t, concord_string text) {
      static_cast<std::vector<std::string>*>(user)->emplace_back(sdk::FromC(text));
    };
  }
  // Of a kernel that uses `uses`, where the driver refuses what uses `refused`.
  sdk::Status Make(uint32_t device, uint32_t uses, uint32_t refused) {
    tried_.clear();
    return MakeBestVariant(sdk::Host(&api_), device, [&](uint32_t features) {
      if ((features & ~uses) != 0) return sdk::Error(CONCORD_NOT_FOUND, "none");
      tried_.push_back(features);
      return (features & refused) != 0 ? sdk::Error(CONCORD_INTERNAL, "refused ", features) : sdk::Ok();
    });
  }

  concord_host_api api_{};
  std::vector<std::string> logs_;
  std::vector<uint32_t> tried_;
};

TEST_F(KernelVariants, TheBestOfWhatDeviceAndKernelHaveIsMade) {
  EXPECT_TRUE(Make(kSubgroups | kInt8Dot, kSubgroups | kInt8Dot, 0).ok());
  EXPECT_THAT(tried_, ElementsAre(kSubgroups | kInt8Dot));
  EXPECT_TRUE(Make(kSubgroups | kInt8Dot, kSubgroups, 0).ok());
  EXPECT_THAT(tried_, ElementsAre(kSubgroups));
  EXPECT_TRUE(Make(kInt8Dot, kSubgroups, 0).ok());
  EXPECT_THAT(tried_, ElementsAre(0u));
  EXPECT_THAT(logs_, SizeIs(0));
}

TEST_F(KernelVariants, WhatTheDriverRefusesIsSaidOnceAndDoneWithout) {
  EXPECT_TRUE(Make(kSubgroups | kInt8Dot, kSubgroups | kInt8Dot, kSubgroups).ok());
  EXPECT_THAT(tried_, ElementsAre(kSubgroups | kInt8Dot, kInt8Dot));
  ASSERT_THAT(logs_, SizeIs(1));
  EXPECT_THAT(logs_[0], HasSubstr("refused 3"));
  EXPECT_TRUE(Make(kSubgroups | kInt8Dot, kSubgroups | kInt8Dot, kSubgroups | kInt8Dot).ok());
  EXPECT_THAT(tried_, ElementsAre(3u, 2u, 1u, 0u));
  EXPECT_THAT(logs_, SizeIs(2));
}

}  // namespace
}  // namespace concord::gpu

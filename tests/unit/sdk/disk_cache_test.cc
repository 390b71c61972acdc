#include "backends/sdk/disk_cache.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace concord::sdk {
namespace {

class DiskCacheTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "/concord_disk_cache_" + std::to_string(::getpid());
    std::filesystem::remove_all(folder_);
    ::setenv("CONCORD_CACHE_DIR", (folder_ + "/deep").c_str(), 1);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string folder_;
};

TEST_F(DiskCacheTest, KeepsWhatBelongsToAKey) {
  const DiskCache cache("kernels.bin", "device 1");
  EXPECT_EQ(cache.Read(), "");
  const std::string bytes("a\0b", 3);
  EXPECT_TRUE(cache.Write(bytes));
  EXPECT_EQ(DiskCache("kernels.bin", "device 1").Read(), bytes);
  EXPECT_EQ(DiskCache("kernels.bin", "device 2").Read(), "");
  EXPECT_EQ(DiskCache("other.bin", "device 1").Read(), "");
}

TEST_F(DiskCacheTest, BrokenFilesReadAsAbsent) {
  const DiskCache cache("kernels.bin", "key");
  ASSERT_TRUE(cache.Write("contents"));
  std::string whole;
  {
    std::ifstream file(cache.path(), std::ios::binary);
    whole.assign((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  }
  for (size_t i = 0; i < whole.size(); ++i) {
    std::string broken = whole;
    broken[i] = static_cast<char>(broken[i] ^ 1);
    std::ofstream(cache.path(), std::ios::binary) << broken;
    EXPECT_EQ(cache.Read(), "") << "byte " << i;
    std::ofstream(cache.path(), std::ios::binary) << whole.substr(0, i);
    EXPECT_EQ(cache.Read(), "") << "cut at " << i;
  }
  std::ofstream(cache.path(), std::ios::binary) << whole;
  EXPECT_EQ(cache.Read(), "contents");
}

TEST_F(DiskCacheTest, LeavesNothingButTheFile) {
  const DiskCache cache("kernels.bin", "key");
  ASSERT_TRUE(cache.Write("one"));
  ASSERT_TRUE(cache.Write("two"));
  size_t files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(cache.path().parent_path())) ++files;
  EXPECT_EQ(files, 1u);
}

TEST_F(DiskCacheTest, DoesWithout) {
  ::setenv("CONCORD_CACHE_DIR", "/proc/nowhere", 1);
  EXPECT_FALSE(DiskCache("kernels.bin", "key").Write("x"));
  EXPECT_EQ(DiskCache("kernels.bin", "key").Read(), "");
  ::setenv("CONCORD_CACHE_DIR", "", 1);
  EXPECT_FALSE(DiskCache("kernels.bin", "key").Write("x"));
}

}  // namespace
}  // namespace concord::sdk

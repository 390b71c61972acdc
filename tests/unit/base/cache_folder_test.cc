#include "runtime/base/cache_folder.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "backends/sdk/disk_cache.h"

namespace concord {
namespace {

constexpr char kName[] = "cpu-0-0123456789abcdef.json";

class CacheFolderTest : public testing::Test {
 protected:
  void SetUp() override {
    root_ = testing::TempDir() + "/concord_cache_folder_" + std::to_string(::getpid());
    std::filesystem::remove_all(root_);
    std::filesystem::create_directories(root_);
  }
  void TearDown() override {
    std::filesystem::permissions(root_, std::filesystem::perms::owner_all);
    std::filesystem::remove_all(root_);
  }
  static std::string Name(int i) { return CacheFolder::NameOf("x", std::to_string(i), "json"); }
  std::string Put(const std::string& path, const std::string& bytes) const {
    std::filesystem::create_directories(std::filesystem::path(root_ + "/" + path).parent_path());
    std::ofstream(root_ + "/" + path, std::ios::binary) << bytes;
    return root_ + "/" + path;
  }

  std::string root_;
};

TEST_F(CacheFolderTest, KeepsFiles) {
  const CacheFolder cache(root_ + "/deep/er");
  EXPECT_TRUE(absl::IsNotFound(cache.Read("probes", kName, 100).status()));
  ASSERT_TRUE(cache.Write("probes", kName, "one").ok());
  ASSERT_TRUE(cache.Write("probes", kName, "other").ok());
  EXPECT_EQ(*cache.Read("probes", kName, 100), "other");
  EXPECT_FALSE(cache.Read("probes", kName, 4).ok());
  const std::vector<CacheFile> files = cache.List();
  ASSERT_EQ(files.size(), 1u);
  EXPECT_EQ(files[0].kind, "probes");
  EXPECT_EQ(files[0].name, kName);
  EXPECT_EQ(files[0].size_bytes, 5);
  EXPECT_TRUE(cache.Remove(files[0]));
  EXPECT_TRUE(cache.Remove(files[0])) << "gone is gone";
  EXPECT_TRUE(cache.List().empty());
  EXPECT_FALSE(cache.Write("secrets", kName, "x").ok());
  EXPECT_FALSE(cache.Write("probes", "../../passwd", "x").ok());
}

TEST_F(CacheFolderTest, StaysWithinItsBound) {
  const CacheFolder cache(root_, 100);
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(cache.Write("probes", Name(i), std::string(30, 'a')).ok());
  EXPECT_EQ(cache.List().size(), 3u);
  EXPECT_FALSE(cache.Read("probes", Name(0), 100).ok()) << "the oldest went";
  ASSERT_TRUE(cache.Read("probes", Name(1), 100).ok());  // a use: now the second is the oldest
  ASSERT_TRUE(cache.Write("probes", Name(4), std::string(30, 'a')).ok());
  EXPECT_TRUE(cache.Read("probes", Name(1), 100).ok());
  EXPECT_FALSE(cache.Read("probes", Name(2), 100).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(cache.Write("probes", Name(5), std::string(101, 'a'))));
  EXPECT_EQ(cache.List().size(), 3u) << "what can never fit pushes nothing out";
}

TEST_F(CacheFolderTest, TouchesOnlyWhatIsOurs) {
  const CacheFolder cache(root_, 0);
  const std::string outside = Put("elsewhere/precious-0123456789abcdef.json", "precious");
  const std::string foreign[] = {Put("probes/notes.txt", "mine"), Put("probes/cpu-0-0123.json", "mine"),
                                 Put("holiday-0123456789abcdef.jpg", "mine"),
                                 Put("photos/cpu-0-0123456789abcdef.json", "mine")};
  const std::string left = Put("probes/cpu-0-0123456789abcdef.json.4711.part", "half");
  std::filesystem::create_symlink(outside, root_ + "/probes/link-0123456789abcdef.json");
  std::filesystem::create_directory_symlink(root_ + "/elsewhere", root_ + "/kernels");
  ASSERT_EQ(cache.List().size(), 1u);
  EXPECT_EQ(cache.Trim().size(), 1u);
  EXPECT_FALSE(std::filesystem::exists(left));
  EXPECT_TRUE(std::filesystem::exists(outside));
  for (const std::string& path : foreign) EXPECT_TRUE(std::filesystem::exists(path)) << path;
  const CacheFolder roomy(root_);
  EXPECT_FALSE(roomy.Read("probes", "link-0123456789abcdef.json", 100).ok());
  EXPECT_FALSE(roomy.Read("kernels", "precious-0123456789abcdef.json", 100).ok());
  EXPECT_FALSE(roomy.Write("probes", "link-0123456789abcdef.json", "x").ok());
  EXPECT_FALSE(roomy.Write("kernels", kName, "x").ok());
  EXPECT_FALSE(roomy.Check().ok());
  std::string text;
  std::ifstream(outside) >> text;
  EXPECT_EQ(text, "precious");
}

TEST_F(CacheFolderTest, FoldersAndDisksThatTakeNothing) {
  for (const char* nowhere : {"/proc/nowhere", "/dev/null/x", "/dev/full"}) {
    EXPECT_FALSE(CacheFolder(nowhere).Write("probes", kName, "x").ok()) << nowhere;
    EXPECT_FALSE(CacheFolder(nowhere).Check().ok()) << nowhere;
  }
  EXPECT_FALSE(CacheFolder("").Write("probes", kName, "x").ok());
  EXPECT_TRUE(CacheFolder("").List().empty());
  // A disk that is full after some bytes.
  const CacheFolder cache(root_);
  ASSERT_TRUE(cache.Write("probes", kName, "before").ok());
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{1000, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const absl::Status full = cache.Write("probes", kName, std::string(5000, 'x'));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  EXPECT_FALSE(full.ok());
  EXPECT_EQ(*cache.Read("probes", kName, 100), "before");
  EXPECT_EQ(cache.List().size(), 1u) << "nothing half written is left";
}

TEST_F(CacheFolderTest, ManyAtOnce) {
  const CacheFolder cache(root_, 400);
  std::atomic<int> torn{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 30; ++i) {
        const std::string bytes(100, static_cast<char>('a' + t));
        (void)cache.Write("probes", Name(i % 6), bytes);
        const absl::StatusOr<std::string> read = cache.Read("probes", Name((i + 3) % 6), 1000);
        if (read.ok() && *read != std::string(100, (*read)[0])) ++torn;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(torn, 0);
  EXPECT_LE(TotalBytes(cache.List()), 400);
}

// The SDK depends on nothing of ours, so it says the same again.
TEST_F(CacheFolderTest, PluginsKeepTheirsInTheSameFolder) {
  const auto agree = [&] {
    const sdk::DiskCache theirs("vulkan-0123456789abcdef.pipelines", "key");
    const std::string ours = CacheFolder::OfEnvironment().path();
    EXPECT_EQ(theirs.path().string(), ours.empty() ? "" : ours + "/kernels/vulkan-0123456789abcdef.pipelines");
  };
  const std::string home = std::getenv("HOME") == nullptr ? "" : std::getenv("HOME");
  for (const char* own : {"", "/a/b"}) {
    ::setenv("CONCORD_CACHE_DIR", own, 1);
    agree();
  }
  ::unsetenv("CONCORD_CACHE_DIR");
  for (const char* xdg : {"", "relative", "/x"}) {
    for (const char* folder : {"", "not/absolute", "/home/somebody"}) {
      ::setenv("XDG_CACHE_HOME", xdg, 1);
      ::setenv("HOME", folder, 1);
      agree();
    }
  }
  ::unsetenv("XDG_CACHE_HOME");
  ::unsetenv("HOME");
  agree();
  ::setenv("HOME", home.c_str(), 1);
  ::setenv("CONCORD_CACHE_DIR", root_.c_str(), 1);
  ASSERT_TRUE(sdk::DiskCache("vulkan-0123456789abcdef.pipelines", "key").Write("kernel"));
  const std::vector<CacheFile> files = CacheFolder::OfEnvironment().List();
  ASSERT_EQ(files.size(), 1u);
  EXPECT_EQ(files[0].kind, "kernels");
}

TEST_F(CacheFolderTest, TheEnvironmentSetsTheBound) {
  for (const auto& [text, bytes] : {std::pair<const char*, int64_t>{"1000", 1000},
                                    {"", CacheFolder::kDefaultMaxBytes},
                                    {"-5", CacheFolder::kDefaultMaxBytes},
                                    {"much", CacheFolder::kDefaultMaxBytes}}) {
    ::setenv("CONCORD_CACHE_MAX_BYTES", text, 1);
    EXPECT_EQ(CacheFolder::OfEnvironment().max_bytes(), bytes) << text;
  }
  ::unsetenv("CONCORD_CACHE_MAX_BYTES");
}

}  // namespace
}  // namespace concord

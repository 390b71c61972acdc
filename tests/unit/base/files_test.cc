#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/base/atomic_file.h"
#include "runtime/base/memory_block.h"
#include "runtime/base/mmap.h"

namespace concord {
namespace {

using testing::HasSubstr;

class Files : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "concord-base-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string Path(const std::string& name) const { return folder_ + "/" + name; }
  std::string Read(const std::string& name) const {
    std::ostringstream out;
    out << std::ifstream(Path(name), std::ios::binary).rdbuf();
    return out.str();
  }
  size_t Count() const {
    size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder_)) ++count;
    return count;
  }
  std::string folder_;
};

TEST_F(Files, MapsAFile) {
  std::ofstream(Path("a"), std::ios::binary) << "some text";
  std::shared_ptr<const MappedFile> kept;
  {
    const auto file = MappedFile::Open(Path("a"));
    ASSERT_TRUE(file.ok()) << file.status();
    kept = *file;
  }
  EXPECT_EQ(kept->text(), "some text");
  EXPECT_EQ(kept->path(), Path("a"));
  EXPECT_TRUE(kept->Prefetch(-5, 1 << 20).ok());  // cut to the file
  EXPECT_TRUE(kept->Prefetch(100, 100).ok());
  kept->Advise(MappedFile::Advice::kWillNeed, INT64_MAX, INT64_MAX);
  kept->Advise(MappedFile::Advice::kSequential, 0, kept->size_bytes());
  std::filesystem::remove(Path("a"));
  EXPECT_EQ(kept->text(), "some text");
}

TEST_F(Files, AnEmptyFileIsEmpty) {
  std::ofstream(Path("e")).flush();
  const auto file = MappedFile::Open(Path("e"));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ((*file)->size_bytes(), 0);
  EXPECT_TRUE((*file)->Prefetch(0, 10).ok());
}

TEST_F(Files, WhatCannotBeMappedIsSaid) {
  const auto status = [](const std::string& path) { return MappedFile::Open(path).status(); };
  EXPECT_EQ(status(Path("none")).code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status(Path("none")).message()), HasSubstr("No such file"));
  EXPECT_THAT(std::string(status(folder_).message()), HasSubstr("folder"));
  EXPECT_THAT(std::string(status("/dev/zero").message()), HasSubstr("device"));
  EXPECT_THAT(std::string(status(std::string("a\0b", 3)).message()), HasSubstr("zero byte"));
  ASSERT_EQ(mkfifo(Path("pipe").c_str(), 0600), 0);
  EXPECT_THAT(std::string(status(Path("pipe")).message()), HasSubstr("pipe"));  // and does not hang
}

TEST_F(Files, AppearWholeOrNotAtAll) {
  {
    AtomicFile file;
    ASSERT_TRUE(file.Open(Path("x"), 1000).ok());
    ASSERT_TRUE(file.Write("abc", 3).ok());
    EXPECT_FALSE(std::filesystem::exists(Path("x")));
    ASSERT_TRUE(file.Commit().ok());
    EXPECT_FALSE(file.Write("d", 1).ok());
    EXPECT_FALSE(file.Commit().ok());
  }
  EXPECT_EQ(Read("x"), "abc");  // not the 1000 that were reserved
  {
    AtomicFile file;
    ASSERT_TRUE(file.Open(Path("x")).ok());
    ASSERT_TRUE(file.Write("other", 5).ok());
  }
  EXPECT_EQ(Read("x"), "abc");
  EXPECT_EQ(Count(), 1u);
  AtomicFile nowhere;
  EXPECT_EQ(nowhere.Open(Path("no/folder")).code(), absl::StatusCode::kNotFound);
}

TEST(MemoryBlock, GivesZeroedMemoryOrSaysWhyNot) {
  const auto block = MemoryBlock::Allocate(1 << 20, "a test");
  ASSERT_TRUE(block.ok()) << block.status();
  for (int64_t i = 0; i < (*block)->size_bytes(); i += 4096) EXPECT_EQ((*block)->data()[i], std::byte{0});
  std::memset((*block)->data(), 1, 1 << 20);
  (*block)->Freeze();
  EXPECT_EQ((*block)->data()[12345], std::byte{1});
  const absl::Status huge = MemoryBlock::Allocate(int64_t{1} << 60, "the model").status();
  EXPECT_EQ(huge.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(huge.message()), HasSubstr("the model"));
  EXPECT_FALSE(MemoryBlock::Allocate(0, "nothing").ok());
  EXPECT_FALSE(MemoryBlock::Allocate(-1, "less").ok());
}

}  // namespace
}  // namespace concord

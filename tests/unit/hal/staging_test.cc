#include "runtime/hal/staging.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

#include "runtime/hal/device_registry.h"
#include "runtime/hal/staged_buffer.h"
#include "tests/emulators/discrete/path.h"

namespace concord::hal {
namespace {

std::vector<char> Random(size_t size, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<char> bytes(size);
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

// On a device whose buffers the host cannot address.
class StagingTest : public testing::Test {
 protected:
  void SetUp() override {
    HostServices::Options options;
    options.log = [this](LogLevel, absl::string_view message) { logged_ += std::string(message) + "\n"; };
    host_ = HostServices::Create(options);
    const DeviceRegistry registry =
        DeviceRegistry::Discover({.host = host_, .plugin_files = {CONCORD_DISCRETE_PLUGIN}, .linked = false});
    absl::StatusOr<std::shared_ptr<Device>> device = registry.Open("discrete");
    ASSERT_TRUE(device.ok()) << device.status();
    device_ = *std::move(device);
  }
  void TearDown() override {
    device_.reset();
    EXPECT_EQ(logged_, "");  // the device closed, so nothing of it was left
    EXPECT_EQ(host_->allocated_bytes(), 0u);
  }

  std::string logged_;
  std::shared_ptr<HostServices> host_;
  std::shared_ptr<Device> device_;
};

TEST_F(StagingTest, OnlyStagingBuffersMap) {
  const Buffer memory = *device_->CreateBuffer(100);
  EXPECT_FALSE(memory.host_visible());
  EXPECT_EQ(memory.Map(CONCORD_MAP_READ).status().code(), absl::StatusCode::kUnimplemented);
  const Buffer staging = *device_->CreateBuffer(100, CONCORD_BUFFER_STAGING);
  EXPECT_TRUE(staging.host_visible());
  EXPECT_TRUE(staging.Map(CONCORD_MAP_READ).ok());
  EXPECT_FALSE(device_->ImportHost(&logged_, 8).ok());
}

TEST_F(StagingTest, WritesAndReadsAnyRange) {
  constexpr uint64_t kSize = 100'003;
  const Buffer memory = *device_->CreateBuffer(kSize);
  std::vector<char> want = Random(kSize, 1);
  ASSERT_TRUE(memory.Write(0, want).ok());
  const std::pair<uint64_t, uint64_t> ranges[] = {{0, 1}, {1, 1}, {7, 0}, {13, 65'537}, {99'999, 4}, {100'003, 0}};
  uint32_t seed = 2;
  for (const auto& [offset, size] : ranges) {
    const std::vector<char> part = Random(size, seed++);
    ASSERT_TRUE(memory.Write(offset, part).ok()) << offset;
    std::copy(part.begin(), part.end(), want.begin() + static_cast<ptrdiff_t>(offset));
  }
  std::vector<char> got(kSize);
  ASSERT_TRUE(memory.Read(0, absl::MakeSpan(got)).ok());
  EXPECT_EQ(got, want);
  for (const auto& [offset, size] : ranges) {
    std::vector<char> part(size + 2, 'x');
    ASSERT_TRUE(memory.Read(offset, absl::MakeSpan(part).subspan(1, size)).ok());
    EXPECT_EQ(std::memcmp(part.data() + 1, want.data() + offset, size), 0) << offset;
    EXPECT_EQ(part.front(), 'x');
    EXPECT_EQ(part.back(), 'x');
  }
}

TEST_F(StagingTest, TransfersLargerThanThePieceAreExactAndKeepStagingSmall) {
  constexpr uint64_t kSize = 2 * Staging::kMaxBytes + 12'345;
  const uint64_t before = device_->MemoryStats()->used_bytes;
  const Buffer memory = *device_->CreateBuffer(kSize + 5);
  const std::vector<char> want = Random(kSize, 3);
  ASSERT_TRUE(memory.Write(5, want).ok());
  std::vector<char> got(kSize);
  ASSERT_TRUE(memory.Read(5, absl::MakeSpan(got)).ok());
  EXPECT_EQ(std::memcmp(got.data(), want.data(), kSize), 0);
  EXPECT_LE(device_->MemoryStats()->peak_bytes, before + kSize + 5 + Staging::kMaxBytes);
}

TEST_F(StagingTest, RangesOutsideAreRefusedBeforeAnythingMoves) {
  const Buffer memory = *device_->CreateBuffer(64);
  const std::vector<char> zeros(64), ones(65, 1);
  ASSERT_TRUE(memory.Write(0, zeros).ok());
  EXPECT_EQ(memory.Write(0, ones).code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(memory.Write(64, {ones.data(), 1}).code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(memory.Write(UINT64_MAX, {ones.data(), 2}).code(), absl::StatusCode::kOutOfRange);
  std::vector<char> got(65);
  EXPECT_EQ(memory.Read(0, absl::MakeSpan(got)).code(), absl::StatusCode::kOutOfRange);
  ASSERT_TRUE(memory.Read(0, absl::MakeSpan(got.data(), 64)).ok());
  EXPECT_EQ(std::memcmp(got.data(), zeros.data(), 64), 0);
}

// The border wants one caller at a time a queue; this is what the lock of Device is for.
TEST_F(StagingTest, TransfersOfManyThreadsMeetWorkOfAnother) {
  constexpr int kThreads = 4, kRounds = 200;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      const Buffer memory = *device_->CreateBuffer(1000 + t);
      for (int round = 0; round < kRounds; ++round) {
        const std::vector<char> want = Random(memory.size_bytes(), t * kRounds + round);
        std::vector<char> got(want.size());
        ASSERT_TRUE(memory.Write(0, want).ok());
        ASSERT_TRUE(memory.Read(0, absl::MakeSpan(got)).ok());
        ASSERT_EQ(got, want);
      }
    });
  }
  const Semaphore semaphore = *device_->CreateSemaphore();
  for (uint64_t value = 1; value <= 1000; ++value) {
    const concord_point signal = semaphore.At(value);
    ASSERT_TRUE(device_->Barrier({}, {&signal, 1}).ok());
    ASSERT_TRUE(semaphore.Wait(value).ok());
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(StagingTest, AStagedBufferMovesOnlyWhatIsUsed) {
  auto in = StagedBuffer::Create(*device_->CreateBuffer(1000), CONCORD_MAP_WRITE);
  auto out = StagedBuffer::Create(*device_->CreateBuffer(1000), CONCORD_MAP_READ);
  ASSERT_TRUE(in.ok() && out.ok());
  EXPECT_FALSE((*in)->in_place());
  Chain chain(*device_->CreateSemaphore());
  const std::vector<char> want = Random(1000, 4);
  std::memcpy((*in)->data(), want.data(), 1000);
  std::memset((*out)->data(), 'x', 1000);
  // In, from the one to the other, out: enqueued as a whole before anything is waited for.
  ASSERT_TRUE((*in)->ToDevice(333, &chain).ok());
  const concord_point wait = chain.last(), signal = chain.next();
  ASSERT_TRUE(device_
                  ->Copy({.source = &(*in)->buffer(),
                          .target = &(*out)->buffer(),
                          .size_bytes = 1000,
                          .waits = {&wait, 1},
                          .signals = {&signal, 1}})
                  .ok());
  chain.Advance();
  ASSERT_TRUE((*out)->ToHost(501, &chain).ok());
  ASSERT_TRUE(chain.Wait().ok());
  ASSERT_TRUE((*out)->Arrived(501).ok());
  EXPECT_EQ(std::memcmp((*out)->data(), want.data(), 333), 0);
  for (size_t i = 333; i < 501; ++i) ASSERT_EQ((*out)->data()[i], '\xff') << i;  // never written on the device
  for (size_t i = 501; i < 1000; ++i) ASSERT_EQ((*out)->data()[i], 'x') << i;
}

TEST(StagedBuffer, IsInPlaceOnHostMemory) {
  const std::shared_ptr<Device> device = *DeviceRegistry::Discover({}).Open("reference");
  const uint64_t before = device->MemoryStats()->used_bytes;
  auto staged = StagedBuffer::Create(*device->CreateBuffer(1000), CONCORD_MAP_WRITE);
  ASSERT_TRUE(staged.ok());
  EXPECT_TRUE((*staged)->in_place());
  EXPECT_EQ((*staged)->data(), *(*staged)->buffer().Map(CONCORD_MAP_READ));
  Chain chain(*device->CreateSemaphore());
  EXPECT_TRUE((*staged)->ToDevice(1000, &chain).ok());
  EXPECT_TRUE((*staged)->ToHost(1000, &chain).ok());
  EXPECT_EQ(chain.last().value, 0u);  // nothing was enqueued
  EXPECT_EQ(device->MemoryStats()->used_bytes, before + 1000);
}

}  // namespace
}  // namespace concord::hal

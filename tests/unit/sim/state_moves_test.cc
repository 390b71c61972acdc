// Blocks of state out of a layout of the device's own and into it, held against loops over the bytes of both.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "runtime/base/border_type.h"
#include "tests/unit/sim/sim_testing.h"

namespace concord::sim {
namespace {

constexpr uint64_t kHeads = 3, kTokens = 5, kRow = 34, kBlocks = 7;  // a row of q8_0, 32 elements
constexpr uint64_t kBlock = kHeads * kTokens * kRow, kAll = kBlocks * kBlock;

class StateMoves : public SimTest {
 protected:
  void Start(const std::string& config) {
    SimTest::Start(config);
    state_ = *device().CreateBuffer(kAll);
    rows_ = *device().CreateBuffer(kAll, CONCORD_BUFFER_STAGING);
  }
  ~StateMoves() override { state_ = {}, rows_ = {}; }

  // Blocks first to first + count of both.
  hal::StateArgs Blocks(uint64_t first, uint64_t count) const {
    return {.state = &state_,
            .rows = &rows_,
            .state_offset_bytes = first * kBlock,
            .rows_offset_bytes = first * kBlock,
            .n_blocks = count,
            .n_kv_heads = kHeads,
            .block_tokens = kTokens,
            .d_head = 32,
            .type = BorderType(*packing::Find("q8_0"))};
  }
  // Moves and waits.
  absl::Status Move(hal::StateArgs args, absl::Status (hal::Device::*verb)(const hal::StateArgs&) const) {
    const hal::Semaphore done = *device().CreateSemaphore();
    const concord_point signal = done.At(1);
    args.signals = {&signal, 1};
    const absl::Status status = (device().*verb)(args);
    return status.ok() ? done.Wait(1, absl::Seconds(20)) : status;
  }
  static std::string Random(uint32_t seed) {
    std::mt19937 random(seed);
    std::string bytes(kAll, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    return bytes;
  }
  static std::string Read(const hal::Buffer& buffer) {
    std::string bytes(buffer.size_bytes(), '\0');
    EXPECT_TRUE(buffer.Read(0, absl::MakeSpan(bytes)).ok());
    return bytes;
  }

  hal::Buffer state_, rows_;
};

TEST_F(StateMoves, RowsFindTheirPlaces) {
  for (const char* memory : {"host_memory=0", "host_memory=1"}) {
    Start(absl::StrCat("kv_layout=kv.token_major/1; ", memory));
    const std::string before = Random(1), rows = Random(2);
    ASSERT_TRUE(state_.Write(0, before).ok() && rows_.Write(0, rows).ok());
    ASSERT_EQ(Move(Blocks(2, 3), &hal::Device::ImportState), absl::OkStatus());
    const std::string state = Read(state_);
    EXPECT_EQ(state.substr(0, 2 * kBlock), before.substr(0, 2 * kBlock));
    EXPECT_EQ(state.substr(5 * kBlock), before.substr(5 * kBlock));
    for (uint64_t block = 2; block < 5; ++block) {
      for (uint64_t head = 0; head < kHeads; ++head) {
        for (uint64_t token = 0; token < kTokens; ++token) {
          const uint64_t own = block * kBlock + (token * kHeads + head) * kRow;
          ASSERT_EQ(state.substr(own, kRow), rows.substr(block * kBlock + (head * kTokens + token) * kRow, kRow));
        }
      }
    }
    ASSERT_TRUE(rows_.Write(0, before).ok());
    ASSERT_EQ(Move(Blocks(2, 3), &hal::Device::ExportState), absl::OkStatus());
    const std::string back = Read(rows_);
    EXPECT_EQ(back, before.substr(0, 2 * kBlock) + rows.substr(2 * kBlock, 3 * kBlock) + before.substr(5 * kBlock));
    state_ = {}, rows_ = {};
  }
}

TEST_F(StateMoves, TakeTheTimeOfACopy) {
  Start(absl::StrCat(kRound, "kv_layout=kv.token_major/1"));
  const uint64_t begin = Now();
  ASSERT_EQ(Move(Blocks(0, kBlocks), &hal::Device::ExportState), absl::OkStatus());
  EXPECT_EQ(Now() - begin, 1000 + kAll);
}

TEST_F(StateMoves, AreAskedForWithoutBuffers) {
  hal::StateArgs ask = Blocks(0, 0);
  for (const auto& [config, code] :
       {std::pair("kv_layout=kv.token_major/1", absl::StatusCode::kOk),
        std::pair("kv_layout=kv.paged/1", absl::StatusCode::kUnimplemented),
        std::pair("kv_layout=kv.token_major/1; state_moves=0", absl::StatusCode::kUnimplemented)}) {
    Start(config);
    ask.state = ask.rows = nullptr;
    EXPECT_EQ(Move(ask, &hal::Device::ExportState).code(), code) << config;
    EXPECT_EQ(Move(ask, &hal::Device::ImportState).code(), code) << config;
    state_ = {}, rows_ = {};
  }
}

TEST_F(StateMoves, MistakesAreRefused) {
  Start("kv_layout=kv.token_major/1");
  ASSERT_TRUE(state_.Write(0, Random(3)).ok());
  const std::string before = Read(state_);
  const auto with = [&](auto change) {
    hal::StateArgs args = Blocks(1, 2);
    change(args);
    return Move(args, &hal::Device::ImportState).code();
  };
  constexpr auto kBad = absl::StatusCode::kInvalidArgument, kPast = absl::StatusCode::kOutOfRange;
  EXPECT_EQ(with([](auto& a) { a.n_kv_heads = 0; }), kBad);
  EXPECT_EQ(with([](auto& a) { a.block_tokens = -1; }), kBad);
  EXPECT_EQ(with([](auto& a) { a.d_head = 31; }), kBad);
  EXPECT_EQ(with([](auto& a) { a.type = {}; }), kBad);
  EXPECT_EQ(with([](auto& a) { a.state = nullptr; }), kBad);
  EXPECT_EQ(with([](auto& a) { a.rows = nullptr; }), kBad);
  EXPECT_EQ(with([](auto& a) { a.state_offset_bytes += 1; }), kBad);
  EXPECT_EQ(with([](auto& a) { a.state_offset_bytes = 6 * kBlock; }), kPast);
  EXPECT_EQ(with([](auto& a) { a.rows_offset_bytes = 5 * kBlock + 1; }), kPast);
  EXPECT_EQ(with([](auto& a) { a.n_blocks = UINT64_MAX / 100; }), kPast);
  EXPECT_EQ(with([](auto& a) { a.n_kv_heads = INT64_MAX; }), kPast);
  EXPECT_EQ(Read(state_), before);
}

}  // namespace
}  // namespace concord::sim

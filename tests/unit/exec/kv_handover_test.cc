// Keys and values brought from one runner's memory to another's, held against loops over the bytes of both.
#include "runtime/exec/kv_handover.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

#include "tests/emulators/discrete/path.h"

namespace concord::exec {
namespace {

constexpr int64_t kTokens = 96;  // of the pool

struct Side {
  const char* device;
  const char* kv_type;
  int64_t block_tokens;
};

struct Runner {
  std::shared_ptr<const LoadedModel> model;
  std::unique_ptr<StepRunner> runner;
  std::vector<int32_t> blocks;  // all, in an order in which some follow each other

  explicit Runner(const Side& side, uint32_t seed) {
    LoadOptions options = {.devices = {side.device}, .plugins = {CONCORD_DISCRETE_PLUGIN}, .compute = "exact"};
    options.kv_type = side.kv_type, options.kv_block_tokens = side.block_tokens, options.context_tokens = kTokens;
    model = LoadedModel::Load("synthetic:tiny:q8_0", options).value();
    const int64_t n = (kTokens + side.block_tokens - 1) / side.block_tokens;
    runner = StepRunner::Create(model, {.n_tokens = kTokens, .n_blocks = n + 3, .max_blocks = n}).value();
    blocks.resize(n + 3);
    std::iota(blocks.begin(), blocks.end(), 0);
    std::rotate(blocks.begin(), blocks.begin() + seed % blocks.size(), blocks.end());
    std::mt19937 random(seed);
    if (seed % 2 == 0) std::shuffle(blocks.begin(), blocks.end(), random);
  }
  absl::Span<const int32_t> BlocksOf(int64_t tokens) const {
    const int64_t block_tokens = model->block_tokens();
    return absl::MakeSpan(blocks).subspan(0, (tokens + block_tokens - 1) / block_tokens);
  }
  std::string Read(const StepRunner::KvState& state) const {
    std::string bytes(state.buffer->size_bytes(), '\0');
    EXPECT_TRUE(state.buffer->Read(0, absl::MakeSpan(bytes)).ok());
    return bytes;
  }
};

// Random finite values in every block.
void Fill(const Runner& side, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, 2);
  for (const StepRunner::KvState& state : side.runner->kv_states()) {
    const packing::Packing& packing = *state.type.packing;
    const auto blocks = static_cast<int64_t>(state.buffer->size_bytes() / packing.block_bytes);
    std::vector<float> values(blocks * packing.block_elems);
    for (float& v : values) v = normal(random);
    std::string bytes(state.buffer->size_bytes(), '\0');
    ASSERT_TRUE(packing.encode(values.data(), blocks, bytes.data()));
    ASSERT_TRUE(state.buffer->Write(0, bytes).ok());
  }
}

// Where a row lies: [block, kv_head, token, d_head].
const char* RowAt(const std::string& bytes, const StepRunner::KvState& state, absl::Span<const int32_t> blocks,
                  int64_t head, int64_t token) {
  const int64_t heads = state.type.dims[1].value, in_block = state.type.dims[2].value;
  const int64_t row = (blocks[token / in_block] * heads + head) * in_block + token % in_block;
  return bytes.data() + row * state.type.packing->Bytes(state.type.dims[3].value);
}

void ExpectHandedOver(const Runner& from, const Runner& to, int64_t tokens, const std::vector<std::string>& before) {
  const auto sources = from.runner->kv_states(), targets = to.runner->kv_states();
  ASSERT_EQ(sources.size(), 4u);  // keys and values of two layers
  for (size_t s = 0; s < sources.size(); ++s) {
    const std::string source = from.Read(sources[s]), target = to.Read(targets[s]);
    const packing::Packing &a = *sources[s].type.packing, &b = *targets[s].type.packing;
    const int64_t d = sources[s].type.dims[3].value;
    std::vector<float> values(d);
    std::string want(b.Bytes(d), '\0');
    for (int64_t head = 0; head < sources[s].type.dims[1].value; ++head) {
      for (int64_t t = 0; t < tokens; ++t) {
        const char* row = RowAt(source, sources[s], from.BlocksOf(tokens), head, t);
        if (&a == &b) {
          want.assign(row, b.Bytes(d));
        } else {
          a.decode(row, d / a.block_elems, values.data());
          ASSERT_TRUE(b.encode(values.data(), d / b.block_elems, want.data()));
        }
        const char* got = RowAt(target, targets[s], to.BlocksOf(tokens), head, t);
        ASSERT_EQ(std::string(got, want.size()), want) << sources[s].name << " head " << head << " token " << t;
      }
    }
    // Blocks of other sequences are as they were.
    const uint64_t block_bytes = target.size() / to.blocks.size();
    for (size_t b_at = to.BlocksOf(tokens).size(); b_at < to.blocks.size(); ++b_at) {
      const uint64_t at = to.blocks[b_at] * block_bytes;
      ASSERT_EQ(target.substr(at, block_bytes), before[s].substr(at, block_bytes)) << "block " << to.blocks[b_at];
    }
  }
}

void MoveAll(const Side& a, const Side& b) {
  SCOPED_TRACE(absl::StrCat(a.device, " ", a.kv_type, " ", a.block_tokens, " to ", b.device, " ", b.kv_type, " ",
                            b.block_tokens));
  uint32_t seed = 11;
  for (const int64_t tokens : {1, 31, 32, 33, 95}) {
    const Runner from(a, ++seed), to(b, seed + 5);
    Fill(from, seed), Fill(to, seed + 1);
    std::vector<std::string> before;
    for (const StepRunner::KvState& state : to.runner->kv_states()) before.push_back(to.Read(state));
    auto handover = KvHandover::Create(*from.runner, *to.runner, kTokens);
    ASSERT_TRUE(handover.ok()) << handover.status();
    const absl::Status status = (*handover)->Move(tokens, from.BlocksOf(tokens), to.BlocksOf(tokens));
    ASSERT_TRUE(status.ok()) << status;
    ExpectHandedOver(from, to, tokens, before);
  }
}

TEST(KvHandover, EveryPairOfTypes) {
  for (const char* from : {"f32", "f16", "bf16", "q8_0"}) {
    for (const char* to : {"f32", "f16", "bf16", "q8_0"}) MoveAll({"discrete", from, 32}, {"reference", to, 32});
  }
}

TEST(KvHandover, EveryPairOfMemories) {
  for (const char* from : {"cpu", "discrete"}) {
    for (const char* to : {"cpu", "discrete"}) MoveAll({from, "f16", 32}, {to, "f16", 32});
  }
}

TEST(KvHandover, BlocksOfUnlikeSizes) {
  for (const auto& [from, to] : {std::pair(32, 16), std::pair(16, 32), std::pair(5, 32), std::pair(32, 7),
                                 std::pair(1, 3), std::pair(96, 1), std::pair(24, 10)}) {
    MoveAll({"discrete", "f16", from}, {"discrete", "f16", to});
    MoveAll({"reference", "f32", from}, {"discrete", "q8_0", to});
  }
}

// More copies than a queue of the card holds (1,024): every block by itself.
TEST(KvHandover, AFullQueueIsWaitedFor) {
  LoadOptions options = {.devices = {"discrete"}, .plugins = {CONCORD_DISCRETE_PLUGIN}};
  options.kv_block_tokens = 1, options.context_tokens = 3000;
  const auto model = LoadedModel::Load("synthetic:tiny:q8_0", options).value();
  const StepCapacities sizes = {.n_tokens = 1, .n_blocks = 3000, .max_blocks = 3000};
  const auto from = StepRunner::Create(model, sizes).value(), to = StepRunner::Create(model, sizes).value();
  for (const StepRunner::KvState& state : from->kv_states()) {
    ASSERT_TRUE(state.buffer->Write(0, std::string(state.buffer->size_bytes(), '\x11')).ok());
  }
  std::vector<int32_t> backwards(3000);
  std::iota(backwards.rbegin(), backwards.rend(), 0);
  const auto handover = KvHandover::Create(*from, *to, 3000).value();
  const absl::Status status = handover->Move(3000, backwards, backwards);
  ASSERT_TRUE(status.ok()) << status;
  for (const StepRunner::KvState& state : to->kv_states()) {
    std::string bytes(state.buffer->size_bytes(), '\0');
    ASSERT_TRUE(state.buffer->Read(0, absl::MakeSpan(bytes)).ok());
    EXPECT_EQ(bytes, std::string(bytes.size(), '\x11'));
  }
}

TEST(KvHandover, AValueThatDoesNotFitIsNamed) {
  const Runner from({"discrete", "f32", 32}, 4), to({"reference", "f16", 32}, 5);
  Fill(from, 1);
  const StepRunner::KvState state = from.runner->kv_states()[3];
  const std::string huge("\x00\x00\x80\x48", 4);  // 262144
  ASSERT_TRUE(
      state.buffer
          ->Write(static_cast<uint64_t>(from.blocks[0]) * state.type.dims[1].value * 32 * state.type.dims[3].value * 4,
                  huge)
          .ok());
  const auto handover = KvHandover::Create(*from.runner, *to.runner, kTokens).value();
  const absl::Status status = handover->Move(40, from.BlocksOf(40), to.BlocksOf(40));
  EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange);
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("layers.1.kv.v of token 0 holds a value"));
  Fill(from, 1);
  EXPECT_TRUE(handover->Move(40, from.BlocksOf(40), to.BlocksOf(40)).ok());
}

}  // namespace
}  // namespace concord::exec

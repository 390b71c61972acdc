#include "runtime/exec/step_runner.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "tests/emulators/discrete/path.h"

// Counts every allocation of the process while it is switched on, or those of one thread.
namespace {
std::atomic<bool> g_counting{false};
thread_local bool t_counting = false;
std::atomic<int64_t> g_allocations{0};
}  // namespace

// Out of line: inlined, gcc 12 takes free() for the mismatch of a new that it did not see.
[[gnu::noinline]] void* operator new(size_t size) {
  if (g_counting.load(std::memory_order_relaxed) || t_counting) g_allocations.fetch_add(1);
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
// std::stable_sort asks for this one and gives back to the delete below: under a sanitizer both must be ours.
[[gnu::noinline]] void* operator new(size_t size, const std::nothrow_t&) noexcept {
  if (g_counting.load(std::memory_order_relaxed) || t_counting) g_allocations.fetch_add(1);
  return std::malloc(size == 0 ? 1 : size);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace concord::exec {
namespace {

// Runs decode steps of one sequence after the other; `count(true)` when queues have reached their size. The steps after
// that may allocate `allowed` times in all.
template <typename Count>
void Decode(const LoadOptions& options, int64_t steps, int64_t allowed, Count count) {
  auto model = LoadedModel::Load("synthetic:tiny:q4_k_m", options);
  ASSERT_TRUE(model.ok()) << model.status();
  const int64_t max_blocks = ((*model)->context_tokens() + (*model)->block_tokens() - 1) / (*model)->block_tokens();
  auto runner = StepRunner::Create(
      *model, {.n_tokens = 64, .n_seqs = 4, .n_outputs = 4, .n_blocks = max_blocks, .max_blocks = max_blocks});
  ASSERT_TRUE(runner.ok()) << runner.status();
  std::vector<int32_t> tokens((*model)->context_tokens()), blocks(max_blocks);
  for (int64_t b = 0; b < max_blocks; ++b) blocks[b] = static_cast<int32_t>(b);
  StepBatch batch;
  batch.Reserve(64, 4, 4, max_blocks);
  g_allocations = 0;
  for (int64_t step = 0; step < steps + 16; ++step) {
    if (step == 16) count(true);
    batch.Clear();
    batch.Add(tokens.data(), step, 1, blocks, (*model)->block_tokens());
    batch.output_rows.push_back(0);
    const absl::Status status = (*runner)->Run(batch);
    ASSERT_TRUE(status.ok()) << status;
    tokens[step + 1] = static_cast<int32_t>(step % 256);
  }
  count(false);
  EXPECT_LE(g_allocations.load(), allowed);
  EXPECT_EQ((*runner)->prepares(), 1);
}

// DESIGN D3: 4,096 decode steps see one prepare and no allocation.
TEST(StepRunner, DecodeStepsNeitherPrepareNorAllocate) {
  Decode({.context_tokens = 4300}, 4096, 0, [](bool on) { g_counting = on; });
}

// The same where inputs and logits are copied. What the emulated card does on its own thread does not count; its queue
// grows on ours, once, whenever that thread first lags behind: three pieces of work with five allocations each.
TEST(StepRunner, NorDoTheyOnADeviceWithMemoryOfItsOwn) {
  Decode({.devices = {"discrete"}, .plugins = {CONCORD_DISCRETE_PLUGIN}, .context_tokens = 200}, 128, 15,
         [](bool on) { t_counting = on; });
}

}  // namespace
}  // namespace concord::exec

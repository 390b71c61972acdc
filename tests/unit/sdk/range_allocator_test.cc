#include "backends/sdk/range_allocator.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace concord::sdk {
namespace {

struct Range {
  uint64_t begin, size;
};

TEST(RangeAllocator, AlignsAndMerges) {
  RangeAllocator ranges(1024);
  EXPECT_EQ(ranges.Allocate(10, 1), 0u);
  EXPECT_EQ(ranges.Allocate(100, 256), 256u);
  EXPECT_EQ(ranges.Allocate(246, 1), 10u);  // the gap before the alignment
  EXPECT_FALSE(ranges.Allocate(1024, 1).has_value());
  ranges.Free(256, 100);
  ranges.Free(0, 10);
  ranges.Free(10, 246);
  EXPECT_EQ(ranges.used(), 0u);
  EXPECT_EQ(ranges.Allocate(1024, 1), 0u);
  EXPECT_FALSE(ranges.Allocate(1, 1).has_value());
}

TEST(RangeAllocator, NothingFitsIntoNothing) { EXPECT_FALSE(RangeAllocator(0).Allocate(1, 1).has_value()); }

// No two ranges ever overlap, and all comes back.
TEST(RangeAllocator, Random) {
  std::mt19937 random(std::random_device{}());
  RangeAllocator ranges(10'000);
  std::vector<Range> held;
  for (int i = 0; i < 20'000; ++i) {
    if (random() % 2 == 0 && !held.empty()) {
      const size_t at = random() % held.size();
      ranges.Free(held[at].begin, held[at].size);
      held.erase(held.begin() + static_cast<std::ptrdiff_t>(at));
      continue;
    }
    const uint64_t size = 1 + random() % 500, align = uint64_t{1} << random() % 8;
    const std::optional<uint64_t> begin = ranges.Allocate(size, align);
    if (!begin) continue;
    ASSERT_EQ(*begin % align, 0u);
    ASSERT_LE(*begin + size, ranges.size());
    for (const Range& other : held) {
      ASSERT_TRUE(*begin + size <= other.begin || other.begin + other.size <= *begin);
    }
    held.push_back({*begin, size});
  }
  for (const Range& range : held) ranges.Free(range.begin, range.size);
  EXPECT_EQ(ranges.Allocate(10'000, 1), 0u);
}

}  // namespace
}  // namespace concord::sdk

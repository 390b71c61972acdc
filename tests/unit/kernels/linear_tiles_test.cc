#include <gtest/gtest.h>

#include "tests/unit/kernels/emulated_tiles.h"
#include "tests/unit/kernels/linear_testing.h"

// linear in int8 with the tile unit, emulated: the bits are those of the plain code.
namespace concord::kernels {
namespace {

class LinearTilesTest : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    kernel_ = FindEmulatedTiles(GetParam().packing.c_str(), GetParam().arithmetic);
    if (kernel_ == nullptr) GTEST_SKIP() << kNoTiles;
  }
  Problem Make(std::mt19937& rng, int64_t n, int64_t m) const {
    const int64_t block = packing::Find(GetParam().packing.c_str())->block_elems;
    const int64_t k = block * (1 + static_cast<int64_t>(rng() % (block == 32 ? 20 : 3)));
    return Problem(rng(), GetParam().packing.c_str(), GetParam().arithmetic, n, k, m);
  }
  void Run(LinearTile tile) const {
    Scratch scratch(kernel_->scratch_bytes(tile.k, tile.m_end - tile.m_begin));
    tile.scratch = scratch.get();
    kernel_->run(tile);
  }
  void ExpectSame(const Problem& p, LinearTile tile, std::vector<float>* y) const {
    std::vector<float> want;
    tile.y = (want = *y).data();
    p.Run(Isa::kPortable, tile);
    tile.y = y->data();
    Run(tile);
    ASSERT_EQ(std::memcmp(y->data(), want.data(), want.size() * 4), 0)
        << p.m << " rows of x, " << p.n << " of W, k " << p.k << ", " << tile.m_begin << " to " << tile.m_end;
  }

  const LinearKernel* kernel_ = nullptr;
};

TEST_P(LinearTilesTest, AnyNumberOfRowsGivesTheSameBits) {
  std::mt19937 rng(1);
  for (const int64_t m : {1, 24, 25, 32, 40, 515}) {
    const Problem p = Make(rng, 1 + rng() % 75, m);
    std::vector<float> y;
    LinearTile tile = p.Tile(&y);
    tile.bias = m % 2 == 0 ? p.bias.data() : nullptr;
    ExpectSame(p, tile, &y);
  }
}

TEST_P(LinearTilesTest, PartsAndRowsByNumber) {
  std::mt19937 rng(2);
  for (int round = 0; round < 8; ++round) {
    const Problem p = Make(rng, 83, 60);
    std::vector<int32_t> from(60), to(60);
    for (int32_t i = 0; i < 60; ++i) {
      from[static_cast<size_t>(i)] = static_cast<int32_t>(rng() % 60);
      to[static_cast<size_t>(i)] = 59 - i;
    }
    std::vector<float> y;
    LinearTile tile = p.Tile(&y);
    tile.m_begin = rng() % 30;
    tile.m_end = tile.m_begin + 25 + rng() % 5;
    tile.n_begin = rng() % 40;
    tile.n_end = tile.n_begin + 1 + rng() % 43;
    if (round % 2 == 0) tile.x_rows = from.data(), tile.y_rows = to.data();
    ExpectSame(p, tile, &y);
  }
}

TEST_P(LinearTilesTest, LargestSums) {
  Problem p(5, GetParam().packing.c_str(), GetParam().arithmetic, 13, 512, 30);
  p.MakeLargest();
  std::vector<float> y;
  ExpectSame(p, p.Tile(&y), &y);
}

TEST_P(LinearTilesTest, WhatIsNotFiniteShowsInItsRow) {
  std::mt19937 rng(3);
  Problem p = Make(rng, 20, 30);
  p.x[static_cast<size_t>(3 * p.k + 7)] = NAN;
  p.x[static_cast<size_t>(4 * p.k + 9)] = INFINITY;
  p.Refresh();
  std::vector<float> y;
  const LinearTile tile = p.Tile(&y);
  Run(tile);
  for (int64_t i = 0; i < p.m; ++i) {
    for (int64_t j = 0; j < p.n; ++j) {
      ASSERT_EQ(std::isfinite(y[static_cast<size_t>(i * tile.y_stride + j)]), i != 3 && i != 4) << i << " " << j;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Packings, LinearTilesTest, testing::ValuesIn(Int8Cases()),
                         [](const auto& info) { return info.param.packing; });

}  // namespace
}  // namespace concord::kernels

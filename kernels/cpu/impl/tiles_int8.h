#pragma once

#include "kernels/cpu/impl/linear_int8.h"
#include "kernels/cpu/impl/tiles.h"

// What both arithmetics of int8 want of the tile unit (AMX): 16 rows of x are the first operand of a product, read
// where they lie, and a panel of 16 rows of W is the second one: 4 bytes of k a lane are just what the unit wants.
namespace concord::kernels::CONCORD_ISA_NAMESPACE {

constexpr int64_t kUnitTokens = 16;  // rows of x of a product
// Passes that a chunk of x serves while it stays in L2: of kPassTokens it is 128 KiB, and the sums of so many rows of W
// are 256 KiB.
constexpr int64_t kUnitPasses = kWritePasses, kUnitRows = kUnitPasses * kPassRows;

// Where a chunk of k of 16 rows of x is read.
struct UnitRows {
  const int8_t* q;  // of row 0
  int64_t stride;
};
struct UnitCopy {  // where they do not lie in memory one after the other, or are fewer, or shorter
  alignas(64) int8_t q[kUnitTokens][kChunk];
};

CONCORD_INLINE int64_t UnitTiles(int64_t m) { return (Min(m, kPassTokens) + kUnitTokens - 1) / kUnitTokens; }
CONCORD_INLINE int64_t UnitChunks(int64_t k) { return (k + kChunk - 1) / kChunk; }

}  // namespace concord::kernels::CONCORD_ISA_NAMESPACE

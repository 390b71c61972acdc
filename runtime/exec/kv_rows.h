#pragma once

#include <cstdint>

#include "runtime/base/packing/packing.h"
#include "runtime/base/status.h"

namespace concord::exec {

// The layout in which the host reads and writes paged state, of whatever device.
inline constexpr char kNeutralLayout[] = "kv.paged/1";

// How a block of paged state (kv.paged/1: [kv_head, token, d_head]) lies in memory.
struct KvBlockShape {
  const packing::Packing* packing = nullptr;
  int64_t n_kv_heads = 0;
  int64_t block_tokens = 0;
  int64_t d_head = 0;

  int64_t row_bytes() const { return packing->Bytes(d_head); }  // of one head of one token
  int64_t bytes() const { return n_kv_heads * block_tokens * row_bytes(); }
  int64_t row_offset(int64_t head, int64_t token) const { return (head * block_tokens + token) * row_bytes(); }
};

// Copies `elems` elements, a whole number of blocks of both packings, from one packing to another: the bytes where they
// are the same, else through f32, rounding to the nearest. False: one is not finite or too large for `to`.
bool ConvertElems(const packing::Packing& from, const void* in, const packing::Packing& to, void* out, int64_t elems);

// A running checksum over rows of bytes. A change of one word always changes it, since every step is a bijection of the
// sum before and, given that, of the word; any other change is missed once in 2^64. It is not for adversaries.
uint64_t ChecksumOf(const void* bytes, int64_t size, uint64_t sum);
inline constexpr uint64_t kChecksumSeed = 0xCBF29CE484222325u;

}  // namespace concord::exec

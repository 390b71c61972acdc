#pragma once

#include <cstdint>
#include <cstring>

#include "half.h"
#include "packing.h"

// What the packings share: a packing file defines Block, kBlockElems, DecodeBlock and, where Concord writes it,
// EncodeBlock for one block; the templates below make the functions of struct Packing from them.
//
// Every product of a decode formula fits the 24 bits of an f32 (11 of a half, at most 12 of scale times element), so
// only the one addition of formats with a minimum rounds: fused multiply-add and any order of factors give the same
// bits.
//
// The house includes packings from the repository root; these files include each other as neighbours, because they
// are installed as a folder of their own.
namespace concord::packing {

inline int LowNibble(uint8_t byte) { return byte & 15; }
inline int HighNibble(uint8_t byte) { return byte >> 4; }

// Blocks are copied before they are read: rows in files and slices need not be aligned.
template <typename Block, int kElems, void (*kDecodeBlock)(const Block&, float*)>
void DecodeBlocks(const void* blocks, int64_t n_blocks, float* out) {
  const auto* bytes = static_cast<const unsigned char*>(blocks);
  for (int64_t i = 0; i < n_blocks; ++i) {
    Block block;
    std::memcpy(&block, bytes + i * static_cast<int64_t>(sizeof(Block)), sizeof(Block));
    kDecodeBlock(block, out + i * kElems);
  }
}

inline bool AllFinite(const float* values, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    if (!IsFiniteF32(values[i])) return false;
  }
  return true;
}

// kEncodeBlock sees finite values and a block of zeros; it returns false when a scale leaves the range of its type.
template <typename Block, int kElems, bool (*kEncodeBlock)(const float*, Block*)>
bool EncodeBlocks(const float* in, int64_t n_blocks, void* blocks) {
  auto* bytes = static_cast<unsigned char*>(blocks);
  for (int64_t i = 0; i < n_blocks; ++i) {
    Block block = {};
    if (!AllFinite(in + i * kElems, kElems) || !kEncodeBlock(in + i * kElems, &block)) return false;
    std::memcpy(bytes + i * static_cast<int64_t>(sizeof(Block)), &block, sizeof(Block));
  }
  return true;
}

}  // namespace concord::packing

#include "backends/gpu/weights.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "runtime/base/packing/q4_k.h"
#include "runtime/base/packing/q6_k.h"
#include "runtime/base/packing/q8_0.h"

namespace concord::gpu {
namespace {

template <typename Block>
Block Read(const uint8_t* bytes) {
  Block block;  // blocks of the file need not be aligned
  std::memcpy(&block, bytes, sizeof block);
  return block;
}

// Of 32 elements the bits of four side by side go to the same place in the bytes of one word, so that kernels have four
// int8 by one mask: nibbles in bytes j and, the higher ones, j + 16; pairs in two words accordingly. Written by bytes,
// in loops that compilers turn into vectors: loading is then as fast as copying, and a packed copy on disk, which is
// twice the size of the model in all, would save nothing (q4_k on a Xeon core, 2026-11: 0.45 GB/s word by word).
void PutNibbles(const uint8_t* nibbles, uint32_t* words) {
  uint8_t bytes[16];
  for (int j = 0; j < 16; ++j) bytes[j] = static_cast<uint8_t>(nibbles[j] | nibbles[j + 16] << 4);
  std::memcpy(words, bytes, sizeof bytes);
}
void PutPairs(const uint8_t* pairs, uint32_t* words) {
  uint8_t bytes[8];
  for (int j = 0; j < 8; ++j) {
    const uint8_t* p = pairs + j / 4 * 16 + j % 4;
    bytes[j] = static_cast<uint8_t>(p[0] | p[4] << 2 | p[8] << 4 | p[12] << 6);
  }
  std::memcpy(words, bytes, sizeof bytes);
}

void SplitQ8_0(const uint8_t* block, uint32_t* quants, uint16_t* scales, uint32_t*) {
  std::memcpy(scales, block, 2);
  std::memcpy(quants, block + 2, 32);
}

void SplitQ4_0(const uint8_t* block, uint32_t* quants, uint16_t* scales, uint32_t*) {
  std::memcpy(scales, block, 2);
  std::memcpy(quants, block + 2, 16);  // nibbles lie so already
}

void SplitMxfp4(const uint8_t* block, uint32_t* quants, uint16_t* scales, uint32_t*) {
  *scales = block[0];
  std::memcpy(quants, block + 1, 16);
}

void SplitQ4_K(const uint8_t* bytes, uint32_t* quants, uint16_t* scales, uint32_t* supers) {
  const auto block = Read<packing::q4_k::Block>(bytes);
  *supers = block.d | static_cast<uint32_t>(block.dmin) << 16;
  for (int s = 0; s < 8; ++s, quants += 4) {
    int scale = 0, minimum = 0;
    packing::UnpackScaleMin(block.scales, s, &scale, &minimum);
    scales[s] = static_cast<uint16_t>(scale | minimum << 8);
    uint8_t nibbles[32];
    for (int l = 0; l < 32; ++l) nibbles[l] = (block.qs[s / 2 * 32 + l] >> (s % 2 * 4)) & 15u;
    PutNibbles(nibbles, quants);
  }
}

void SplitQ6_K(const uint8_t* bytes, uint32_t* quants, uint16_t* scales, uint32_t* supers) {
  const auto block = Read<packing::q6_k::Block>(bytes);
  *supers = block.d;
  std::memcpy(scales, block.scales, 16);
  for (int s = 0; s < 8; ++s, quants += 6) {
    const int half = s / 4, t = s % 4;
    uint8_t nibbles[32], pairs[32];
    for (int l = 0; l < 32; ++l) {
      nibbles[l] = (block.ql[64 * half + 32 * (t % 2) + l] >> (t / 2 * 4)) & 15u;
      pairs[l] = (block.qh[32 * half + l] >> (2 * t)) & 3u;
    }
    PutNibbles(nibbles, quants);
    PutPairs(pairs, quants + 4);
  }
}

// Sorted. Where `split` is null the row's bytes are its units already.
constexpr WeightFormat kFormats[] = {
    {"bf16", 8, 4, false, 0, 1, 2, nullptr},       {"f16", 8, 4, false, 0, 1, 2, nullptr, true},
    {"f32", 8, 8, false, 0, 1, 4, nullptr},        {"mxfp4", 32, 4, true, 0, 32, 17, SplitMxfp4},
    {"q4_0", 32, 4, true, 0, 32, 18, SplitQ4_0},   {"q4_k", 32, 4, true, 8, 256, 144, SplitQ4_K},
    {"q6_k", 32, 6, true, 8, 256, 210, SplitQ6_K}, {"q8_0", 32, 8, true, 0, 32, 34, SplitQ8_0},
};

constexpr uint64_t kAlign = 16;  // of a plane: what the widest load of a kernel wants
uint64_t Aligned(uint64_t bytes) { return (bytes + kAlign - 1) / kAlign * kAlign; }

void Place(const WeightFormat& format, int64_t row_units, WeightLayout::Part* part) {
  const auto units = static_cast<uint64_t>(part->rows * row_units);
  uint64_t bytes = Aligned(units * format.quant_words * 4);
  part->scales_word = bytes / 4;
  if (format.scales) bytes += Aligned(units * 2);
  part->supers_word = bytes / 4;
  if (format.super_units > 0) bytes += Aligned(units / format.super_units * 4);
  if (format.has_f16) bytes += kAlign;
  part->bytes = std::max(bytes, kAlign);  // something to bind even where there are no rows
}

}  // namespace

const WeightFormat* FindFormat(std::string_view packing) {
  for (const WeightFormat& format : kFormats) {
    if (packing == format.packing) return &format;
  }
  return nullptr;
}

WeightLayout WeightLayout::Make(const WeightFormat& format, int64_t rows, int64_t cols, uint64_t max_part_bytes) {
  WeightLayout layout;
  layout.format = &format;
  layout.rows = rows;
  layout.cols = cols;
  layout.row_units = (cols + format.unit_elems - 1) / format.unit_elems;
  // What a row takes, and what the planes of a part may lose to their alignment.
  const auto units = static_cast<uint64_t>(layout.row_units);
  const uint64_t row_bytes = units * (format.quant_words * 4 + (format.scales ? 2 : 0)) +
                             (format.super_units > 0 ? units / format.super_units * 4 : 0);
  const uint64_t loss = std::min(max_part_bytes, 3 * kAlign);
  const uint64_t most = std::max<uint64_t>(1, (max_part_bytes - loss) / std::max<uint64_t>(1, row_bytes));
  Part part;
  do {
    part.rows = static_cast<int64_t>(std::min(static_cast<uint64_t>(rows - part.row_begin), most));
    Place(format, layout.row_units, &part);
    layout.parts.push_back(part);
    part.row_begin += part.rows;
  } while (part.row_begin < rows);
  return layout;
}

void WeightLayout::Fill(const Part& p, int64_t first, int64_t count, const uint8_t* row, uint64_t stride_bytes,
                        uint32_t* out) const {
  const int64_t blocks = cols / format->block_elems;
  const uint32_t block_units = format->split == nullptr ? 0 : format->block_elems / format->unit_elems;
  for (int64_t r = first; r < first + count; ++r, row += stride_bytes) {
    auto unit = static_cast<uint64_t>(r * row_units);
    uint32_t* quants = out + unit * format->quant_words;
    std::memset(quants, 0, static_cast<size_t>(row_units) * format->quant_words * 4);
    if (format->split == nullptr) {
      std::memcpy(quants, row, static_cast<size_t>(blocks) * format->block_bytes);
      continue;
    }
    // Two units share a word of scales: bytes are copied, so that rows side by side may be filled at the same time.
    auto* scales = reinterpret_cast<uint8_t*>(out + p.scales_word) + unit * 2;
    for (int64_t b = 0; b < blocks; ++b, unit += block_units) {
      uint16_t block_scales[8] = {};
      uint32_t super = 0;
      format->split(row + b * format->block_bytes, quants, block_scales, &super);
      std::memcpy(scales, block_scales, block_units * 2);
      if (format->super_units > 0) out[p.supers_word + unit / format->super_units] = super;
      quants += block_units * format->quant_words;
      scales += block_units * 2;
    }
  }
}

void WeightLayout::FillFactor(const Part& p, uint32_t* out) const {
  if (!format->has_f16) return;
  const auto* halves = reinterpret_cast<const uint16_t*>(out);
  uint16_t largest = 0;
  for (uint64_t i = 0; i < p.supers_word * 2; ++i) {
    largest = std::max(largest, static_cast<uint16_t>(halves[i] & 0x7fffu));
  }
  // The factor is a half itself.
  const int exponent = (largest >> 10) - 15, shift = std::min(8 - exponent, 15);
  const float factor = std::ldexp(1.0f, shift), inverse = std::ldexp(1.0f, -shift);
  std::memcpy(out + p.supers_word, &factor, 4);
  std::memcpy(out + p.supers_word + 1, &inverse, 4);
}

}  // namespace concord::gpu

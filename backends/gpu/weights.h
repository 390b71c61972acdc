#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace concord::gpu {

// How the kernels read a packing: in units of `unit_elems` elements of a row, each of which has `quant_words` 32-bit
// words of its own and, where the packing has them, a 16-bit scale and a share in the word that `super_units` units
// have in common. Units are rewritten into this form when a constant is created, so that invocations side by side read
// words side by side; kernels/gpu/packing/<packing>.inc decodes it.
struct WeightFormat {
  const char* packing;
  uint32_t unit_elems;
  uint32_t quant_words;
  bool scales;           // 16 bits a unit
  uint32_t super_units;  // units that share a 32-bit word; 0: none
  uint32_t block_elems;  // as in the file
  uint32_t block_bytes;
  // One block of the file: quants, scales and supers of its units one after the other.
  void (*split)(const uint8_t* block, uint32_t* quants, uint16_t* scales, uint32_t* supers);
  bool has_f16 = false;  // whether there are kernels of arithmetic f16, for which a part has a factor

  // Whether there are kernels of arithmetic int8/32: a unit has as many elements as it rounds together.
  bool int8() const { return unit_elems == 32; }
};

// Null: no kernel reads this packing.
const WeightFormat* FindFormat(std::string_view packing);

// Where the rows of a matrix are on the device: in parts that one buffer of a kernel can be bound to, each with its
// quants, then its scales, then its supers. Rows are padded with zeros to whole units.
struct WeightLayout {
  struct Part {
    int64_t row_begin = 0, rows = 0;
    uint64_t scales_word = 0, supers_word = 0;  // where these begin, in words from the start of the part
    uint64_t bytes = 0;                         // a multiple of 16
  };

  const WeightFormat* format = nullptr;
  int64_t rows = 0, cols = 0;
  int64_t row_units = 0;
  std::vector<Part> parts;

  static WeightLayout Make(const WeightFormat& format, int64_t rows, int64_t cols, uint64_t max_part_bytes);
  // Once all rows of part `p` are there: its factor, a power of two by which its largest element stays below 512, and
  // the inverse of that, where its supers would begin.
  void FillFactor(const Part& p, uint32_t* out) const;
  // Writes rows [first, first + count) of part `p` from rows of the file that lie `stride_bytes` apart; `row` is the
  // first of them, `out` the whole part.
  void Fill(const Part& p, int64_t first, int64_t count, const uint8_t* row, uint64_t stride_bytes,
            uint32_t* out) const;
};

}  // namespace concord::gpu

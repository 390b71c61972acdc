#pragma once

#include <cstdint>

// C++17, standard headers only: shared by the loader, the kernels and authors of plugins.
namespace concord::packing {

// How elements of a tensor lie in memory: `block_elems` consecutive elements of a row become `block_bytes` bytes.
// Plain types ("f32", "i32") are packings with one element a block. A packing is identified by its address:
// there is one object a name, made at build time from the sorted list in runtime/base/CMakeLists.txt.
struct Packing {
  const char* name;      // "q4_k", "f32": lower case, as used in files, on the border and in messages
  int32_t gguf_type;     // tensor type id in GGUF files; -1 where GGUF has none
  uint32_t block_elems;  // elements a block
  uint32_t block_bytes;  // bytes a block

  // Decodes n_blocks consecutive blocks to n_blocks * block_elems values. Reference code: clear, exact in f32, not
  // fast. `blocks` need not be aligned.
  void (*decode)(const void* blocks, int64_t n_blocks, float* out);

  // The inverse, rounding to the nearest representable; null where Concord does not write this packing.
  // False when an input is not finite or too large for the packing (the blocks are then unspecified).
  bool (*encode)(const float* in, int64_t n_blocks, void* blocks);

  // Bytes of `elems` elements; -1 when they do not fill whole blocks or the size leaves 64 bits.
  int64_t Bytes(int64_t elems) const {
    int64_t bytes = 0;
    if (elems < 0 || elems % block_elems != 0) return -1;
    return __builtin_mul_overflow(elems / block_elems, static_cast<int64_t>(block_bytes), &bytes) ? -1 : bytes;
  }
};

const Packing* Find(const char* name);       // null when unknown
const Packing* FindGguf(int32_t gguf_type);  // null when unknown
const Packing* const* All(int32_t* count);   // every packing, sorted by name; lives for ever

}  // namespace concord::packing

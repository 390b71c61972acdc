#pragma once

#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "kernels/cpu/isa.h"
#include "runtime/base/packing/half.h"
#include "runtime/base/packing/packing.h"

namespace concord::kernels {

inline std::vector<Isa> SupportedIsas() {
  std::vector<Isa> isas;
  for (int i = 0; i < kIsaCount; ++i) {
    if (IsaSupported(static_cast<Isa>(i))) isas.push_back(static_cast<Isa>(i));
  }
  return isas;
}

inline std::vector<float> RandomFloats(std::mt19937& rng, int64_t n, float deviation = 1.0f) {
  std::normal_distribution<float> normal(0.0f, deviation);
  std::vector<float> v(static_cast<size_t>(n));
  for (float& x : v) x = normal(rng);
  return v;
}

// Memory aligned to 64 for scratch, filled with bytes that make bad floats.
class Scratch {
 public:
  explicit Scratch(int64_t bytes) : memory_(static_cast<size_t>(bytes) + 128, 0xff) {}
  void* get() {
    const auto at = reinterpret_cast<uintptr_t>(memory_.data());
    return memory_.data() + ((at + 63) / 64 * 64 - at);
  }

 private:
  std::vector<uint8_t> memory_;
};

// Where a packing keeps its half-precision scales in a block.
inline std::vector<int> HalfOffsets(const std::string& name) {
  if (name == "q4_1" || name == "q5_1" || name == "q4_k" || name == "q5_k") return {0, 2};
  if (name == "q2_k") return {80, 82};
  if (name == "q3_k") return {108};
  if (name == "q6_k") return {208};
  return {0};
}

// n random elements of `packing` with moderate scales: every other bit is random, so every code occurs.
inline std::vector<uint8_t> RandomBlocks(std::mt19937& rng, const packing::Packing& packing, int64_t elems) {
  const int64_t n_blocks = elems / packing.block_elems;
  std::vector<uint8_t> bytes(static_cast<size_t>(n_blocks) * packing.block_bytes);
  for (uint8_t& b : bytes) b = static_cast<uint8_t>(rng());
  std::uniform_real_distribution<float> uniform(-0.02f, 0.02f);
  const std::string name = packing.name;
  for (int64_t i = 0; i < n_blocks; ++i) {
    uint8_t* block = bytes.data() + i * packing.block_bytes;
    if (name == "f32") {
      const float f = uniform(rng) * 50;
      std::memcpy(block, &f, 4);
    } else if (name == "f16" || name == "bf16") {
      const float f = uniform(rng) * 50;
      const uint16_t h = name == "f16" ? packing::F32ToF16(f) : packing::F32ToBf16(f);
      std::memcpy(block, &h, 2);
    } else if (name == "mxfp4") {
      block[0] = static_cast<uint8_t>(110 + rng() % 20);
    } else if (packing.block_elems > 1) {
      for (int at : HalfOffsets(name)) {
        const uint16_t h = packing::F32ToF16(uniform(rng));
        std::memcpy(block + at, &h, 2);
      }
    }
  }
  return bytes;
}

inline uint32_t Bits(float f) {
  uint32_t bits;
  std::memcpy(&bits, &f, 4);
  return bits;
}

}  // namespace concord::kernels

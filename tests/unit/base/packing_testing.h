#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "runtime/base/packing/packing.h"

// What the tests of the packings share.
namespace concord::packing {

// Bytes of a block read bit by bit.
class Bits {
 public:
  explicit Bits(const uint8_t* bytes) : bytes_(bytes) {}

  // `count` bits from bit `offset` of the little-endian bit string that starts at byte `byte`.
  int At(int byte, int offset, int count) const {
    int value = 0;
    for (int i = 0; i < count; ++i) {
      const int bit = 8 * byte + offset + i;
      value += ((bytes_[bit / 8] >> (bit % 8)) & 1) * (1 << i);
    }
    return value;
  }

  double Half(int byte) const {
    const int fraction = At(byte, 0, 10);
    const int exponent = At(byte, 10, 5);
    const double sign = At(byte, 15, 1) ? -1 : 1;
    if (exponent == 31) return fraction ? std::nan("") : sign * std::numeric_limits<double>::infinity();
    return sign * std::ldexp(exponent ? 1024 + fraction : fraction, std::max(exponent, 1) - 25);
  }

 private:
  const uint8_t* bytes_;
};

inline int Signed(int value, int bits) { return value >= 1 << (bits - 1) ? value - (1 << bits) : value; }

// Nibble of element e in blocks of 32 whose halves share bytes.
inline int Nibble32(const Bits& b, int byte, int e) { return b.At(byte + e % 16, e < 16 ? 0 : 4, 4); }

inline std::vector<const Packing*> AllPackings() {
  int32_t count = 0;
  const Packing* const* all = All(&count);
  return std::vector<const Packing*>(all, all + count);
}

inline std::vector<const Packing*> Writable() {
  std::vector<const Packing*> packings;
  for (const Packing* packing : AllPackings()) {
    if (packing->encode != nullptr) packings.push_back(packing);
  }
  return packings;
}

inline std::vector<float> Decode(const Packing& packing, const std::vector<uint8_t>& blocks) {
  const int64_t n_blocks = static_cast<int64_t>(blocks.size()) / packing.block_bytes;
  std::vector<float> values(n_blocks * packing.block_elems);
  packing.decode(blocks.data(), n_blocks, values.data());
  return values;
}

// Encodes (the count must fill whole blocks) and decodes; empty when the encoder refuses.
inline std::vector<float> RoundTrip(const Packing& packing, const std::vector<float>& values) {
  const int64_t elems = static_cast<int64_t>(values.size());
  std::vector<uint8_t> blocks(packing.Bytes(elems));
  if (!packing.encode(values.data(), elems / packing.block_elems, blocks.data())) return {};
  return Decode(packing, blocks);
}

inline std::vector<float> Gaussian(int count, float deviation, uint32_t seed, float mean = 0) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal(mean, deviation);
  std::vector<float> values(count);
  for (float& value : values) value = normal(generator);
  return values;
}

inline double SquaredError(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += (double{a[i]} - b[i]) * (double{a[i]} - b[i]);
  return sum;
}

inline double RelativeError(const std::vector<float>& got, const std::vector<float>& want) {
  return std::sqrt(SquaredError(got, want) / SquaredError(want, std::vector<float>(want.size())));
}

// Relative root mean square error. A uniform quantiser of b bits over +-3 deviations has about 6 / 2^b / sqrt(12).
inline std::map<std::string, double> ErrorBounds() {
  return {
      {"f32", 0},      {"f16", 0.0003},  {"bf16", 0.002},  {"q8_0", 0.0058}, {"q6_k", 0.018},
      {"q5_k", 0.037}, {"q5_1", 0.04},   {"q5_0", 0.045},  {"q4_k", 0.0745}, {"q4_1", 0.081},
      {"q4_0", 0.09},  {"iq4_nl", 0.08}, {"mxfp4", 0.115},
  };
}

}  // namespace concord::packing

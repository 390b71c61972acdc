#include <cmath>
#include <random>

#include "tests/cross/kernels/check.h"
#include "tests/unit/base/packing_elements.h"

namespace concord::kernels::cross {
namespace {

using packing::Packing;

// Random blocks, every bit of them, through the second reading of the format.
void CheckDecode(const Packing& packing, std::mt19937* rng) {
  const auto element = packing::Elements().find(packing.name);
  if (!Check(element != packing::Elements().end(), packing.name, "nothing", "a second reading")) return;
  constexpr int64_t kBlocks = 8;
  const int64_t n_blocks = packing.block_elems == 1 ? 64 * kBlocks : kBlocks;
  std::vector<uint8_t> blocks(static_cast<size_t>(n_blocks * packing.block_bytes));
  for (uint8_t& b : blocks) b = static_cast<uint8_t>((*rng)());
  std::vector<double> want;
  for (int64_t b = 0; b < n_blocks; ++b) {
    const packing::Bits bits(blocks.data() + b * packing.block_bytes);
    for (uint32_t e = 0; e < packing.block_elems; ++e) {
      want.push_back(static_cast<float>(element->second(bits, static_cast<int>(e))));
    }
  }
  CheckNear(std::string("decode ") + packing.name, packing::Decode(packing, blocks), want, [](size_t) { return 0.0; });
}

void CheckEncode(const Packing& packing) {
  const std::string what = std::string("encode ") + packing.name;
  for (float deviation : {1.0f, 300.0f}) {
    const std::vector<float> values = packing::Gaussian(256 * 16, deviation, 11);
    const std::vector<float> got = packing::RoundTrip(packing, values);
    if (!Check(got.size() == values.size(), what, std::to_string(got.size()), std::to_string(values.size()))) continue;
    // Fewer values than the bounds were made for: a tenth more.
    const double error = packing::RelativeError(got, values), bound = 1.1 * packing::ErrorBounds().at(packing.name);
    Check(error <= bound, what + ": relative error", std::to_string(error), std::to_string(bound));
  }
  CheckNear(what + " of zeros", packing::RoundTrip(packing, std::vector<float>(512)), std::vector<double>(512),
            [](size_t) { return 0.0; });
  for (float bad : {NAN, INFINITY, -INFINITY}) {
    std::vector<float> values(512, 1.0f);
    values[300] = bad;
    Check(packing::RoundTrip(packing, values).empty(), what + " of " + std::to_string(bad), "blocks", "a refusal");
  }
}

std::string Hex(const std::vector<uint8_t>& bytes) {
  std::string text;
  for (uint8_t b : bytes) {
    text += "0123456789abcdef"[b >> 4];
    text += "0123456789abcdef"[b & 15];
  }
  return text;
}

// Blocks that can be written down by hand.
void CheckKnownBytes() {
  std::vector<float> steps;
  for (int i = 0; i < 32; ++i) steps.push_back(static_cast<float>(i % 16 - 8));
  const struct {
    const char* packing;
    std::vector<float> values;
    const char* bytes;
  } rows[] = {
      {"f32", {1.0f, -2.0f}, "0000803f000000c0"},
      {"f16", {1.0f, -2.0f, 65504.0f, 0x1p-24f}, "003c00c0ff7b0100"},
      {"bf16", {1.0f, -2.0f}, "803f00c0"},
      // d = -8 / -8; element i and i + 16 share a byte, and are the same here
      {"q4_0", steps, "003c00112233445566778899aabbccddeeff"},
  };
  for (const auto& row : rows) {
    const Packing& packing = *packing::Find(row.packing);
    std::vector<uint8_t> blocks(static_cast<size_t>(packing.Bytes(static_cast<int64_t>(row.values.size()))));
    const bool taken =
        packing.encode(row.values.data(), static_cast<int64_t>(row.values.size()) / packing.block_elems, blocks.data());
    Check(taken && Hex(blocks) == row.bytes, std::string("bytes of ") + row.packing, Hex(blocks), row.bytes);
  }
}

}  // namespace

void CheckPacking() {
  std::mt19937 rng(51);
  CheckKnownBytes();
  for (const Packing* packing : packing::AllPackings()) {
    CheckDecode(*packing, &rng);
    if (packing->encode != nullptr) CheckEncode(*packing);
  }
}

}  // namespace concord::kernels::cross

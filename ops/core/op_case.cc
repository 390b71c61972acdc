#include "ops/core/op_case.h"

#include <cmath>
#include <cstring>

namespace concord::ops {

uint64_t CaseRng::Next() {
  uint64_t z = (state_ += 0x9E3779B97F4A7C15ull);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31);
}

double CaseRng::Uniform(double low, double high) {
  return low + (high - low) * (static_cast<double>(Next() >> 11) * 0x1p-53);
}

int64_t CaseRng::Int(int64_t low, int64_t high) {
  return low + static_cast<int64_t>(Next() % static_cast<uint64_t>(high - low + 1));
}

namespace {

bool IsInteger(const packing::Packing& p) { return p.name[0] == 'i' && p.block_elems == 1; }

// Random bytes until the block decodes to moderate finite values: formats without an encoder hold half-precision
// scales at places only they know, and one draw in four to sixteen gives usable ones.
void FillRandomBlocks(CaseRng& rng, const TensorView& view) {
  const packing::Packing& p = *view.packing();
  std::vector<float> values(p.block_elems);
  auto* bytes = static_cast<uint8_t*>(view.data());
  for (int64_t b = 0; b < view.size_bytes() / p.block_bytes; ++b, bytes += p.block_bytes) {
    bool usable = false;
    for (int tries = 0; tries < 4096 && !usable; ++tries) {
      for (uint32_t i = 0; i < p.block_bytes; ++i) bytes[i] = static_cast<uint8_t>(rng.Next());
      p.decode(bytes, 1, values.data());
      usable = true;
      for (float v : values) usable = usable && std::isfinite(v) && std::fabs(v) <= 4.0f;
    }
    if (!usable) std::memset(bytes, 0, p.block_bytes);
  }
}

}  // namespace

void FillUniform(CaseRng& rng, const TensorView& view) {
  const packing::Packing& p = *view.packing();
  if (IsInteger(p)) {
    std::memset(view.data(), 0, view.size_bytes());
  } else if (p.encode == nullptr) {
    FillRandomBlocks(rng, view);
  } else {
    std::vector<double> row(view.cols());
    for (int64_t r = 0; r < view.rows(); ++r) {
      for (double& v : row) v = rng.Uniform(-1.0, 1.0);
      view.WriteRow(r, row.data());
    }
  }
}

const CaseTensor* OpCase::Find(absl::string_view slot) const {
  for (const CaseTensor& t : inputs) {
    if (slot == t.slot) return &t;
  }
  return nullptr;
}

int64_t OpCase::dim(absl::string_view slot, int i) const {
  const CaseTensor* t = Find(slot);
  if (t == nullptr) return 1;
  const int rank = static_cast<int>(t->dims.size());
  const int at = i < 0 ? i + rank : i;
  return at >= 0 && at < rank ? t->dims[at] : 1;
}

uint64_t OpCase::seed() const {
  uint64_t hash = 0xCBF29CE484222325ull;
  for (char c : full_name()) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001B3ull;
  return hash;
}

}  // namespace concord::ops

#include <cmath>
#include <random>

#include "tests/cross/kernels/check.h"
#include "tests/unit/kernels/linear_testing.h"

namespace concord::kernels::cross {
namespace {

std::vector<Case> AllCases() {
  std::vector<Case> cases = Cases();
  for (const char* name : {"i8", "u8", "i32"}) cases.push_back({name, "f32"});  // through "*" alone
  return cases;
}

// Bytes [first, second) of a block that hold codes, where the packing has a minimum beside them.
std::pair<int, int> CodeBytes(const std::string& packing) {
  if (packing == "q4_1") return {4, 20};
  if (packing == "q5_1") return {4, 24};
  if (packing == "q4_k") return {16, 144};
  if (packing == "q5_k") return {16, 176};
  if (packing == "q2_k") return {16, 80};
  return {0, 0};
}

// The size of what is added up: |scale * u| + |min|, for each weight of row j.
std::vector<double> Magnitudes(const Problem& p, int64_t j) {
  const float* w = p.decoded.data() + j * p.k;
  std::vector<double> size(w, w + p.k);
  const auto [first, end] = CodeBytes(p.packing->name);
  if (p.Int8() && end > first) {  // a block whose codes are 0 decodes to its minima
    const auto* row = p.weights.data() + 1 + j * p.row_stride;
    std::vector<uint8_t> blocks(row, row + p.row_bytes);
    for (size_t b = 0; b < blocks.size(); b += p.packing->block_bytes) {
      std::fill(blocks.begin() + static_cast<int64_t>(b) + first, blocks.begin() + static_cast<int64_t>(b) + end, 0);
    }
    std::vector<float> minima(size.size());
    p.packing->decode(blocks.data(), p.k / p.packing->block_elems, minima.data());
    for (size_t i = 0; i < size.size(); ++i) size[i] = std::fabs(size[i] - minima[i]) + std::fabs(minima[i]);
  }
  for (double& s : size) s = std::fabs(s);
  return size;
}

// Bound of the error relative to the sum of the magnitudes of all terms, in roundings of 2^-24, from linear.h:
//   int8     an addition a group (two with a minimum) or, of blocks, fewer and two at the end of each; the roundings of
//            the factors: two scales and their product, the scaled sum, the decoded minimum; and the bias
//   f32      an addition every 16 and the 4 of the tree, the bias; the factors are those of the reference
double Roundings(const Problem& p) {
  const std::string name = p.packing->name;
  const int64_t group = name == "q2_k" || name == "q3_k" || name == "q6_k" ? 16 : 32;
  const int64_t has_min = CodeBytes(name).second > 0 ? 1 : 0;
  const int64_t steps = p.Int8() ? p.k / group * (1 + has_min) + 8 : (p.k + 15) / 16 + 6;
  return static_cast<double>(steps) * 0x1p-24;
}

// y against float64, where it is finite and in range: what is not finite must show. Where an x is so large that its
// scale times that of W (up to 65504 * 63) leaves the range, int8 may say NaN though the sum is none.
void CheckAgainstReference(const std::string& what, const Problem& p, const std::vector<float>& y, bool with_bias) {
  // Below the normal floats errors are absolute: at most 2^-150 a rounding, times a sum of 256 * 255 * 127 in int8.
  const double tiny = static_cast<double>(p.k) * 0x1p-150 * (p.Int8() ? 256.0 * 255 * 127 : 2.0);
  for (int64_t j = 0; j < p.n; ++j) {
    const std::vector<double> magnitudes = Magnitudes(p, j);
    for (int64_t i = 0; i < p.m; ++i) {
      double want = with_bias ? p.bias[static_cast<size_t>(j)] : 0.0;
      double size = std::fabs(want), largest = 0;
      for (int64_t c = 0; c < p.k; ++c) {
        const double x = p.x_f32[static_cast<size_t>(i * p.k + c)];
        want += double{p.decoded[static_cast<size_t>(j * p.k + c)]} * x;
        size += magnitudes[static_cast<size_t>(c)] * std::fabs(x);
        largest = std::max(largest, std::fabs(x));
      }
      const float got = y[static_cast<size_t>(i * (p.n + 5) + j)];
      const std::string where =
          what + " n " + std::to_string(j) + " m " + std::to_string(i) + " k " + std::to_string(p.k);
      if (!std::isfinite(size)) {
        Check(!std::isfinite(got), where, std::to_string(got), "a value that is not finite");
      } else if (size < 1e37 && (!p.Int8() || largest < 1e30)) {
        const double error = std::fabs(got - want);
        Check(error <= Roundings(p) * size + tiny, where, std::to_string(got), std::to_string(want));
      }
    }
  }
}

// A tile of some rows of W and x, by number where `numbered`; the rest of y keeps its guards.
std::vector<float> RunTile(const Problem& p, Isa isa, uint32_t seed, bool numbered) {
  std::mt19937 rng(seed);
  const auto below = [&](int64_t n) { return static_cast<int64_t>(rng() % static_cast<uint64_t>(n)); };
  std::vector<float> y;
  LinearTile tile = p.Tile(&y);
  tile.bias = rng() % 2 == 0 ? p.bias.data() : nullptr;
  tile.n_begin = below(p.n);
  tile.n_end = tile.n_begin + 1 + below(p.n - tile.n_begin);
  tile.m_begin = below(p.m);
  tile.m_end = tile.m_begin + 1 + below(p.m - tile.m_begin);
  std::vector<int32_t> from, to;
  for (int64_t i = 0; i < p.m; ++i) {
    from.push_back(static_cast<int32_t>(below(p.m)));
    to.push_back(static_cast<int32_t>(p.m - 1 - i));
  }
  if (numbered) {
    tile.x_rows = from.data();
    tile.y_rows = to.data();
  }
  p.Run(isa, tile);
  return y;
}

// Puts what is extreme into half of the rows of W and of x.
void MakeExtreme(Problem* p, std::mt19937* rng) {
  const float values[] = {NAN, INFINITY, -INFINITY, 0.0f, -0.0f, 1e-45f, -1e-39f, 3.4e38f, -3.4e38f, 65504.0f};
  const uint16_t halves[] = {0x7e00, 0x7c00, 0xfc00, 0x0000, 0x8000, 0x0001, 0x83ff, 0x7bff, 0xfbff};
  const std::string name = p->packing->name;
  for (int64_t j = 0; j < p->n; j += 2) {
    const auto block = static_cast<int64_t>((*rng)() % static_cast<uint64_t>(p->k / p->packing->block_elems));
    uint8_t* at = p->weights.data() + 1 + j * p->row_stride + block * p->packing->block_bytes;
    const float value = values[(*rng)() % 10];
    const uint16_t half = halves[(*rng)() % 9];
    const uint16_t bf16 = packing::F32ToBf16(value);
    if (name == "f32") {
      std::memcpy(at, &value, 4);
    } else if (name == "bf16") {
      std::memcpy(at, &bf16, 2);
    } else if (name == "mxfp4") {
      at[0] = static_cast<uint8_t>(j % 4 == 0 ? 255 : (j / 4) % 4);  // NaN, and near 2^-127
    } else if (name == "f16" || p->packing->block_elems > 1) {
      for (int offset : HalfOffsets(name)) std::memcpy(at + offset, &half, 2);
    }
  }
  for (int64_t i = 0; i < p->m; i += 2) p->x[static_cast<size_t>(i * p->k + (*rng)() % p->k)] = values[(*rng)() % 10];
  p->Refresh();
}

void CheckCase(const Case& c, std::mt19937* rng) {
  const packing::Packing* packing = packing::Find(c.packing.c_str());
  const int64_t block = packing->block_elems;
  constexpr int kRounds = 12;
  for (int round = 0; round < kRounds; ++round) {
    const int64_t k = block == 1 ? 1 + (*rng)() % 150 : block * (1 + (*rng)() % (block == 32 ? 12 : 2));
    const bool many = round == 1 && c.arithmetic[0] == 'i';  // more rows of x than a pass takes
    const int64_t m = round == 0 ? 1 : many ? 515 : 1 + (*rng)() % 9;
    Problem p((*rng)(), c.packing.c_str(), c.arithmetic, many ? 7 : 1 + (*rng)() % 40, k, m);
    if (round >= kRounds / 2) MakeExtreme(&p, rng);
    const std::string what = "linear " + c.packing + " " + c.arithmetic;
    const bool with_bias = round % 2 == 0;
    const std::vector<float> y = SameInEveryVariant(what, [&](Isa isa) { return p.RunWhole(isa, with_bias); });
    CheckAgainstReference(what, p, y, with_bias);
    const uint32_t seed = (*rng)();
    for (bool numbered : {false, true}) {
      SameInEveryVariant(what + " tile", [&](Isa isa) { return RunTile(p, isa, seed, numbered); });
    }
  }
}

}  // namespace

void CheckLinear() {
  std::mt19937 rng(41);
  for (const Case& c : AllCases()) CheckCase(c, &rng);
}

}  // namespace concord::kernels::cross

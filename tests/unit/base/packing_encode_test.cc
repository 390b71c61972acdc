#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "runtime/base/packing/packing.h"
#include "tests/unit/base/packing_testing.h"

namespace concord::packing {
namespace {

TEST(PackingEncode, TakesUnalignedBlocksAndWritesNoMore) {
  for (const Packing* packing : Writable()) {
    const auto values = Gaussian(packing->block_elems * 2, 1, 3);
    std::vector<uint8_t> want(packing->block_bytes * 2);
    ASSERT_TRUE(packing->encode(values.data(), 2, want.data())) << packing->name;
    std::vector<uint8_t> got(want.size() + 2, 0xa5);
    ASSERT_TRUE(packing->encode(values.data(), 2, got.data() + 1));
    EXPECT_EQ(got.front(), 0xa5);
    EXPECT_EQ(got.back(), 0xa5);
    EXPECT_EQ(std::vector<uint8_t>(got.begin() + 1, got.end() - 1), want) << packing->name;
    EXPECT_TRUE(packing->encode(nullptr, 0, nullptr));
  }
}

TEST(PackingEncode, ErrorOfGaussianValuesIsWhatTheBitsAllow) {
  const std::map<std::string, double> bounds = ErrorBounds();
  for (const Packing* packing : Writable()) {
    ASSERT_TRUE(bounds.count(packing->name)) << packing->name;
    for (float deviation : {1.0f, 0.02f, 300.0f}) {
      const auto values = Gaussian(256 * 64, deviation, 11);
      const auto got = RoundTrip(*packing, values);
      ASSERT_EQ(got.size(), values.size()) << packing->name;
      EXPECT_LE(RelativeError(got, values), bounds.at(packing->name)) << packing->name << " deviation " << deviation;
    }
  }
}

// What rounding to evenly spaced levels from the least to the largest value of each group gives, with scales of any
// precision: a packing whose scales are fitted stays below it in spite of their few bits.
double PlainAffineError(const std::vector<float>& values, int group, int top) {
  double sum = 0;
  for (size_t i = 0; i < values.size(); i += group) {
    const auto [low, high] = std::minmax_element(values.begin() + i, values.begin() + i + group);
    const double step = (double{*high} - *low) / top;
    for (int j = 0; j < group; ++j) {
      const double error = values[i + j] - (*low + step * std::round((values[i + j] - *low) / step));
      sum += error * error;
    }
  }
  return sum;
}

double PlainSymmetricError(const std::vector<float>& values, int group, int top) {
  double sum = 0;
  for (size_t i = 0; i < values.size(); i += group) {
    double most = 0;
    for (int j = 0; j < group; ++j) most = std::max(most, std::fabs(double{values[i + j]}));
    for (int j = 0; j < group; ++j) {
      const double error = values[i + j] - most / top * std::round(values[i + j] / most * top);
      sum += error * error;
    }
  }
  return sum;
}

TEST(PackingEncode, FittedScalesBeatPlainRounding) {
  std::mt19937 generator(5);
  std::student_t_distribution<float> heavy(5);
  std::vector<float> tails(256 * 64);
  for (float& value : tails) value = 0.03f * heavy(generator);
  for (const auto& values : {Gaussian(256 * 64, 0.05f, 6), tails}) {
    const auto error = [&](const char* name) { return SquaredError(RoundTrip(*Find(name), values), values); };
    EXPECT_LT(error("q4_k"), 0.93 * PlainAffineError(values, 32, 15));
    EXPECT_LT(error("q5_k"), 0.97 * PlainAffineError(values, 32, 31));
    EXPECT_LT(error("q6_k"), 0.95 * PlainSymmetricError(values, 16, 31));
    EXPECT_LT(error("iq4_nl"), 0.90 * PlainSymmetricError(values, 32, 7));
  }
}

TEST(PackingEncode, MatchesTheRuleOfQ8AndQ4ByteByByte) {
  const auto values = Gaussian(32 * 500, 0.7f, 8);
  for (const char* name : {"q8_0", "q4_0"}) {
    const bool eight = name[1] == '8';
    const Packing& packing = *Find(name);
    std::vector<uint8_t> blocks(packing.Bytes(static_cast<int64_t>(values.size())));
    ASSERT_TRUE(packing.encode(values.data(), 500, blocks.data()));
    for (int e = 0; e < 32 * 500; ++e) {
      const float* block = values.data() + e / 32 * 32;
      const Bits bits(blocks.data() + e / 32 * packing.block_bytes);
      const float most =
          *std::max_element(block, block + 32, [](float a, float b) { return std::abs(a) < std::abs(b); });
      const float d = eight ? std::abs(most) / 127 : most / -8;
      ASSERT_NEAR(bits.Half(0), d, std::abs(d) / 2048);
      const float inverse = 1 / d;
      const int want = eight ? static_cast<int>(std::lround(values[e] * inverse))
                             : std::min(15, static_cast<int>(std::floor(values[e] * inverse + 8.5f)));
      ASSERT_EQ(eight ? Signed(bits.At(2 + e % 32, 0, 8), 8) : Nibble32(bits, 2, e % 32), want) << name << " " << e;
    }
  }
}

TEST(PackingEncode, Mxfp4TakesTheBestPowerOfTwo) {
  const auto values = Gaussian(32 * 300, 1, 16);
  const auto got = RoundTrip(*Find("mxfp4"), values);
  double best_sum = 0;
  for (size_t i = 0; i < values.size(); i += 32) {
    double best = std::numeric_limits<double>::infinity();
    for (int exponent = -8; exponent < 8; ++exponent) {
      double sum = 0;
      for (size_t j = i; j < i + 32; ++j) {
        double least = std::numeric_limits<double>::infinity();
        for (double level : {0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0}) {
          least = std::min(least, std::fabs(std::fabs(double{values[j]}) - std::ldexp(level, exponent)));
        }
        sum += least * least;
      }
      best = std::min(best, sum);
    }
    best_sum += best;
  }
  EXPECT_LE(SquaredError(got, values), best_sum * 1.005);
}

TEST(PackingEncode, Mxfp4RoundsTiesToTheEvenCode) {
  std::vector<float> values(32, 6.0f), want(32, 6.0f);
  const float ties[][2] = {{0.25f, 0}, {0.75f, 1}, {1.25f, 1}, {1.75f, 2}, {2.5f, 2}, {3.5f, 4}, {5, 4}, {0.26f, 0.5f}};
  for (int i = 0; i < 8; ++i) {
    values[i] = ties[i][0];
    want[i] = ties[i][1];
    values[16 + i] = -ties[i][0];
    want[16 + i] = -ties[i][1];
  }
  EXPECT_EQ(RoundTrip(*Find("mxfp4"), values), want);
}

TEST(PackingEncode, ZerosStayZeros) {
  for (const Packing* packing : Writable()) {
    const std::vector<float> zeros(512, 0.0f);
    EXPECT_EQ(RoundTrip(*packing, zeros), zeros) << packing->name;
  }
}

TEST(PackingEncode, ConstantsStayClose) {
  for (const Packing* packing : Writable()) {
    const double tolerance = std::string(packing->name) == "mxfp4" ? 0.2 : 0.008;
    for (float constant : {1.0f, -1.0f, 0.037f, -0.037f, 5000.0f, -5000.0f}) {
      const std::vector<float> values(512, constant);
      const auto got = RoundTrip(*packing, values);
      ASSERT_EQ(got.size(), values.size()) << packing->name;
      for (float value : got) ASSERT_NEAR(value, constant, std::abs(constant) * tolerance) << packing->name;
    }
  }
}

TEST(PackingEncode, ASingleOutlierIsKeptAndTheRestIsZero) {
  for (const Packing* packing : Writable()) {
    const double tolerance = std::string(packing->name) == "mxfp4" ? 0.2 : 0.008;
    for (int where : {0, 17, 100, 255}) {
      for (float outlier : {80.0f, -80.0f}) {
        std::vector<float> values(256, 0.0f);
        values[where] = outlier;
        const auto got = RoundTrip(*packing, values);
        ASSERT_EQ(got.size(), values.size()) << packing->name;
        for (int i = 0; i < 256; ++i) {
          // iq4_nl has no level at zero: its least is 1/127 of the extreme.
          const double zero_tolerance = std::string(packing->name) == "iq4_nl" ? 80 / 120.0 : 0.05;
          ASSERT_NEAR(got[i], values[i], i == where ? 80 * tolerance : zero_tolerance) << packing->name << " " << i;
        }
      }
    }
  }
}

// The error of a block is bounded by its largest element, however small or uneven the values are.
TEST(PackingEncode, TinyValuesRoundWithinTheHalfScale) {
  for (const Packing* packing : Writable()) {
    SCOPED_TRACE(packing->name);
    for (float deviation : {1e-3f, 1e-5f, 1e-7f, 1e-9f, 1e-20f, 1e-39f, 1e-44f}) {
      const auto values = Gaussian(512, deviation, 9);
      const auto got = RoundTrip(*packing, values);
      ASSERT_EQ(got.size(), values.size());
      // Half a step: of the format, or of a scale of 2^-24 where the halves end (times the largest integer of q8_0,
      // q4_0 and their like, whose q is made before the scale is rounded).
      for (size_t i = 0; i < values.size(); ++i) {
        ASSERT_NEAR(got[i], values[i], 0.6 * deviation + 0x1p-24 * 64) << deviation << " " << i;
        if (deviation < 1e-9f && std::string(packing->name).find('f') == std::string::npos) {
          ASSERT_EQ(got[i], 0);
        }
      }
    }
  }
}

TEST(PackingEncode, SubBlocksOfVeryDifferentSizes) {
  for (const char* name : {"q4_k", "q5_k", "q6_k"}) {
    std::vector<float> values;
    for (float deviation : {1.0f, 1e-3f, 1e-8f, 1e-30f, 1e-42f, 0.0f, 0.3f, 1e-2f}) {
      const auto part = Gaussian(32, deviation > 0 ? deviation : 1, 10);
      for (float value : part) values.push_back(deviation > 0 ? value : 0.0f);
    }
    const auto got = RoundTrip(*Find(name), values);
    ASSERT_EQ(got.size(), values.size()) << name;
    EXPECT_LT(RelativeError(got, values), 0.08) << name;
    for (int i = 64; i < 192; ++i) ASSERT_NEAR(got[i], 0, 0.03) << name << " " << i;
  }
}

// A small range beside a large mean: the fit must not lose the range to cancellation.
TEST(PackingEncode, OffsetBlocks) {
  for (float mean : {1.0f, -1.0f}) {
    const auto values = Gaussian(256 * 8, 1e-2f, 12, mean);
    for (const char* name : {"q4_k", "q5_k", "q6_k", "q4_1", "q5_1"}) {
      // K-quants hold no positive minimum, so positive blocks use the scale alone.
      const double bound = std::string(name) == "q6_k" || (mean > 0 && name[3] == 'k') ? 0.025 : 0.004;
      EXPECT_LT(RelativeError(RoundTrip(*Find(name), values), values), bound) << name << " mean " << mean;
    }
  }
}

TEST(PackingEncode, RefusesWhatIsNotFinite) {
  const float bad[] = {std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(),
                       std::numeric_limits<float>::quiet_NaN()};
  for (const Packing* packing : Writable()) {
    for (float value : bad) {
      for (int where : {0, 31, 300, 511}) {
        auto values = Gaussian(512, 1, 13);
        values[where] = value;
        EXPECT_TRUE(RoundTrip(*packing, values).empty()) << packing->name << " " << value << " at " << where;
      }
    }
  }
}

TEST(PackingEncode, NeverWritesAnInfiniteValue) {
  constexpr float kMost = std::numeric_limits<float>::max();
  for (const Packing* packing : Writable()) {
    const std::string name = packing->name;
    for (float size : {6e4f, 7e4f, 1e6f, 1e9f, 1e15f, 1e30f, kMost}) {
      auto values = Gaussian(512, 0.2f, 14);
      for (float& value : values) value = std::clamp(value, -1.0f, 1.0f) * size;
      values[5] = size;
      values[300] = -size;
      const auto got = RoundTrip(*packing, values);
      if (got.empty()) {
        EXPECT_GT(size, 65504.0f) << name;
        continue;
      }
      for (float value : got) ASSERT_TRUE(std::isfinite(value)) << name << " " << size;
      EXPECT_LT(RelativeError(got, values), 0.2) << name << " " << size;
    }
    if (name == "f16" || (name[0] == 'q' || name[0] == 'i')) {
      EXPECT_TRUE(RoundTrip(*packing, std::vector<float>(512, 1e12f)).empty()) << name;
    }
  }
}

TEST(PackingEncode, KeepsWhatDecodeGave) {
  // Values that a block holds come back: exactly where the scale is sure to be found again, closely elsewhere.
  for (const Packing* packing : Writable()) {
    const auto once = RoundTrip(*packing, Gaussian(512, 1, 15));
    const auto twice = RoundTrip(*packing, once);
    const std::string name = packing->name;
    if (packing->block_elems == 1 || name == "mxfp4") {
      EXPECT_EQ(twice, once) << name;
    } else {
      EXPECT_LT(RelativeError(twice, once), name == "q4_k" || name == "q5_k" ? 0.05 : 0.005) << name;
    }
  }
}

}  // namespace
}  // namespace concord::packing

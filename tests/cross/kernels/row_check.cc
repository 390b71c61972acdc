#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>

#include "kernels/cpu/linear.h"
#include "runtime/base/packing/int8_rows.h"
#include "tests/cross/kernels/check.h"
#include "tests/unit/kernels/kernel_testing.h"
#include "tests/unit/kernels/row_references.h"

namespace concord::kernels::cross {
namespace {

constexpr float kExtreme[] = {NAN,     INFINITY, -INFINITY, 0.0f,  -0.0f,  1e-45f,
                              -1e-39f, 3.4e38f,  -3.4e38f,  89.0f, -104.5f};

// n values, of which some are extreme where `extreme`.
std::vector<float> Values(std::mt19937* rng, int64_t n, float deviation, bool extreme) {
  std::vector<float> v = RandomFloats(*rng, n, deviation);
  for (size_t i = 0; extreme && i < v.size(); i += 3) v[i] = kExtreme[(*rng)() % 11];
  return v;
}

void CheckNorms(std::mt19937* rng) {
  const struct {
    const char* name;
    void (*KernelTable::*norm)(const NormArgs&);
    bool centred, mean_of_squares;
  } norms[] = {{"rms_norm", &KernelTable::rms_norm, false, true},
               {"layer_norm", &KernelTable::layer_norm, true, true},
               {"l2_norm", &KernelTable::l2_norm, false, false}};
  for (const auto& norm : norms) {
    for (int64_t width : {1, 7, 16, 33, 129, 520}) {
      const int64_t rows = 2, stride = width + 3;
      const std::vector<float> x = RandomFloats(*rng, rows * stride, 4.0f), weight = RandomFloats(*rng, width);
      NormArgs args{x.data(), stride, nullptr, width, rows, width, weight.data(), nullptr, 1.0f, 1e-5f};
      if (norm.centred) args.bias = x.data();
      const std::string what = std::string(norm.name) + " " + std::to_string(width);
      const std::vector<float> y = SameInEveryVariant(what, [&](Isa isa) {
        std::vector<float> out(static_cast<size_t>(rows * width));
        NormArgs mine = args;
        mine.y = out.data();
        (Kernels(isa).*norm.norm)(mine);
        return out;
      });
      std::vector<double> want;
      for (int64_t r = 0; r < rows; ++r) {
        const std::vector<double> row = NormRef(args, r, norm.centred, norm.mean_of_squares);
        want.insert(want.end(), row.begin(), row.end());
      }
      // Sums over 16 lanes: width / 16 + 5 roundings of the squares, half of them in the root, and a few of the
      // factors.
      const double roundings = (static_cast<double>(width) / 16 + 12) * 0x1p-24;
      CheckNear(what, y, want, [&](size_t i) { return roundings * (std::fabs(want[i]) + 8); });
    }
  }
}

void CheckUnary(std::mt19937* rng) {
  for (const UnaryCase& c : UnaryCases()) {
    const std::string what = "unary " + std::to_string(static_cast<int>(c.op));
    std::uniform_real_distribution<float> uniform(static_cast<float>(c.from), static_cast<float>(c.to));
    for (int64_t n : {1, 15, 16, 1003}) {
      std::vector<float> x(static_cast<size_t>(n));
      for (float& v : x) v = uniform(*rng) * ((*rng)() % 4 == 0 ? 1e-3f : 1.0f);
      const auto run = [&](Isa isa) {
        std::vector<float> y(x.size());
        Kernels(isa).unary(c.op, x.data(), y.data(), n);
        return y;
      };
      const std::vector<float> y = SameInEveryVariant(what, run);
      std::vector<double> want;
      for (float v : x) want.push_back(c.reference(v));
      CheckNear(what, y, want, [&](size_t i) { return c.relative * std::fabs(want[i]) + 1.5e-45; });
      x = Values(rng, n, 30.0f, true);
      SameInEveryVariant(what + " of extremes", run);
    }
  }
}

void CheckGlu(std::mt19937* rng) {
  for (GluAct act : {GluAct::kSilu, GluAct::kGeluTanh, GluAct::kOai}) {
    for (GluClamp clamp : {GluClamp::kNone, GluClamp::kBefore, GluClamp::kAfter}) {
      for (bool extreme : {false, true}) {
        const int64_t width = 101;
        const std::vector<float> gate = Values(rng, width, 2.0f, extreme), up = Values(rng, width, 2.0f, extreme);
        GluArgs args{gate.data(), width, up.data(), width, nullptr, width, 1, width, act, clamp, 0.8f, 1.702f, 1.0f};
        const std::string what =
            "glu " + std::to_string(static_cast<int>(act)) + " clamp " + std::to_string(static_cast<int>(clamp));
        const std::vector<float> y = SameInEveryVariant(what, [&](Isa isa) {
          std::vector<float> out(static_cast<size_t>(width));
          GluArgs mine = args;
          mine.y = out.data();
          Kernels(isa).glu(mine);
          return out;
        });
        if (extreme) continue;
        std::vector<double> want;
        for (size_t i = 0; i < gate.size(); ++i) want.push_back(GluRef(args, gate[i], up[i]));
        CheckNear(what, y, want, [&](size_t i) { return 4e-6 * std::fabs(want[i]) + 1e-6; });
      }
    }
  }
}

// y from two rows of n: the kernels that have that form, against float64 within `tolerance` of the size of the result.
struct PairCase {
  const char* name;
  void (*run)(const KernelTable& t, const float* a, const float* b, float* y, int64_t n);
  double (*reference)(double a, double b);
};

void CheckPairs(std::mt19937* rng) {
  const PairCase cases[] = {
      {"add", [](const KernelTable& t, const float* a, const float* b, float* y, int64_t n) { t.add(a, b, y, n); },
       [](double a, double b) { return a + b; }},
      {"mul", [](const KernelTable& t, const float* a, const float* b, float* y, int64_t n) { t.mul(a, b, y, n); },
       [](double a, double b) { return a * b; }},
      {"scale", [](const KernelTable& t, const float* a, const float*, float* y, int64_t n) { t.scale(a, 0.3f, y, n); },
       [](double a, double) { return a * double{0.3f}; }},
      {"logits_post",
       [](const KernelTable& t, const float* a, const float*, float* y, int64_t n) {
         t.logits_post(a, 0.3f, 2.0f, y, n);
       },
       [](double a, double) { return 2 * std::tanh(a * double{0.3f} / 2); }},
      {"weighted_sum",
       [](const KernelTable& t, const float* a, const float*, float* y, int64_t n) {
         const float weights[] = {0.25f, -3.0f};
         t.weighted_sum({a, 0, weights, 2, y, n});
       },
       [](double a, double) { return -2.75 * a; }},
  };
  for (const PairCase& c : cases) {
    for (int64_t n : {1, 16, 77}) {
      for (bool extreme : {false, true}) {
        const std::vector<float> a = Values(rng, n, 1.0f, extreme), b = Values(rng, n, 1.0f, extreme);
        const std::vector<float> y = SameInEveryVariant(c.name, [&](Isa isa) {
          std::vector<float> out(a.size());
          c.run(Kernels(isa), a.data(), b.data(), out.data(), n);
          return out;
        });
        if (extreme) continue;
        std::vector<double> want;
        for (size_t i = 0; i < a.size(); ++i) want.push_back(c.reference(a[i], b[i]));
        CheckNear(c.name, y, want, [&](size_t i) { return 1e-6 * std::fabs(want[i]); });
      }
    }
  }
}

void CheckSoftmaxAndArgMax(std::mt19937* rng) {
  for (int64_t n : {1, 15, 64, 2049, 5000}) {
    std::vector<float> x = RandomFloats(*rng, n, 3.0f);
    const std::vector<float> y = SameInEveryVariant("softmax", [&](Isa isa) {
      std::vector<float> out(x.size());
      Kernels(isa).softmax(x.data(), out.data(), n);
      return out;
    });
    double sum = 0;
    std::vector<double> want;
    for (float v : x) sum += std::exp(double{v});
    for (float v : x) want.push_back(std::exp(double{v}) / sum);
    CheckNear("softmax", y, want, [](size_t) { return 1e-6; });
    for (float& v : x) v = std::min(v, 3.0f);  // ties
    const auto best = std::max_element(x.begin(), x.end()) - x.begin();
    if (x.size() > 20) x[20] = NAN;
    for (Isa isa : SupportedIsas()) {
      const int64_t got = Kernels(isa).argmax(x.data(), n);
      Check(got == best || best == 20, std::string("argmax ") + IsaName(isa), std::to_string(got),
            std::to_string(best));
    }
  }
}

void CheckRope(std::mt19937* rng) {
  std::vector<int32_t> positions = {0, 1, 4095, 131071, 1000000};
  for (int64_t n_pairs : {1, 8, 37}) {
    std::vector<float> inv;
    for (int64_t i = 0; i < n_pairs; ++i)
      inv.push_back(static_cast<float>(std::pow(1e4, -double(i) / double(n_pairs))));
    const auto tokens = static_cast<int64_t>(positions.size());
    const std::vector<float> table = SameInEveryVariant("rope_table", [&](Isa isa) {
      std::vector<float> out(static_cast<size_t>(tokens * 2 * n_pairs));
      Kernels(isa).rope_table({positions.data(), tokens, inv.data(), n_pairs, 1.25f, out.data()});
      return out;
    });
    std::vector<double> want;
    for (int32_t position : positions) {
      for (float f : inv) want.push_back(1.25 * std::cos(double{f} * position));
      for (float f : inv) want.push_back(1.25 * std::sin(double{f} * position));
    }
    CheckNear("rope_table", table, want, [](size_t) { return 1e-7; });
    for (bool neox : {false, true}) {
      const int64_t d_head = 2 * n_pairs + 5, heads = 2, stride = heads * d_head;
      const std::vector<float> x = RandomFloats(*rng, tokens * stride);
      const RopeArgs args{x.data(), stride, nullptr, stride, tokens, heads, d_head, 2 * n_pairs, 3, neox, table.data()};
      const std::vector<float> y = SameInEveryVariant("rope", [&](Isa isa) {
        std::vector<float> out(x.size());
        RopeArgs mine = args;
        mine.y = out.data();
        Kernels(isa).rope(mine);
        return out;
      });
      want.clear();
      for (int64_t i = 0; i < tokens * heads; ++i) {
        const std::vector<double> head = RopeRef(args, i / heads, i % heads);
        want.insert(want.end(), head.begin(), head.end());
      }
      CheckNear("rope", y, want, [](size_t) { return 2e-6; });
    }
  }
}

// The records byte by byte, and their values against the rule in runtime/base/packing/int8_rows.h.
void CheckQuantizeRows(const char* packing, const char* arithmetic, bool extreme, std::mt19937* rng) {
  const int64_t group = packing::Int8GroupOf(arithmetic), k = group * 23, rows = 3, stride = k + 5;
  std::vector<float> x = Values(rng, rows * stride, 3.0f, false);
  for (size_t i = 40; extreme && i < x.size(); i += 90) x[i] = kExtreme[(*rng)() % 11];
  const int64_t bytes = FindLinear(packing, arithmetic, Isa::kPortable)->x_row_bytes(k);
  const auto run = [&](Isa isa) {
    std::vector<uint8_t> records(static_cast<size_t>(rows * bytes));
    FindLinear(packing, arithmetic, isa)->make_rows(x.data(), stride, rows, k, records.data());
    return records;
  };
  const std::vector<uint8_t> want = run(Isa::kPortable);
  for (Isa isa : SupportedIsas()) {
    Check(run(isa) == want, std::string("rows of ") + arithmetic + " " + IsaName(isa), "other bytes",
          "the portable ones");
  }
  for (int64_t g = 0; !extreme && g < rows * (k / group); ++g) {
    std::vector<int8_t> q(static_cast<size_t>(group));
    const int64_t row = g / (k / group), at = g % (k / group);
    const uint8_t* record = want.data() + row * bytes;
    const float scale = packing::RoundInt8Group(x.data() + row * stride + group * at, group, q.data());
    const bool same =
        std::memcmp(record + group * at, q.data(), q.size()) == 0 && std::memcmp(record + k + 4 * at, &scale, 4) == 0;
    Check(same, std::string("rows of ") + arithmetic + ", group " + std::to_string(g), "other values",
          "those of the rule");
  }
}
void CheckQuantizeRows(std::mt19937* rng) {
  for (bool extreme : {false, true}) {
    CheckQuantizeRows("q8_0", "int8/32", extreme, rng);
    CheckQuantizeRows("q4_k", "int8/256", extreme, rng);
  }
}

// Every half there is, and every packing.
void CheckDecodeRow(std::mt19937* rng) {
  int32_t count = 0;
  const packing::Packing* const* all = packing::All(&count);
  for (int32_t p = 0; p < count; ++p) {
    const bool half = all[p]->block_bytes == 2;
    const int64_t k = half ? 65536 : all[p]->block_elems * (all[p]->block_elems == 1 ? 77 : 3);
    std::vector<uint8_t> row = RandomBlocks(*rng, *all[p], k);
    for (int64_t i = 0; half && i < k; ++i) {
      row[static_cast<size_t>(2 * i)] = static_cast<uint8_t>(i);
      row[static_cast<size_t>(2 * i + 1)] = static_cast<uint8_t>(i >> 8);
    }
    std::vector<float> want(static_cast<size_t>(k));
    all[p]->decode(row.data(), k / all[p]->block_elems, want.data());
    for (Isa isa : SupportedIsas()) {
      std::vector<float> got(want.size());
      Kernels(isa).decode_row(*all[p], row.data(), k, got.data());
      CheckSameBits(std::string("decode_row ") + all[p]->name + " " + IsaName(isa), got, want);
    }
  }
}

}  // namespace

void CheckRows() {
  std::mt19937 rng(61);
  CheckNorms(&rng);
  CheckUnary(&rng);
  CheckGlu(&rng);
  CheckPairs(&rng);
  CheckSoftmaxAndArgMax(&rng);
  CheckRope(&rng);
  CheckQuantizeRows(&rng);
  CheckDecodeRow(&rng);
}

}  // namespace concord::kernels::cross

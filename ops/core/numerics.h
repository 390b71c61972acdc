#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "ops/core/op.h"
#include "runtime/base/packing/int8_rows.h"

// What tolerances and references of several ops share.
namespace concord::ops {

inline constexpr double kEpsF32 = 0x1p-24;  // unit round-off

// Relative error of an f32 sum of n products in any order: Higham & Mary, SIAM J. Sci. Comput. 41 (2019): with high
// probability λ·sqrt(n)·u·Σ|terms|; Σ|terms| of n random-signed terms is about sqrt(n) times their sum, so λ·n·u.
inline double DotTolerance(int64_t n) { return kEpsF32 * (16.0 + static_cast<double>(n)); }

// The same of arithmetic "f16", relative to the largest result: x and w as halves, sums of at most 32 products in half,
// in two parts that are added in f32, and the rest in f32. With partial sums that grow as sqrt(i), the roundings of 16
// sums add up to sqrt(136 / 16) = 2.9 of a product's size a product for each unit of round-off over sqrt(3), twice that
// where a device rounds towards zero or products by themselves: 3.4 u of the result with u = 2^-11, and 6 u leave room
// for the worst of many. x and w as bf16 instead, with sums in f32, is off by 0.8 * sqrt(2) units of 2^-9
// (see Bf16DotTolerance; both factors are rounded), which is 4.5 u.
inline double HalfDotTolerance(int64_t n) { return DotTolerance(n) + 6 * 0x1p-11; }

// The same of arithmetic "bf16", relative to the largest result: x as bf16, sums in f32. A product is off by u = 2^-9
// at most, by u / sqrt(3) in the mean, and so is a sum of products of random sign beside its own size. The largest of
// many results is three times that size, the worst of many errors four times the mean one: 0.8 u, and 1.5 u leave room.
inline double Bf16DotTolerance(int64_t n) { return DotTolerance(n) + 1.5 * 0x1p-9; }

inline double DotTolerance(int64_t n, const std::string& arithmetic) {
  return arithmetic == "f16" ? HalfDotTolerance(n) : arithmetic == "bf16" ? Bf16DotTolerance(n) : DotTolerance(n);
}

// The arithmetics that cases with weights of `packing` ask for.
inline std::vector<std::string> ArithmeticsOf(const packing::Packing& packing) {
  std::vector<std::string> arithmetics = {"f32"};
  for (const char* fast : packing::FastArithmetics(packing)) arithmetics.emplace_back(fast);
  return arithmetics;
}

// An arithmetic in the name of a case: "int8" for "int8/32", "int8_256" for "int8/256".
inline std::string ArithmeticWord(std::string arithmetic) {
  if (arithmetic == "int8/32") return "int8";
  std::replace(arithmetic.begin(), arithmetic.end(), '/', '_');
  return arithmetic;
}

// The tolerance of a value computed in a few f32 operations, and of storing it in `packing`.
inline double StoreTolerance(const packing::Packing& p) {
  const std::string name = p.name;
  if (name == "f16") return 0x1p-11;
  if (name == "bf16") return 0x1p-8;
  if (name == "q8_0") return 1.0 / 127;  // may round to the other neighbour
  return 0;
}

inline CaseTensor In(const char* slot, std::vector<int64_t> dims, const char* packing = "f32",
                     Fill fill = FillUniform) {
  return CaseTensor{slot, packing, std::move(dims), std::move(fill)};
}

// Integers drawn uniformly from [low, high].
inline Fill FillInts(int64_t low, int64_t high) {
  return [low, high](CaseRng& rng, const TensorView& view) {
    for (int64_t i = 0; i < view.elems(); ++i) view.SetInt(i, rng.Int(low, high));
  };
}

// Given integers, in row-major order.
inline Fill FillGiven(std::vector<int64_t> values) {
  return [values](CaseRng&, const TensorView& view) {
    for (int64_t i = 0; i < view.elems(); ++i) view.SetInt(i, values[i]);
  };
}

}  // namespace concord::ops

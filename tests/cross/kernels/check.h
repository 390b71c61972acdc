#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "kernels/cpu/kernel_table.h"

// What the checks of this runner are made of. A check that fails prints what, where, got and wanted; the run goes on.
namespace concord::kernels::cross {

struct Counts {
  int64_t checks = 0;
  int64_t failures = 0;
};
const Counts& Done();

// True when `ok`; `got` and `wanted` are for the message.
bool Check(bool ok, const std::string& what, const std::string& got, const std::string& wanted);

// The same bits; every NaN is as good as another.
void CheckSameBits(const std::string& what, const std::vector<float>& got, const std::vector<float>& wanted);

// |got - wanted| <= tolerance, one at i; what is not finite in `wanted` must be the same there.
void CheckNear(const std::string& what, const std::vector<float>& got, const std::vector<double>& wanted,
               const std::function<double(size_t i)>& tolerance);

// Runs kernels of every variant of this machine and holds the results against the portable ones, bit by bit; returns
// those, for a reference.
std::vector<float> SameInEveryVariant(const std::string& what, const std::function<std::vector<float>(Isa isa)>& run);

// The groups of checks, a file each.
void CheckAttention();
void CheckDispatch(const std::string& best);
void CheckLinear();
void CheckPacking();
void CheckRows();

}  // namespace concord::kernels::cross

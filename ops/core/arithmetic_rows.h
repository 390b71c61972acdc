#pragma once

#include <string>
#include <vector>

#include "ops/core/tensor_view.h"
#include "runtime/base/packing/int8_rows.h"

namespace concord::ops {

// The elements of x as rows of `in`, as `arithmetic` sees them: for "int8/32" and "int8/256" rounded to int8.
inline std::vector<std::vector<double>> ArithmeticRows(const TensorView& x, int64_t in, const std::string& arithmetic) {
  const int64_t n = in == 0 ? 0 : x.elems() / in, parts = n == 0 ? 0 : x.rows() / n;
  std::vector<std::vector<double>> rows(n, std::vector<double>(in));
  for (int64_t t = 0; t < n; ++t) {
    for (int64_t p = 0; p < parts; ++p) x.ReadRow(t * parts + p, rows[t].data() + p * x.cols());
    const int64_t group = packing::Int8GroupOf(arithmetic);
    if (group == 0) continue;
    std::vector<float> values(rows[t].begin(), rows[t].end());
    packing::RoundToInt8Rows(values.data(), in, group);
    rows[t].assign(values.begin(), values.end());
  }
  return rows;
}

}  // namespace concord::ops

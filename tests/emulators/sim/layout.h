#pragma once

#include <cstddef>
#include <cstring>

namespace concord::sim {

// How the rows of a block lie: kv.paged/1 has the tokens of each head side by side, kv.token_major/1 the heads of each
// token. This brings rows [a, b] to [b, a]; the two do not overlap.
inline void TransposeRows(const char* from, size_t a, size_t b, size_t row_bytes, char* to) {
  for (size_t i = 0; i < a; ++i) {
    for (size_t j = 0; j < b; ++j) {
      std::memcpy(to + (j * a + i) * row_bytes, from + (i * b + j) * row_bytes, row_bytes);
    }
  }
}

}  // namespace concord::sim

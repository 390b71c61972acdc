#include "backends/gpu/op_rows.h"

#include <iterator>

namespace concord::gpu {

#define CONCORD_GPU_ROW(word) extern const OpRow kRow_##word;
#include "backends/gpu/op_rows.inc"
#undef CONCORD_GPU_ROW

namespace {

constexpr const OpRow* kRows[] = {
#define CONCORD_GPU_ROW(word) &kRow_##word,
#include "backends/gpu/op_rows.inc"
#undef CONCORD_GPU_ROW
};

}  // namespace

const OpTable& Ops() {
  static constexpr OpTable table(kRows, std::size(kRows));
  return table;
}

}  // namespace concord::gpu

#include "backends/cpu/op_rows.h"

namespace concord::cpu {

#define CONCORD_CPU_ROW(word) extern const OpRow kRow_##word;
#include "backends/cpu/op_rows.inc"
#undef CONCORD_CPU_ROW

namespace {

#define CONCORD_CPU_ROW(word) &kRow_##word,
constexpr const OpRow* kRows[] = {
#include "backends/cpu/op_rows.inc"
};
#undef CONCORD_CPU_ROW

constexpr OpTable kTable(kRows, sizeof(kRows) / sizeof(kRows[0]));

}  // namespace

const OpTable& Ops() { return kTable; }

}  // namespace concord::cpu

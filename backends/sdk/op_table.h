#pragma once

#include <cstddef>
#include <string_view>

#include "backends/sdk/graph.h"
#include "backends/sdk/objects.h"
#include "backends/sdk/status.h"

// One row an op, read by query and compile alike, so that claim and act cannot drift apart.
namespace concord::sdk {
inline namespace v0 {

// `Made` is what compiling one op gives the author's program (a pointer to a step, a kernel with its arguments ...);
// `Context` is what compiling needs of the author's program.
template <typename Made, typename Context>
struct OpRow {
  const char* name;  // as in concord/ops.h
  uint32_t version;  // of the meaning that is implemented
  Support (*query)(const Op& op);
  Result<Made> (*compile)(const Op& op, Context& context);
};

template <typename Made, typename Context>
class OpTable {
 public:
  using Row = OpRow<Made, Context>;

  constexpr OpTable(const Row* const* rows, size_t count) : rows_(rows), count_(count) {}

  Support Query(const Op& op) const {
    const Row* row = Find(op.name());
    if (row == nullptr) return No("this device has no op ", op.name());
    if (op.version() != row->version) {
      return No("this device has version ", row->version, " of ", op.name(), ", asked for is ", op.version());
    }
    return row->query(op);
  }

  // Only after Query has accepted.
  Result<Made> Compile(const Op& op, Context& context) const {
    const Row* row = Find(op.name());
    if (row == nullptr) return Error(CONCORD_UNIMPLEMENTED, "this device has no op ", op.name());
    return row->compile(op, context);
  }

 private:
  const Row* Find(std::string_view name) const {
    for (size_t i = 0; i < count_; ++i) {
      if (name == rows_[i]->name) return rows_[i];
    }
    return nullptr;
  }

  const Row* const* rows_;
  size_t count_;
};

}  // namespace v0
}  // namespace concord::sdk

#pragma once

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

// Returns the status of `expr` from the enclosing function unless it is OK.
#define CONCORD_RETURN_IF_ERROR(expr)                  \
  do {                                                 \
    ::absl::Status concord_status_ = (expr);           \
    if (!concord_status_.ok()) return concord_status_; \
  } while (false)

#define CONCORD_CONCAT_INNER_(a, b) a##b
#define CONCORD_CONCAT_(a, b) CONCORD_CONCAT_INNER_(a, b)

// Assigns the value of the StatusOr `expr` to `lhs` (a declaration or a variable), or returns its status.
#define CONCORD_ASSIGN_OR_RETURN(lhs, expr) \
  CONCORD_ASSIGN_OR_RETURN_IMPL_(CONCORD_CONCAT_(concord_or_, __LINE__), lhs, expr)
#define CONCORD_ASSIGN_OR_RETURN_IMPL_(tmp, lhs, expr) \
  auto tmp = (expr);                                   \
  if (!tmp.ok()) return std::move(tmp).status();       \
  lhs = std::move(tmp).value()

namespace concord {

// The same status with `context` put in front of its message ("model.gguf: tensor 'x' ..."): where, before what.
inline absl::Status Annotate(const absl::Status& status, absl::string_view context) {
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat(context, ": ", status.message()));
}

}  // namespace concord

#include "runtime/hal/status.h"

#include <algorithm>
#include <cstring>

namespace concord::hal {

absl::Status ToStatus(int32_t code, const concord_error& error, absl::string_view where) {
  if (code == CONCORD_OK) return absl::OkStatus();
  const size_t length = strnlen(error.message, sizeof(error.message));
  std::string message = absl::StrCat(where, ": ", absl::string_view(error.message, length));
  if (length == 0) absl::StrAppend(&message, "the plugin gave code ", code, " and no message");
  if (error.op_index != CONCORD_NONE && length != 0) absl::StrAppend(&message, " [op ", error.op_index, "]");
  if (error.vendor_code != 0) absl::StrAppend(&message, " [vendor code ", error.vendor_code, "]");
  const bool known = code > CONCORD_OK && code <= 16;
  return absl::Status(known ? static_cast<absl::StatusCode>(code) : absl::StatusCode::kUnknown, message);
}

concord_error NoError() {
  concord_error error{};
  error.op_index = CONCORD_NONE;
  return error;
}

concord_error ToError(const absl::Status& status) {
  concord_error error = NoError();
  error.code = static_cast<int32_t>(status.code());
  const size_t length = std::min(status.message().size(), sizeof(error.message) - 1);
  std::memcpy(error.message, status.message().data(), length);
  return error;
}

}  // namespace concord::hal

#include "runtime/hal/status.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_replace.h"

namespace concord::hal {
namespace {

constexpr char kOpIndex[] = "concord.op_index";

absl::string_view View(concord_string text) {
  return text.data == nullptr ? absl::string_view() : absl::string_view(text.data, text.size_bytes);
}

std::string Bracketed(uint32_t op_index) { return absl::StrCat(" [op ", op_index, "]"); }

}  // namespace

absl::Status ToStatus(int32_t code, const concord_error& error, absl::string_view where) {
  if (code == CONCORD_OK) return absl::OkStatus();
  const size_t length = strnlen(error.message, sizeof(error.message));
  std::string message = absl::StrCat(where, ": ", absl::string_view(error.message, length));
  if (length == 0) absl::StrAppend(&message, "the plugin gave code ", code, " and no message");
  const bool has_op = error.op_index != CONCORD_NONE && length != 0;
  if (has_op) absl::StrAppend(&message, Bracketed(error.op_index));
  if (error.vendor_code != 0) absl::StrAppend(&message, " [vendor code ", error.vendor_code, "]");
  const bool known = code > CONCORD_OK && code <= 16;
  absl::Status status(known ? static_cast<absl::StatusCode>(code) : absl::StatusCode::kUnknown, message);
  if (has_op) status.SetPayload(kOpIndex, absl::Cord(absl::StrCat(error.op_index)));
  return status;
}

uint32_t OpIndexOf(const absl::Status& status) {
  uint32_t index = CONCORD_NONE;
  const absl::optional<absl::Cord> payload = status.GetPayload(kOpIndex);
  if (payload.has_value() && !absl::SimpleAtoi(std::string(*payload), &index)) return CONCORD_NONE;
  return index;
}

std::string OpLabel(const concord_program_desc& desc, uint32_t index) {
  if (index >= desc.ops.count) return "";
  concord_op_desc op{};
  std::memcpy(&op, static_cast<const char*>(desc.ops.data) + static_cast<size_t>(index) * desc.ops.stride_bytes,
              std::min<size_t>(desc.ops.stride_bytes, sizeof(op)));
  return absl::StrCat(" op ", index, " (", View(op.name), op.scope.size_bytes == 0 ? "" : ", ", View(op.scope), ")");
}

absl::Status WithOpName(const absl::Status& status, const concord_program_desc& desc) {
  const uint32_t index = OpIndexOf(status);
  const std::string label = OpLabel(desc, index);
  if (label.empty()) return status;
  return absl::Status(status.code(),
                      absl::StrReplaceAll(status.message(), {{Bracketed(index), absl::StrCat(", in", label)}}));
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

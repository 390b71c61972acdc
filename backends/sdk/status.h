#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <exception>
#include <new>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "concord/plugin.h"

// What went wrong, as a value: the C++ side of concord_error.
namespace concord::sdk {
inline namespace v0 {

namespace internal {
inline void Append(std::string* out, std::string_view text) { out->append(text.data(), text.size()); }
inline void Append(std::string* out, concord_string text) {
  if (text.data != nullptr) out->append(text.data, text.size_bytes);
}
template <typename T, typename = std::enable_if_t<std::is_arithmetic_v<T>>>
void Append(std::string* out, T number) {
  out->append(std::to_string(number));
}
}  // namespace internal

// The parts (text and numbers), one after the other.
template <typename... Parts>
std::string Cat(const Parts&... parts) {
  std::string out;
  (internal::Append(&out, parts), ...);
  return out;
}

inline concord_string ToC(std::string_view text) { return {text.data(), text.size()}; }
inline std::string_view FromC(concord_string text) {
  return text.data == nullptr ? std::string_view() : std::string_view(text.data, text.size_bytes);
}

struct [[nodiscard]] Status {
  int32_t code = CONCORD_OK;
  uint32_t op_index = CONCORD_NONE;
  int64_t vendor_code = 0;  // CUresult, VkResult ...; 0 = none
  std::string message;      // what, where, got, wanted, what to do

  bool ok() const { return code == CONCORD_OK; }
};

inline Status Ok() { return {}; }

// Error(CONCORD_INVALID_ARGUMENT, "offset ", offset, " is past the end ", size).
template <typename... Parts>
Status Error(int32_t code, const Parts&... parts) {
  return Status{code, CONCORD_NONE, 0, Cat(parts...)};
}

// A value, or the reason why there is none.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}          // NOLINT: implicit on purpose
  Result(Status status) : status_(std::move(status)) {}  // NOLINT: implicit on purpose
  template <typename U,
            typename = std::enable_if_t<std::is_convertible_v<U&&, T> && !std::is_same_v<std::decay_t<U>, Status> &&
                                        !std::is_same_v<std::decay_t<U>, Result>>>
  Result(U&& value) : value_(std::forward<U>(value)) {}  // NOLINT: a unique_ptr of a derived class, say

  bool ok() const { return status_.ok(); }
  Status& status() { return status_; }
  T& operator*() { return value_; }
  T* operator->() { return &value_; }

 private:
  Status status_;
  T value_{};
};

namespace internal {

// Writes a message without allocating; a cut never splits a UTF-8 character.
inline int32_t FillError(int32_t code, uint32_t op_index, int64_t vendor_code, std::string_view message,
                         concord_error* error) {
  if (error == nullptr || code == CONCORD_OK) return code;
  size_t length = std::min(message.size(), sizeof(error->message) - 1);
  if (length < message.size()) {
    while (length > 0 && (static_cast<unsigned char>(message[length]) & 0xC0u) == 0x80u) --length;
  }
  error->code = code;
  error->op_index = op_index;
  error->vendor_code = vendor_code;
  if (length > 0) std::memcpy(error->message, message.data(), length);
  std::memset(error->message + length, 0, sizeof(error->message) - length);
  return code;
}

}  // namespace internal

inline int32_t FillError(const Status& status, concord_error* error) {
  return internal::FillError(status.code, status.op_index, status.vendor_code, status.message, error);
}

inline Status FromC(const concord_error& error) {
  const size_t length = strnlen(error.message, sizeof(error.message));
  return Status{error.code == CONCORD_OK ? CONCORD_UNKNOWN : error.code, error.op_index, error.vendor_code,
                std::string(error.message, length)};
}

// Runs `body` (which returns a Status) and turns whatever it throws into an error: nothing leaves a plugin but codes.
template <typename Body>
int32_t Guarded(concord_error* error, Body&& body) noexcept {
  try {
    return FillError(body(), error);
  } catch (const std::bad_alloc&) {
    return internal::FillError(CONCORD_RESOURCE_EXHAUSTED, CONCORD_NONE, 0, "the plugin ran out of host memory", error);
  } catch (const std::exception& e) {
    return internal::FillError(CONCORD_INTERNAL, CONCORD_NONE, 0, e.what(), error);
  } catch (...) {
    return internal::FillError(CONCORD_INTERNAL, CONCORD_NONE, 0, "the plugin threw something that is no exception",
                               error);
  }
}

}  // namespace v0
}  // namespace concord::sdk

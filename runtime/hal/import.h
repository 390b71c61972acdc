#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "concord/plugin.h"

namespace concord::hal {

// Copies a struct of the other side's age into ours; fields that it never had read as zero.
template <typename T>
T Import(const T* theirs) {
  static_assert(std::is_trivially_copyable_v<T> && offsetof(T, struct_size) == 0);
  T ours{};
  std::memcpy(&ours, theirs, std::min<size_t>(theirs->struct_size, sizeof(T)));
  ours.struct_size = sizeof(T);
  return ours;
}

// An empty struct for the other side to fill or read; it uses as much of it as it knows.
template <typename T>
T Sized() {
  static_assert(std::is_trivially_copyable_v<T> && offsetof(T, struct_size) == 0);
  T ours{};
  ours.struct_size = sizeof(T);
  return ours;
}

// The concord_array over the elements of a vector, span or array.
template <typename Container>
concord_array ArrayOf(const Container& container) {
  using T = std::remove_cv_t<std::remove_pointer_t<decltype(container.data())>>;
  return {container.data(), static_cast<uint32_t>(container.size()), sizeof(T)};
}

}  // namespace concord::hal

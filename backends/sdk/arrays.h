#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

#include "backends/sdk/status.h"
#include "concord/plugin.h"

// Reading structs and arrays that a host of another age wrote.
namespace concord::sdk {
inline namespace v0 {

// Copies a struct of the other side's age into ours; fields that it never had read as zero.
template <typename T>
T Import(const T* theirs) {
  static_assert(std::is_trivially_copyable_v<T> && offsetof(T, struct_size) == 0);
  T ours{};
  if (theirs != nullptr) std::memcpy(&ours, theirs, std::min<size_t>(theirs->struct_size, sizeof(T)));
  ours.struct_size = sizeof(T);
  return ours;
}

// The other direction: fills a struct that the host made, as far as the host's one reaches.
template <typename T>
Status Export(const T& ours, T* theirs) {
  if (theirs == nullptr || theirs->struct_size < sizeof(uint32_t)) {
    return Error(CONCORD_INVALID_ARGUMENT, "the struct to fill is null, or its struct_size is not set");
  }
  const uint32_t size = theirs->struct_size;
  std::memcpy(theirs, &ours, std::min<size_t>(size, sizeof(T)));
  theirs->struct_size = size;
  return Ok();
}

// A concord_array, element by element; an element of a smaller stride is completed with zeros.
template <typename T>
class ArrayView {
 public:
  class Iterator {
   public:
    Iterator(const ArrayView* view, uint32_t index) : view_(view), index_(index) {}
    T operator*() const { return (*view_)[index_]; }
    Iterator& operator++() {
      ++index_;
      return *this;
    }
    bool operator!=(const Iterator& other) const { return index_ != other.index_; }

   private:
    const ArrayView* view_;
    uint32_t index_;
  };

  ArrayView() = default;
  explicit ArrayView(concord_array array) : array_(array) {
    if (array_.data == nullptr) array_.count = 0;
  }

  uint32_t size() const { return array_.count; }
  bool empty() const { return array_.count == 0; }
  T operator[](uint32_t index) const {
    static_assert(std::is_trivially_copyable_v<T>);
    T out{};
    std::memcpy(&out, static_cast<const char*>(array_.data) + static_cast<size_t>(index) * array_.stride_bytes,
                std::min<size_t>(array_.stride_bytes, sizeof(T)));
    return out;
  }
  Iterator begin() const { return Iterator(this, 0); }
  Iterator end() const { return Iterator(this, array_.count); }

  // Copies into `out`, which keeps its capacity: no allocation once it is large enough.
  void CopyTo(std::vector<T>* out) const {
    out->resize(size());
    for (uint32_t i = 0; i < size(); ++i) (*out)[i] = (*this)[i];
  }

 private:
  concord_array array_{};
};

// The concord_array over a vector's (or other contiguous container's) elements.
template <typename Container>
concord_array ArrayOf(const Container& container) {
  using T = std::remove_cv_t<std::remove_pointer_t<decltype(container.data())>>;
  return {container.data(), static_cast<uint32_t>(container.size()), sizeof(T)};
}

}  // namespace v0
}  // namespace concord::sdk

#pragma once

#include <cstdint>
#include <iterator>
#include <map>
#include <optional>

namespace concord::sdk {
inline namespace v0 {

// Ranges of one large piece of memory: first fit, free neighbours merge. What drivers give slowly, in few pieces or
// with coarse alignment is handed on by it. Threads: one at a time.
class RangeAllocator {
 public:
  explicit RangeAllocator(uint64_t size) : size_(size) {
    if (size != 0) free_[0] = size;
  }

  // The offset of `size` > 0 units at a multiple of `align`; nothing when no gap is large enough.
  std::optional<uint64_t> Allocate(uint64_t size, uint64_t align) {
    for (auto gap = free_.begin(); gap != free_.end(); ++gap) {
      const uint64_t begin = gap->first, end = begin + gap->second;
      const uint64_t at = (begin + align - 1) / align * align;
      if (at > end || end - at < size) continue;
      free_.erase(gap);
      if (at > begin) free_[begin] = at - begin;
      if (at + size < end) free_[at + size] = end - at - size;
      used_ += size;
      return at;
    }
    return std::nullopt;
  }

  void Free(uint64_t offset, uint64_t size) {
    used_ -= size;
    auto next = free_.lower_bound(offset);
    if (next != free_.end() && offset + size == next->first) {
      size += next->second;
      next = free_.erase(next);
    }
    if (next != free_.begin()) {
      const auto before = std::prev(next);
      if (before->first + before->second == offset) {
        before->second += size;
        return;
      }
    }
    free_[offset] = size;
  }

  uint64_t size() const { return size_; }
  uint64_t used() const { return used_; }

 private:
  uint64_t size_;
  uint64_t used_ = 0;
  std::map<uint64_t, uint64_t> free_;  // size by offset
};

}  // namespace v0
}  // namespace concord::sdk

#pragma once

#include <cstdint>
#include <vector>

namespace concord::exec {

// The KV blocks of one state group: which are free, and how many sequences hold each. Not thread-safe.
class BlockPool {
 public:
  explicit BlockPool(int32_t n_blocks);

  int32_t Take();               // a free block, or -1; held once
  void Hold(int32_t block);     // one holder more
  void Release(int32_t block);  // one holder less; the last frees it
  int32_t n_free() const { return static_cast<int32_t>(free_.size()); }
  bool all_free() const { return n_free() == n_blocks(); }
  int32_t n_blocks() const { return static_cast<int32_t>(holders_.size()); }

 private:
  std::vector<int32_t> free_;     // a stack: what was used last is warm in cache
  std::vector<int32_t> holders_;  // by block
};

}  // namespace concord::exec

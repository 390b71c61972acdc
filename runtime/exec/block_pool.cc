#include "runtime/exec/block_pool.h"

namespace concord::exec {

BlockPool::BlockPool(int32_t n_blocks) : holders_(n_blocks, 0) {
  free_.reserve(n_blocks);  // Release never allocates
  for (int32_t b = n_blocks - 1; b >= 0; --b) free_.push_back(b);
}

int32_t BlockPool::Take() {
  if (free_.empty()) return -1;
  const int32_t block = free_.back();
  free_.pop_back();
  holders_[block] = 1;
  return block;
}

void BlockPool::Hold(int32_t block) { ++holders_[block]; }

void BlockPool::Release(int32_t block) {
  if (--holders_[block] == 0) free_.push_back(block);
}

}  // namespace concord::exec

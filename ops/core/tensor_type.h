#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/base/packing/packing.h"

namespace concord::ops {

// Names of the symbols that graphs of language models use; interned by value (see Dim).
inline constexpr const char* kNTokens = "n_tokens";      // tokens of all sequences in this step
inline constexpr const char* kNSeqs = "n_seqs";          // sequences in this step
inline constexpr const char* kNOutputs = "n_outputs";    // rows whose logits are wanted
inline constexpr const char* kNBlocks = "n_blocks";      // KV blocks in the pool (a capacity)
inline constexpr const char* kMaxBlocks = "max_blocks";  // width of the block table (a capacity)

// An extent: `value`, plus the value of `symbol` where one is named (q_start has n_seqs + 1 entries).
// Symbols are interned names (runtime/base/intern.h), compared by address.
struct Dim {
  int64_t value = 0;
  const char* symbol = nullptr;

  Dim() = default;
  Dim(int64_t v) : value(v) {}  // NOLINT: a number is a dim
  static Dim Symbol(const char* name, int64_t plus = 0);

  bool is_constant() const { return symbol == nullptr; }
  bool operator==(const Dim& o) const { return value == o.value && symbol == o.symbol; }
  bool operator!=(const Dim& o) const { return !(*this == o); }
  std::string ToString() const;  // "4096", "n_tokens", "n_seqs+1"
};

// What a tensor is, without its data: row-major, dense, last dim contiguous and packed by `packing`.
struct TensorType {
  const packing::Packing* packing = nullptr;
  std::vector<Dim> dims;
  std::string layout;  // "" = row-major; "kv.paged/1" = [n_blocks, n_kv_heads, block_tokens, d_head]

  int rank() const { return static_cast<int>(dims.size()); }
  bool operator==(const TensorType& o) const { return packing == o.packing && dims == o.dims && layout == o.layout; }
  std::string ToString() const;  // "f32[n_tokens, 4096]"
};

std::string ToString(const std::vector<Dim>& dims);  // "[n_tokens, 4096]"

}  // namespace concord::ops

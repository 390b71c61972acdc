#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "runtime/text/token_table.h"

namespace concord::text {

// SentencePiece BPE: merges the neighbours whose text together is the token of the highest score.
// Pieces come with "▁" for spaces.
class SpmModel : public TokenModel {
 public:
  explicit SpmModel(const TokenTable& table);
  void Encode(absl::string_view piece, std::vector<int32_t>* ids) const override;

 private:
  struct Entry {
    int32_t id;
    float score;
  };
  // The size of the left part of each unused token that was merged on the way.
  using Splits = absl::flat_hash_map<absl::string_view, size_t>;

  void Emit(absl::string_view text, const Splits& splits, std::vector<int32_t>* ids) const;

  const TokenTable& table_;
  absl::flat_hash_map<absl::string_view, Entry> entries_;  // tokens that plain text can become
  std::array<int32_t, 256> byte_ids_;
  size_t longest_ = 0;
};

}  // namespace concord::text

#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "runtime/text/merge.h"
#include "runtime/text/token_table.h"

namespace concord::text {

// BPE by merge rank. For kByteLevelBpe pieces are raw bytes and merging starts
// from single bytes; for kSpmBpe pieces have "▁" for spaces and merging starts from characters.
class BpeModel : public TokenModel {
 public:
  explicit BpeModel(const TokenTable& table, bool ignore_merges);
  void Encode(absl::string_view piece, std::vector<int32_t>* ids) const override;

  // How many bytes of valid UTF-8 have no token in a byte-level vocabulary: text that holds them is not kept whole.
  int missing_bytes() const;

 private:
  void AddTokens();
  void AddMerges();
  int32_t Intern(const std::string& text);
  int32_t Find(absl::string_view text) const;
  std::vector<Symbol> Start(absl::string_view piece) const;
  // Of text that no token covers. `start` is where the ids of the piece begin: unknown tokens fuse within a piece.
  void EmitParts(absl::string_view text, size_t start, std::vector<int32_t>* ids) const;
  void EmitUnknown(size_t start, std::vector<int32_t>* ids) const;

  const TokenTable& table_;
  const bool ignore_merges_;
  const bool byte_level_;
  // Symbols are tokens, and behind them the texts that occur in merges without being tokens.
  absl::flat_hash_map<absl::string_view, int32_t> symbols_;
  std::deque<std::string> extra_;                           // what symbols_ refers to beyond the table
  absl::flat_hash_map<uint64_t, Merged<uint32_t>> merges_;  // left << 32 | right
  std::array<int32_t, 256> byte_ids_;
};

}  // namespace concord::text

#pragma once

#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "runtime/text/token_table.h"

namespace concord::text {

// A stretch of the input: a special token (id >= 0), or text between special tokens (id -1).
struct Fragment {
  int32_t id = -1;
  absl::string_view text;
};

// Finds the special tokens of a text: from left to right, the longest at each place, as Hugging Face does. Splitting
// on each token in turn, longest first, gives the same except where two special tokens overlap in the text.
class SpecialTokens {
 public:
  explicit SpecialTokens(const TokenTable& table);

  // The fragments of `text`, none of them empty text; control tokens only with `parse_special`, user-defined always.
  std::vector<Fragment> Split(absl::string_view text, bool parse_special) const;

 private:
  struct Node {
    int32_t id = -1;  // the token that ends here
    bool always = false;
  };
  struct Match {
    int32_t id = -1;
    size_t size = 0;
  };

  void Add(absl::string_view text, int32_t id, bool always);
  Match LongestAt(absl::string_view text, size_t at, bool parse_special) const;

  std::vector<Node> nodes_;                        // of a trie over bytes; nodes_[0] is its root
  absl::flat_hash_map<uint64_t, uint32_t> edges_;  // node << 8 | byte
  bool first_byte_[256] = {};
  absl::flat_hash_map<int32_t, SpecialMatch> rules_;
};

}  // namespace concord::text

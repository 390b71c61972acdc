#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <queue>
#include <utility>
#include <vector>

namespace concord::text {

// A part of a piece of text while it is merged: a list linked by index, in order of the text.
struct Symbol {
  uint32_t begin = 0, size = 0;  // bytes of the piece; size 0: merged into the symbol before it
  int32_t id = -1;
  int32_t prev = -1, next = -1;
};

// What merging two neighbours gives; the smallest rank goes first.
template <typename Rank>
struct Merged {
  Rank rank;
  int32_t id;
};

// Merges the best pair of neighbours, the leftmost among equals, until no pair can be merged. `find(left, right)` gives
// the optional<Merged<Rank>> of two symbols. O(n log n) in the number of symbols.
template <typename Rank, typename Find>
void MergeAll(std::vector<Symbol>* symbols, const Find& find) {
  struct Candidate {
    Merged<Rank> merged;
    int32_t left, right;
    uint32_t size;  // of both when they met: another size means that one of them has changed since
    bool operator<(const Candidate& other) const {
      return merged.rank != other.merged.rank ? merged.rank > other.merged.rank : left > other.left;
    }
  };
  std::vector<Symbol>& list = *symbols;
  std::vector<Candidate> candidates;
  const auto offer = [&](int32_t left, int32_t right, auto push) {
    if (left < 0 || right < 0) return;
    const std::optional<Merged<Rank>> merged = find(list[left], list[right]);
    if (merged) push(Candidate{*merged, left, right, list[left].size + list[right].size});
  };
  for (int32_t i = 0; i + 1 < static_cast<int32_t>(list.size()); ++i) {
    offer(i, i + 1, [&](const Candidate& c) { candidates.push_back(c); });
  }
  std::priority_queue<Candidate> queue(std::less<Candidate>(), std::move(candidates));
  while (!queue.empty()) {
    const Candidate best = queue.top();
    queue.pop();
    Symbol& left = list[best.left];
    Symbol& right = list[best.right];
    if (left.size == 0 || right.size == 0 || left.size + right.size != best.size) continue;
    left.size = best.size;
    left.id = best.merged.id;
    left.next = right.next;
    right.size = 0;
    if (left.next >= 0) list[left.next].prev = best.left;
    const auto push = [&](const Candidate& c) { queue.push(c); };
    offer(left.prev, best.left, push);
    offer(best.left, left.next, push);
  }
}

// The symbols linked in a row, once their begins and sizes are set.
inline void LinkSymbols(std::vector<Symbol>* symbols) {
  const int32_t count = static_cast<int32_t>(symbols->size());
  for (int32_t i = 0; i < count; ++i) {
    (*symbols)[i].prev = i - 1;
    (*symbols)[i].next = i + 1 < count ? i + 1 : -1;
  }
}

}  // namespace concord::text

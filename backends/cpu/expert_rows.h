#pragma once

#include <algorithm>
#include <cstdint>

#include "backends/cpu/step.h"

namespace concord::cpu {

// Rows of one expert that are computed together: entries [begin, end) of ExpertRows::pairs.
struct ExpertPiece {
  int32_t expert;  // the number of experts: rows whose id names none; they become zeros
  int32_t begin;
  int32_t end;
};

// Where in its scratch a sort of (token, slot) pairs by expert lies. Pair p is token p / k with its expert ids[p], so
// rows of x need no copy: kernels are given their numbers.
class ExpertRows {
 public:
  // Rows of x in a piece, as many as linear takes together: the decoded panel of W serves all of them.
  static constexpr int64_t kMostRows = 256;

  ExpertRows(int64_t n_experts, int64_t n_pairs) : n_experts_(n_experts), n_pairs_(n_pairs) {}

  // At most so many: c rows of an expert make one piece, and one more for each kMostRows. The number of tiles of a step
  // is asked for before ids are known, so it comes from this; a tile of a piece that is not there has nothing to do.
  int64_t most_pieces() const { return std::min(n_experts_ + 1, n_pairs_) + n_pairs_ / kMostRows; }

  int32_t* n_pieces(char* scratch) const { return reinterpret_cast<int32_t*>(scratch); }
  int32_t* pairs(char* scratch) const { return n_pieces(scratch) + 1; }       // [n_pairs], by expert
  int32_t* tokens(char* scratch) const { return pairs(scratch) + n_pairs_; }  // [n_pairs], of pairs
  int32_t* next(char* scratch) const { return tokens(scratch) + n_pairs_; }   // [n_experts + 1], while sorting
  ExpertPiece* pieces(char* scratch) const {                                  // [n_pieces]
    return reinterpret_cast<ExpertPiece*>(next(scratch) + n_experts_ + 1);
  }
  uint64_t bytes() const {
    const int64_t words = 1 + 2 * n_pairs_ + n_experts_ + 1;
    return static_cast<uint64_t>(words) * sizeof(int32_t) + static_cast<uint64_t>(most_pieces()) * sizeof(ExpertPiece);
  }

 private:
  int64_t n_experts_, n_pairs_;
};

// Sorts them: one tile, some microseconds for a thousand pairs.
class ExpertRowsStep final : public Step {
 public:
  ExpertRowsStep(const Activation& ids, int64_t n_experts, uint32_t scratch)
      : ids_(ids), n_experts_(n_experts), scratch_(scratch) {}

  int64_t Tiles(const Frame& frame) const override { return ids_.rows(frame) * ids_.cols == 0 ? 0 : 1; }
  void Run(const Frame& frame, int64_t tile, uint32_t worker) const override;

 private:
  Activation ids_;
  int64_t n_experts_;
  uint32_t scratch_;
};

}  // namespace concord::cpu

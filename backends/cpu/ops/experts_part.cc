#include "backends/cpu/ops/experts_part.h"

namespace concord::cpu {

ExpertTiles::ExpertTiles(const sdk::Value& ids, const sdk::Value& w, bool row_a_pair, StepBuilder& builder)
    : ids_(Activation::Of(ids)),
      n_experts_(w.fixed(0)),
      row_a_pair_(row_a_pair),
      rows_(builder.ExpertRows(ids, n_experts_)) {}

// As LinearTiling does, for the number of rows that an expert has on average.
ExpertTiles::Cut ExpertTiles::Of(const LinearPart& part, int64_t n_tokens) const {
  Cut cut{n_tokens * ids_.cols, 0, 0, 0};
  if (cut.n_pairs == 0) return cut;
  const int64_t pieces = ExpertRows(n_experts_, cut.n_pairs).most_pieces();
  const int64_t rows = CeilDiv(cut.n_pairs, std::max<int64_t>(1, std::min(n_experts_, cut.n_pairs)));
  const int64_t unit = std::max<int64_t>(1, part.kernel->row_tile);
  if (rows <= LinearTiling::kFewRows) {
    cut.n_tile = LinearTiling::StreamTile(part);
  } else {
    cut.n_tile =
        LinearTiling::kLeastTileProducts / std::max<int64_t>(1, part.k * std::min(rows, ExpertRows::kMostRows));
  }
  cut.n_tile = std::max(unit, CeilDiv(std::min(cut.n_tile, part.n_out), unit) * unit);
  cut.n_tiles = CeilDiv(part.n_out, cut.n_tile);
  cut.tiles = pieces * cut.n_tiles;
  return cut;
}

ExpertTiles::Tile ExpertTiles::At(const LinearPart& part, const Frame& frame, const Cut& cut, int64_t tile) const {
  Tile at;
  const ExpertRows rows(n_experts_, cut.n_pairs);
  char* const scratch = frame.Scratch<char>(rows_);
  const int64_t number = tile / cut.n_tiles;
  if (number >= *rows.n_pieces(scratch)) return at;
  const ExpertPiece& piece = rows.pieces(scratch)[number];
  at.expert = piece.expert;
  at.known = piece.expert < n_experts_;
  at.rows.m_begin = piece.begin;
  at.rows.m_end = piece.end;
  at.rows.n_begin = tile % cut.n_tiles * cut.n_tile;
  at.rows.n_end = std::min(part.n_out, at.rows.n_begin + cut.n_tile);
  at.rows.x_rows = row_a_pair_ ? rows.pairs(scratch) : rows.tokens(scratch);
  at.rows.y_rows = rows.pairs(scratch);
  return at;
}

void CheckExperts(const sdk::Op& op, const sdk::Value& x, const sdk::Value& w, const sdk::Value& ids,
                  const sdk::Value& y, Checks* checks) {
  checks
      ->Need(w.rank() == 3 && w.fixed(0) > 0 && w.fixed(1) > 0 && w.fixed(2) > 0, "weights that are no fixed matrices")
      .Need(ids.rank() == 2 && ids.fixed(1) > 0, "ids that are no matrix of a fixed width")
      .Need(x.rank() == 2 || x.rank() == 3, "x of this rank");
  if (!checks->ok()) return;
  checks->Need(x.fixed(-1) == w.fixed(2), "an x whose width is not that of the weights")
      .Need(x.rank() == 2 || x.fixed(1) == ids.fixed(1), "an x of other rows a token than ids")
      .Need(Checks::SameDim(x.dim(0), ids.dim(0)) && Checks::SameDim(y.dim(0), ids.dim(0)), "other ids than a token's")
      .Need(y.rank() == 3 && y.fixed(1) == ids.fixed(1) && y.fixed(2) == w.fixed(1), "a y of another shape");
  if (checks->ok()) LinearPart::CheckWeights(op, w, checks);
}

}  // namespace concord::cpu

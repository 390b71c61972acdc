#include "backends/gpu/ops/linear_launches.h"

#include <utility>

#include "backends/gpu/ops/launches.h"
#include "runtime/base/packing/int8_rows.h"

namespace concord::gpu {
namespace {

// Of each 32 elements of x a record of 48 bytes, for all ops that read it.
uint32_t RoundedRows(LaunchBuilder* builder, const sdk::Value& x) {
  constexpr int64_t kRecordBytes = 48;
  const Size bytes = Size::Elems(x).Times(kRecordBytes).DividedBy(packing::kInt8Group);
  return builder->SharedScratch(x, bytes, [&](uint32_t records) {
    builder->Add(FlatLaunch(*builder, "quantize_rows", {}, {Arg::In(x.index), Arg::WriteScratch(records)},
                            Size::Elems(x).DividedBy(4), {}));
  });
}

// Of each row of x its elements as halves and their factor, for all ops that read it in many rows.
uint32_t HalfRows(LaunchBuilder* builder, const sdk::Value& x, Condition many) {
  constexpr int64_t kStep = 32, kStepWords = kStep / 2, kFactorWords = 4;
  const int64_t width = Checks::Width(x), row_words = CeilDiv(width, kStep) * kStepWords + kFactorWords;
  const Size rows = Size::Elems(x, 0, 1);
  return builder->SharedScratch(x, rows.Times(row_words * 4), [&](uint32_t halves) {
    Launch launch;
    launch.kernel = {"half_rows", {{"WG", WorkgroupFor(builder->limits(), width / 4, 256)}}};
    launch.args = {Arg::In(x.index), Arg::WriteScratch(halves)};
    launch.words = {Word::Of(rows), Word::U(width), Word::U(row_words)};
    launch.groups = rows;
    launch.when = {std::move(many)};
    builder->Add(std::move(launch));
  });
}

}  // namespace

void LinearLaunches::Check(const sdk::Op& op, uint32_t x, uint32_t w, Checks* checks) {
  checks->Weights(w);
  if (!checks->ok()) return;
  checks->Need(op.input(x).rank() >= 2 && Checks::Width(op.input(x)) == op.input(w).fixed(1),
               "an x whose width is not that of the weights");
}

LinearLaunches::LinearLaunches(LaunchBuilder* builder, const sdk::Op& op, const sdk::Value& x)
    : builder_(*builder),
      x_(x),
      int8_(op.arithmetic() == "int8/32"),
      f16_(op.arithmetic() == "f16"),
      n_(Size::Elems(x, 0, 1)) {
  x_args_ = int8_ ? std::vector<Arg>{Arg::ReadScratch(RoundedRows(builder, x))}
                  : std::vector<Arg>{Arg::In(x.index), Arg::In(x.index)};  // by floats and by fours
  many_x_args_ = f16_ ? std::vector<Arg>{Arg::ReadScratch(HalfRows(builder, x, {n_, kFew + 1, INT64_MAX}))} : x_args_;
}

std::string LinearLaunches::Kernel(std::string_view shape, const sdk::Value& w) const {
  const bool half = f16_ && shape == "linear_mat";  // few rows cost the reading of W, which is halves in any case
  return sdk::Cat(shape, std::string_view(int8_ ? "_int8." : half ? "_f16." : "."), w.packing());
}

std::vector<Arg> LinearLaunches::XThen(const std::vector<Arg>& x, std::vector<Arg> others) {
  others.insert(others.begin(), x.begin(), x.end());
  return others;
}

std::vector<Word> LinearLaunches::Words(const WeightLayout& layout, const WeightLayout::Part& part) const {
  return {Word::Of(n_),
          Word::U(layout.cols),
          Word::U(layout.row_units),
          Word::U(layout.rows),
          Word::U(part.row_begin),
          Word::U(part.rows),
          Word::U(static_cast<int64_t>(part.scales_word)),
          Word::U(static_cast<int64_t>(part.supers_word))};
}

void LinearLaunches::Few(const sdk::Value& w, const sdk::Value* up, uint32_t bias, const GluAttrs& attrs,
                         const Arg& y) const {
  const WeightLayout layout = builder_.Layout(w);
  const bool has_bias = bias != CONCORD_NONE;
  const sdk::Value& u = up != nullptr ? *up : w;
  // Two units an invocation or more, before workgroups grow: less to sum across them.
  const uint32_t wg = WorkgroupFor(builder_.limits(), layout.row_units / 2, 128);
  for (uint32_t n = 1; n <= kFew; n *= 2) {
    // As many rows together as registers hold: their decoded units, and a sum for each row of W and of x.
    const uint32_t unit_words = layout.format->unit_elems / (int8_ ? 4 : 1);
    const uint32_t rows = unit_words > 8 || n > 4 ? 2 : 4;
    for (uint32_t p = 0; p < layout.parts.size(); ++p) {
      const WeightLayout::Part& part = layout.parts[p];
      Launch launch;
      launch.kernel = {Kernel("linear_vec", w),
                       {{"WG", wg},
                        {"N", n},
                        {"ROWS", rows},
                        {"WHOLE_UNITS", layout.cols % layout.format->unit_elems == 0},
                        {"HAS_BIAS", has_bias},
                        {"GLU", up != nullptr},
                        {"ACT", attrs.act},
                        {"CLAMP", attrs.clamp}}};
      launch.args = XThen(x_args_, {Arg::Weights(w.index, p), Arg::Weights(w.index, p), Arg::Weights(u.index, p),
                                    Arg::Weights(u.index, p), Arg::In(has_bias ? bias : x_.index), y});
      launch.words = Words(layout, part);
      for (Word& word : attrs.words()) launch.words.push_back(std::move(word));
      launch.groups = Size::Of(CeilDiv(part.rows, rows));
      launch.when = {{n_, n / 2 + 1, n}};
      builder_.Add(std::move(launch));
    }
  }
}

void LinearLaunches::Many(const sdk::Value& w, uint32_t bias, const Arg& y) const {
  uint32_t bm = 64, bn = 64;
  // The SHARED of linear_mat; and of linear_mat_int8 at most, where a unit of W has two parts.
  const auto shared_bytes = [&](uint32_t rows, uint32_t tokens) {
    return int8_ ? 4 * 2 * (8 * (rows + 1) + 4 * rows + 12 * (tokens + 1)) : 4 * 32 * (rows + tokens + 2);
  };
  while (bm > 8 &&
         (bm * bn / 16 > builder_.limits().max_workgroup || shared_bytes(bm, bn) > builder_.limits().shared_bytes)) {
    (bn >= bm ? bn : bm) /= 2;
  }
  // Half as many tokens a tile where the rest of it would be empty.
  Tiles(w, bias, y, bm, bn / 2, {n_, kFew + 1, bn / 2});
  Tiles(w, bias, y, bm, bn, {n_, std::max<int64_t>(kFew, bn / 2) + 1, INT64_MAX});
}

void LinearLaunches::Tiles(const sdk::Value& w, uint32_t bias, const Arg& y, uint32_t bm, uint32_t bn,
                           Condition when) const {
  if (when.at_most < when.at_least) return;
  const WeightLayout layout = builder_.Layout(w);
  const bool has_bias = bias != CONCORD_NONE;
  for (uint32_t p = 0; p < layout.parts.size(); ++p) {
    const WeightLayout::Part& part = layout.parts[p];
    Launch launch;
    launch.kernel = {Kernel("linear_mat", w),
                     {{"WG", bm * bn / 16},
                      {"BM", bm},
                      {"BN", bn},
                      {"WHOLE_UNITS", layout.cols % layout.format->unit_elems == 0},
                      {"HAS_BIAS", has_bias}}};
    launch.args = XThen(many_x_args_,
                        {Arg::Weights(w.index, p), Arg::Weights(w.index, p), Arg::In(has_bias ? bias : x_.index), y});
    launch.words = Words(layout, part);
    launch.groups = Size::Of(CeilDiv(part.rows, bm));
    launch.layers = n_.DividedBy(bn);
    launch.when = {when};
    builder_.Add(std::move(launch));
  }
}

void LinearLaunches::Glu(const sdk::Value& gate, const sdk::Value& up, const GluAttrs& attrs,
                         const sdk::Value& y) const {
  Few(gate, &up, CONCORD_NONE, attrs, Arg::Out(y.index));
  const Size n = Size::Elems(y);
  const uint32_t gates = builder_.NewScratch(n.Times(4)), ups = builder_.NewScratch(n.Times(4));
  Many(gate, CONCORD_NONE, Arg::WriteScratch(gates));
  Many(up, CONCORD_NONE, Arg::WriteScratch(ups));
  Launch launch = FlatLaunch(builder_, "glu", attrs.constants(),
                             {Arg::ReadScratch(gates), Arg::ReadScratch(ups), Arg::Out(y.index)}, n, attrs.words());
  launch.when = {{n_, kFew + 1, INT64_MAX}};
  builder_.Add(std::move(launch));
}

}  // namespace concord::gpu

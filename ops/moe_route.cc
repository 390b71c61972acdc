#include <algorithm>
#include <numeric>

#include "ops/core/numerics.h"

// Which experts a token goes to, and with which weights. For each row z of logits:
//   score      func "softmax": softmax(z); "sigmoid": σ(z); "sqrt_softplus": sqrt(ln(1 + e^z)); "softmax_after": z
//   selection  score + bias. Without a bias z itself is compared: every func grows with z, and so no rounding of it
//              decides between experts
//   groups     with groups = G > 1 the experts are G runs of E / G; a group is worth its best selection (group_score
//              "max") or the sum of its best two ("top2"); only the best topk_group of them are left
//   ids        the k experts of the largest selection, largest first; of equals, and of equal groups, the lower index
//              first. NaN is smaller than everything
//   weights    the scores at ids, without the bias; with "softmax_after" softmax of those k. With normalise divided by
//              their sum + 1e-20; then times scale
// forced_ids, where they are given, are the ids: nothing is selected. An id outside of the experts has the weight 0.
// Shapes: logits [n, E] f32; bias [E]; forced_ids [n, k] i32; ids [n, k] i32; weights [n, k] f32.
// Source: Qwen3 (softmax), gpt-oss (softmax_after), DeepSeek-V2 (groups by max), DeepSeek-V3, arXiv:2412.19437
// (sigmoid, bias, groups by top2), DeepSeek-V4 (sqrt_softplus, forced ids).
namespace concord::ops {
namespace {

struct MoeRouteAttrs {
  std::string func = "softmax";
  int64_t k = 1;
  int64_t groups = 1;
  int64_t topk_group = 1;
  std::string group_score = "max";
  bool normalise = false;
  double scale = 1;
  template <typename V>
  void Visit(V& v) {
    v("func", func);
    v("k", k);
    v("groups", groups);
    v("topk_group", topk_group);
    v("group_score", group_score);
    v("normalise", normalise);
    v("scale", scale);
  }
};

absl::Status CheckSelection(const MoeRouteAttrs& attrs, int64_t experts) {
  if (attrs.k < 1 || attrs.k > experts) {
    return absl::InvalidArgumentError(absl::StrCat("moe_route: k is ", attrs.k, " of ", experts, " experts"));
  }
  if (attrs.groups < 1 || attrs.topk_group < 1 || attrs.topk_group > attrs.groups || experts % attrs.groups != 0) {
    return absl::InvalidArgumentError(absl::StrCat("moe_route: ", attrs.topk_group, " of ", attrs.groups,
                                                   " groups cannot be taken of ", experts, " experts"));
  }
  const int64_t size = experts / attrs.groups;
  if (attrs.groups > 1 && (attrs.topk_group * size < attrs.k || (attrs.group_score == "top2" && size < 2))) {
    return absl::InvalidArgumentError(absl::StrCat("moe_route: ", attrs.topk_group, " groups of ", size,
                                                   " experts are too few for k ", attrs.k, " and group_score ",
                                                   attrs.group_score));
  }
  return absl::OkStatus();
}

absl::Status InferMoeRoute(const MoeRouteAttrs& attrs, Signature& s) {
  CONCORD_RETURN_IF_ERROR(s.ExpectRank("logits", 2));
  CONCORD_RETURN_IF_ERROR(s.ExpectPacking("logits", {"f32"}));
  const Dim n = s.dim("logits", 0), experts = s.dim("logits", 1);
  if (attrs.func != "softmax" && attrs.func != "sigmoid" && attrs.func != "softmax_after" &&
      attrs.func != "sqrt_softplus") {
    return absl::InvalidArgumentError(
        absl::StrCat("moe_route: func is '", attrs.func, "', want softmax, sigmoid, softmax_after or sqrt_softplus"));
  }
  if (attrs.group_score != "max" && attrs.group_score != "top2") {
    return absl::InvalidArgumentError(
        absl::StrCat("moe_route: group_score is '", attrs.group_score, "', want max or top2"));
  }
  if (!experts.is_constant()) {
    return absl::InvalidArgumentError("moe_route: the number of experts varies; it must be a constant");
  }
  CONCORD_RETURN_IF_ERROR(CheckSelection(attrs, experts.value));
  if (s.Has("bias")) CONCORD_RETURN_IF_ERROR(s.ExpectDims("bias", {experts}));
  if (s.Has("forced_ids")) {
    CONCORD_RETURN_IF_ERROR(s.ExpectDims("forced_ids", {n, attrs.k}));
    CONCORD_RETURN_IF_ERROR(s.ExpectPacking("forced_ids", {"i32"}));
  }
  s.SetOut("ids", TensorType{packing::Find("i32"), {n, attrs.k}, ""});
  s.SetOut("weights", TensorType{packing::Find("f32"), {n, attrs.k}, ""});
  return absl::OkStatus();
}

std::vector<double> Softmax(std::vector<double> z) {
  double largest = -INFINITY, sum = 0;
  for (double v : z) largest = std::max(largest, v);
  for (double& v : z) sum += v = std::exp(v - largest);
  for (double& v : z) v /= sum;
  return z;
}

std::vector<double> Scores(const std::string& func, std::vector<double> z) {
  if (func == "softmax") return Softmax(std::move(z));
  for (double& v : z) {
    if (func == "sigmoid") v = 1 / (1 + std::exp(-v));
    if (func == "sqrt_softplus") v = std::sqrt(std::max(v, 0.0) + std::log1p(std::exp(-std::fabs(v))));
  }
  return z;
}

// The first `count` of 0, 1, ... in the order of `of`, the largest first, the lower index of equals, NaN last.
std::vector<int64_t> Best(const std::vector<double>& of, int64_t count) {
  std::vector<int64_t> order(of.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](int64_t a, int64_t b) { return of[a] > of[b] || (std::isnan(of[b]) && !std::isnan(of[a])); });
  order.resize(count);
  return order;
}

std::vector<int64_t> Select(const MoeRouteAttrs& attrs, const std::vector<double>& selection) {
  if (attrs.groups == 1) return Best(selection, attrs.k);
  const int64_t size = static_cast<int64_t>(selection.size()) / attrs.groups;
  std::vector<double> worth;
  for (int64_t g = 0; g < attrs.groups; ++g) {
    const std::vector<double> of(selection.begin() + g * size, selection.begin() + (g + 1) * size);
    const std::vector<int64_t> best = Best(of, std::min<int64_t>(size, 2));
    worth.push_back(attrs.group_score == "max" ? of[best[0]] : of[best[0]] + of[best[1]]);
  }
  std::vector<int64_t> left = Best(worth, attrs.topk_group), experts;
  std::sort(left.begin(), left.end());
  std::vector<double> of;
  for (int64_t g : left) {
    for (int64_t e = g * size; e < (g + 1) * size; ++e) experts.push_back(e), of.push_back(selection[e]);
  }
  std::vector<int64_t> ids = Best(of, attrs.k);
  for (int64_t& id : ids) id = experts[id];
  return ids;
}

void ReferenceMoeRoute(const MoeRouteAttrs& attrs, const RefArgs& args) {
  const TensorView &logits = args["logits"], &ids = args["ids"], &weights = args["weights"];
  const int64_t experts = logits.cols();
  for (int64_t t = 0; t < logits.rows(); ++t) {
    const std::vector<double> z = logits.Row(t), scores = Scores(attrs.func, z);
    std::vector<int64_t> chosen;
    if (args.has("forced_ids")) {
      for (int64_t j = 0; j < attrs.k; ++j) chosen.push_back(args["forced_ids"].Int(t * attrs.k + j));
    } else {
      std::vector<double> selection = z;
      if (args.has("bias")) {
        const std::vector<double> bias = args["bias"].Row(0);
        for (int64_t e = 0; e < experts; ++e) selection[e] = scores[e] + bias[e];
      }
      chosen = Select(attrs, selection);
    }
    std::vector<double> w;
    const bool after = attrs.func == "softmax_after";
    const auto known = [&](int64_t id) { return id >= 0 && id < experts; };
    for (int64_t id : chosen) w.push_back(known(id) ? scores[id] : after ? -INFINITY : 0);
    if (after) w = Softmax(std::move(w));
    for (int64_t j = 0; j < attrs.k; ++j) {
      if (!known(chosen[j])) w[j] = 0;
    }
    const double sum = attrs.normalise ? std::accumulate(w.begin(), w.end(), 1e-20) : 1;
    for (double& v : w) v = v / sum * attrs.scale;
    for (int64_t j = 0; j < attrs.k; ++j) ids.SetInt(t * attrs.k + j, chosen[j]);
    weights.WriteRow(t, w.data());
  }
}

// exp to 2 ulp twice, sums of positive terms, two divisions, a product.
double ToleranceMoeRoute(const OpCase& c) { return kEpsF32 * (32.0 + static_cast<double>(c.dim("logits", 1))); }

// Logits that differ by 1/16 at least, so that no device can take one for another; equal ones have a case of their own.
void FillDistinct(CaseRng& rng, const TensorView& view) {
  std::vector<double> row(view.cols());
  for (int64_t t = 0; t < view.rows(); ++t) {
    for (size_t e = 0; e < row.size(); ++e) row[e] = (static_cast<double>(e) - row.size() / 2.0) / 8;
    for (size_t e = row.size(); e > 1; --e) std::swap(row[e - 1], row[rng.Int(0, static_cast<int64_t>(e) - 1)]);
    for (double& v : row) v += rng.Uniform(0, 1.0 / 16);
    view.WriteRow(t, row.data());
  }
}

// Whole numbers of which many are equal.
void FillTies(CaseRng& rng, const TensorView& view) {
  std::vector<double> row(view.cols());
  for (int64_t t = 0; t < view.rows(); ++t) {
    for (double& v : row) v = static_cast<double>(rng.Int(-2, 2));
    view.WriteRow(t, row.data());
  }
}

OpCase RouteCase(std::string name, Attrs attrs, int64_t n, int64_t experts, bool bias, Fill fill = FillDistinct) {
  OpCase c{"moe_route", std::move(name), std::move(attrs), {In("logits", {n, experts}, "f32", std::move(fill))}};
  if (bias) c.inputs.push_back(In("bias", {experts}));
  return c;
}

std::vector<OpCase> CasesMoeRoute() {
  const std::string softmax = "softmax", after = "softmax_after", sigmoid = "sigmoid", root = "sqrt_softplus";
  const int64_t yes = 1;
  std::vector<OpCase> cases = {
      RouteCase("qwen3_1x128", {{"k", int64_t{8}}, {"normalise", yes}}, 1, 128, false),
      RouteCase("qwen3_37x128", {{"k", int64_t{8}}, {"normalise", yes}}, 37, 128, false),
      RouteCase("qwen2_5x60", {{"k", int64_t{4}}}, 5, 60, false),
      RouteCase("gpt_oss_5x32", {{"func", after}, {"k", int64_t{4}}}, 5, 32, true),
      RouteCase("llama4_7x16", {{"func", sigmoid}}, 7, 16, false),
      RouteCase("minimax_m3_9x33", {{"func", sigmoid}, {"k", int64_t{4}}, {"normalise", yes}, {"scale", 2.0}}, 9, 33,
                true),
      RouteCase("deepseek_v2_9x40",
                {{"k", int64_t{6}}, {"groups", int64_t{8}}, {"topk_group", int64_t{3}}, {"scale", 16.0}}, 9, 40, false),
      RouteCase("deepseek_v3_9x64",
                {{"func", sigmoid},
                 {"k", int64_t{8}},
                 {"groups", int64_t{8}},
                 {"topk_group", int64_t{4}},
                 {"group_score", std::string("top2")},
                 {"normalise", yes},
                 {"scale", 2.5}},
                9, 64, true),
      RouteCase("deepseek_v4_9x48", {{"func", root}, {"k", int64_t{6}}, {"normalise", yes}, {"scale", 1.5}}, 9, 48,
                true),
      RouteCase("ties_23x24", {{"k", int64_t{5}}, {"normalise", yes}}, 23, 24, false, FillTies),
      RouteCase(
          "tied_groups_23x24",
          {{"k", int64_t{5}}, {"groups", int64_t{6}}, {"topk_group", int64_t{3}}, {"group_score", std::string("top2")}},
          23, 24, false, FillTies),
      RouteCase("all_3x5", {{"k", int64_t{5}}}, 3, 5, false),
      RouteCase("one_3x1", {{"normalise", yes}}, 3, 1, false),
      RouteCase("no_rows", {{"k", int64_t{8}}, {"normalise", yes}}, 0, 128, false),
  };
  OpCase& forced = cases.emplace_back(
      RouteCase("forced_6x12", {{"func", root}, {"k", int64_t{3}}, {"normalise", yes}, {"scale", 1.5}}, 6, 12, false));
  forced.inputs.push_back(In("forced_ids", {6, 3}, "i32", FillInts(0, 11)));
  OpCase& outside = cases.emplace_back(RouteCase("forced_outside", {{"k", int64_t{3}}}, 2, 12, false));
  outside.inputs.push_back(In("forced_ids", {2, 3}, "i32", FillGiven({-1, 5, 12, 0, 11, 99})));
  return cases;
}

Cost CostMoeRoute(const MoeRouteAttrs& attrs, const CostArgs& a) {
  return {.flops =
              static_cast<double>(a.dim("logits", 0) * a.dim("logits", 1)) * (10.0 + static_cast<double>(attrs.k))};
}

}  // namespace

CONCORD_DEFINE_OP(moe_route) {
  return OpBuilder<MoeRouteAttrs>("moe_route", 1, "the experts of each token and their weights")
      .Input("logits")
      .OptionalWeight("bias")
      .OptionalInput("forced_ids")
      .Output("ids")
      .Output("weights")
      .Infer(InferMoeRoute)
      .Reference(ReferenceMoeRoute)
      .Tolerance(ToleranceMoeRoute)
      .Cases(CasesMoeRoute)
      .Cost(CostMoeRoute)
      .Build();
}

}  // namespace concord::ops
